use expect_test::expect;

use super::*;

/// A file of this text, checked, and the report with the name of its folder left out.
fn report(name: &str, text: &str) -> (String, Vec<Finding>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("the folder is ours");
    let found = check(&file, &tools().expect("there are tools"), &work::Limits::default());
    let folder = format!("{}/", folder.path().display());
    (tell(&found, 1).replace(&folder, ""), found)
}

#[test]
fn every_fault_has_its_place_and_the_line_as_it_should_stand() {
    let (told, found) = report(
        "w.yaml",
        "name: deploy\nsteps:\n  - name: a\n    comand: make\n  - name: b\n    command: \"true\"\n    \
         on_failure: rollback\n",
    );
    expect![[r#"
        w.yaml:4:5: error: a step has no key `comand`: did you mean `command`?
            command: make
        w.yaml:7:17: warning: there is no `rollback` at the top: this comes to abort
        1 file: 1 error, 1 warning
    "#]]
    .assert_eq(&told);
    assert_eq!(exit(&found, false), Exit::Usage);
}

#[test]
fn a_script_is_read_as_a_script() {
    let (told, found) = report("s.json", r#"{"version": 1, "rounds": [{"steps": [{"id": "a"}]}]}"#);
    expect![[r#"
        s.json: error: rounds[0].steps[0]: says no `tool`
        s.json: error: rounds[0].steps[0]: says no `args`: write {} where the tool takes none
        1 file: 2 errors, 0 warnings
    "#]]
    .assert_eq(&told);
    assert_eq!(exit(&found, false), Exit::Usage);
    let (told, _) = report("s.json", "{\n  \"rounds\": [,\n");
    expect![[r#"
        s.json:2:14: error: this is no JSON: expected value
        1 file: 1 error, 0 warnings
    "#]]
    .assert_eq(&told);
    let step = r#"{"id": "a", "tool": "shell", "args": {"command": "true"}}"#;
    let whole = format!(r#"{{"version": 1, "rounds": [{{"steps": [{step}]}}]}}"#);
    let (told, found) = report("s.json", &whole);
    assert_eq!(told, "1 file: 0 errors, 0 warnings\n");
    assert_eq!(exit(&found, true), Exit::Done);
}

#[test]
fn warnings_count_where_that_is_wanted() {
    let (told, found) = report("w.yaml", "steps:\n  - name: a\n    command: \"true\"\n");
    expect![[r#"
        w.yaml:1:1: warning: the workflow says no `name`: nobody will know it in a list
        1 file: 0 errors, 1 warning
    "#]]
    .assert_eq(&told);
    assert_eq!(exit(&found, false), Exit::Done);
    assert_eq!(exit(&found, true), Exit::Failed);
}

#[test]
fn what_cannot_be_read_is_named() {
    let found = check(
        Path::new("/nowhere/w.yaml"),
        &tools().expect("there are tools"),
        &work::Limits::default(),
    );
    expect![[r#"
        /nowhere/w.yaml: error: cannot be read: No such file or directory (os error 2)
        1 file: 1 error, 0 warnings
    "#]]
    .assert_eq(&tell(&found, 1));
    assert_eq!(exit(&found, false), Exit::Usage);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("w.yaml");
    std::fs::write(&file, b"name: \xff\n").expect("the folder is ours");
    let found = check(&file, &tools().expect("there are tools"), &work::Limits::default());
    let Finding { line, column, what, .. } = &found[0];
    assert_eq!((*line, *column), (Some(1), Some(7)), "{found:?}");
    assert!(what.contains("UTF-8"), "{found:?}");
}

#[test]
fn programs_read_one_list() {
    let (_, found) = report("w.yaml", "steps:\n  - nam: a\n    command: \"true\"\n");
    let found = found.into_iter().map(|found| Finding { file: "w.yaml".to_owned(), ..found });
    let text = serde_json::to_string_pretty(&found.collect::<Vec<_>>()).expect("it is JSON");
    expect![[r#"
        [
          {
            "file": "w.yaml",
            "line": 1,
            "column": 1,
            "severity": "warning",
            "what": "the workflow says no `name`: nobody will know it in a list",
            "instead": null
          },
          {
            "file": "w.yaml",
            "line": 2,
            "column": 5,
            "severity": "error",
            "what": "a step has no key `nam`: did you mean `name`?",
            "instead": "  - name: a"
          }
        ]"#]]
    .assert_eq(&text);
}

#[test]
fn what_there_is_nobody_for_yet_is_a_warning() {
    let (told, found) = report(
        "w.yaml",
        "name: n\nsteps:\n  - {name: think, type: claude_prompt, command: why?}\n  \
         - {name: greet, type: skill, command: hello}\n",
    );
    expect![[r#"
        w.yaml:3:5: warning: think needs a model, and none is configured yet: it fails when the run gets there
        w.yaml:4:5: warning: greet needs the skill `hello`, and none is configured yet: it fails when the run gets there
        1 file: 0 errors, 2 warnings
    "#]].assert_eq(&told);
    assert_eq!(exit(&found, false), Exit::Done);
}

#[test]
fn what_tools_would_not_take_is_told_beside_what_cannot_be_read() {
    let (told, _) = report(
        "w.yaml",
        "name: n\nsteps:\n  - {name: f, command: x, retry_limit: 2}\n  \
         - {name: g, comand: x}\n  - {name: m, type: skill, command: q}\n",
    );
    expect![[r#"
        w.yaml:3:5: error: f: an unsafe effect is never repeated blindly, and `shell` is unsafe unless `effect` says otherwise: give it a check, or one attempt and `on_doubt` ask or fail
        w.yaml:4:15: error: a step has no key `comand`: did you mean `command`?
            - {name: g, command: x}
        w.yaml:5:5: warning: m needs the skill `q`, and none is configured yet: it fails when the run gets there
        1 file: 2 errors, 1 warning
    "#]].assert_eq(&told);
}
