use super::*;

fn globs(text: &str) -> Globs {
    assert_eq!(fault(text), None, "{text}");
    Globs::new(&[text.to_owned()])
}

#[test]
fn a_glob_means_these_paths_and_no_others() {
    let rows: [(&str, &[&str], &[&str]); 16] = [
        ("a.rs", &["a.rs"], &["b.rs", "x/a.rs", "a.rs/x", "a_rs"]),
        ("*.rs", &["a.rs", ".rs", ".a.rs"], &["a.rs.x", "x/a.rs", "ars"]),
        ("*", &["a", ".gitignore"], &["a/b"]),
        ("**", &["a", "a/b", "a/b/c"], &[]),
        ("**/*.rs", &["a.rs", "x/a.rs", "x/y/a.rs"], &["a.rsx", "x/a"]),
        ("src/**", &["src/a", "src/a/b"], &["a", "srcs/a", "x/src/a"]),
        ("src/**/a.rs", &["src/a.rs", "src/x/a.rs", "src/x/y/a.rs"], &["src/x/b.rs", "a.rs"]),
        ("**/t/**", &["t/a", "x/t/a", "x/t/t/a"], &["x/a"]),
        ("**/**/a", &["a", "x/a"], &["b"]),
        ("?.md", &["a.md", "ä.md"], &[".md", "ab.md"]),
        ("a*b*c", &["abc", "aXbYc", "abbbc", "abcbc"], &["ab", "abcd", "acb"]),
        ("a**c", &["ac", "abc"], &["a/c"]),
        ("*.{rs,md}", &["a.rs", "a.md"], &["a.txt", "a.rs,md"]),
        ("{src,tests}/**/*.r{s,on}", &["src/a.rs", "tests/x/a.ron"], &["lib/a.rs"]),
        ("{a,{b,c}d}", &["a", "bd", "cd"], &["b", "ad"]),
        ("a[b]{,.x}", &["a[b]", "a[b].x"], &["ab"]),
    ];
    for (text, meant, others) in rows {
        let globs = globs(text);
        meant.iter().for_each(|path| assert!(globs.mean(path), "{text} means {path}"));
        others.iter().for_each(|path| assert!(!globs.mean(path), "{text} does not mean {path}"));
    }
}

#[test]
fn a_folder_is_entered_only_if_something_below_may_be_meant() {
    let rows: [(&str, &[&str], &[&str]); 4] = [
        ("src/**/*.rs", &["", "src", "src/x"], &["srcs", "target", "x/src"]),
        ("*.md", &[""], &["a", "a.md"]),
        ("**/a", &["", "x", "x/y"], &[]),
        ("{a,b}/c/d", &["a", "b/c"], &["c", "a/b", "a/c/d"]),
    ];
    for (text, entered, others) in rows {
        let globs = globs(text);
        entered.iter().for_each(|path| assert!(globs.may_mean_below(path), "{text}: {path}"));
        others.iter().for_each(|path| assert!(!globs.may_mean_below(path), "{text}: {path}"));
    }
}

#[test]
fn no_globs_mean_nothing() {
    assert!(!Globs::default().mean("a") && !Globs::default().may_mean_below(""));
}

#[test]
fn a_text_that_is_no_glob_says_why() {
    let many = "{a,b}".repeat(7);
    let long = "x".repeat(GLOB_BYTES_MAX + 1);
    let deep = "{".repeat(GLOB_BYTES_MAX);
    let rows = [
        ("", "empty name"),
        ("/etc/*", "empty name"),
        ("src/", "slash at an end"),
        ("a//b", "empty name"),
        ("../*", "has `..`"),
        ("./a", "has `.`"),
        ("{a,b", "`{` without a `}`"),
        ("a}", "`}` without a `{`"),
        ("{a}}", "`}` without a `{`"),
        ("a\0", "NUL"),
        (&many, "more than 64"),
        (&long, "1025 bytes"),
        (&deep, "`{` without a `}`"),
    ];
    for (text, part) in rows {
        let fault = fault(text).expect("it is no glob");
        assert!(fault.contains(part), "{text}: {fault}");
        assert_eq!(Globs::new(&[text.to_owned()]), Globs::default());
    }
}

#[test]
fn a_glob_of_many_stars_is_read_as_quickly_as_any() {
    let stars = globs(&format!("{}b", "a*".repeat(300)));
    assert!(!stars.mean(&"a".repeat(4_000)));
    let folders = globs(&format!("{}b", "**/a/".repeat(200)));
    assert!(!folders.mean(&"a/".repeat(1_000)));
}
