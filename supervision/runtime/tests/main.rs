//! What the runtime promises, kept by real actors.

mod backoff;
mod calls;
mod drain;
mod durable;
mod dynamic;
mod inspection;
mod mailbox;
mod names;
mod over;
mod panics;
mod replay;
mod stage;
mod supervision;
mod watchdog;

#[test]
fn no_test_file_is_forgotten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let declared = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).expect("the folder of this file").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        assert!(
            declared.lines().any(|line| line == format!("mod {module};")),
            "declare tests/{name} in tests/main.rs: nobody compiles it"
        );
    }
}
