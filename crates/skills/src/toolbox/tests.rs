use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::guard::Verb;

fn toolbox() -> Toolbox {
    let verb = Verb::of_this_program(&["guard"]);
    Toolbox::new(Options::new(verb, PathBuf::from("/hands"))).expect("the options are good")
}

fn check(tool: &str, args: Value, expected: &[&str]) {
    assert_eq!(toolbox().faults(tool, &args), expected, "{args}");
}

#[test]
fn a_path_that_depends_on_where_the_node_works_is_no_option() {
    let verb = Verb::of_this_program(&["guard"]);
    let error = Toolbox::new(Options::new(verb, PathBuf::from("hands"))).err().expect("relative");
    assert!(error.to_string().contains("`hands`"), "{error}");
}

#[test]
fn contracts_come_in_the_order_of_their_names() {
    let contracts = toolbox().contracts();
    let names: Vec<&str> = contracts.iter().map(|contract| contract.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    for contract in &contracts {
        assert_eq!(contract.arguments["additionalProperties"], false, "{}", contract.name);
    }
}

#[test]
fn good_arguments_have_no_fault() {
    check("shell", json!({ "command": "true" }), &[]);
    let all = json!({ "command": "true", "env": { "A_1": "" }, "cwd": "/", "input": "" });
    check("shell", all, &[]);
    check("http", json!({ "url": "https://example.org" }), &[]);
    let headers = json!({ "Accept": "text/plain" });
    let all =
        json!({ "method": "PUT", "url": "http://[::1]:8/", "headers": headers, "json": null });
    check("http", all, &[]);
}

#[test]
fn an_unknown_tool_is_answered_with_the_known_ones() {
    check("shel", json!({}), &["there is no tool `shel`: did you mean `shell`?"]);
    check(
        "telescope",
        json!({}),
        &["there is no tool `telescope`: write one of apply_patch, build_context_pack, \
           generate_diff_report, http, run_linters, run_tests, shell, summarize_run"],
    );
}

#[test]
fn all_faults_are_told_at_once_with_their_place_and_what_to_write() {
    check(
        "shell",
        json!({ "comand": "x", "cwd": "here", "env": { "a b": "c", "N": 1 }, "input": [] }),
        &[
            "args.cwd is `here`: write the folder it works in, as an absolute path",
            "args.env.N is a number: write a text",
            "args.env has the name `a b`: write variables it is granted, by name: letters, digits \
             and _",
            "args.input is a list: write a text",
            "args has no `comand`: did you mean `command`?",
            "args.command is missing: it is what `sh -c` runs, of at most 64 KiB",
        ],
    );
    check(
        "http",
        json!({ "method": "PSOT", "headers": { "Host": "x", "a b": "c", "d": "e\nf" }, "zzz": 1 }),
        &[
            "args.method is `PSOT`: did you mean `POST`?",
            "args has no `zzz`: it may have body, headers, json, method, url",
            "args.url is missing: it is where to, as `http://HOST/…` or `https://HOST/…`",
            "args.headers.Host is set by the tool itself: leave it out",
            "args.headers.a b is no name of a header: write letters, digits and `-`",
            "args.headers.d has a value that no header can have: write it in one line, without \
             control characters",
        ],
    );
    check("shell", json!("true"), &["args is a text: write an object, `{…}`"]);
}

#[test]
fn a_fault_inside_of_something_is_told_with_what_belongs_there() {
    check(
        "run_tests",
        json!({ "workspace": { "id": "", "pth": "/a", "branch": 1 } }),
        &[
            "args.workspace.path is missing: it is its folder, as an absolute path",
            "args.workspace.branch is a number: write a text",
            "args.workspace.id is ``: write the name of the workspace",
            "args.workspace has no `pth`: did you mean `path`?",
        ],
    );
    let globs = json!({
        "workspace": { "id": "a", "path": "a" }, "globs": [], "exclude": ["/a", 1],
        "budget_bytes": 9_000_000,
    });
    check(
        "build_context_pack",
        globs,
        &[
            "args.budget_bytes is `9000000`: write how many bytes of files it takes, as a whole \
             number up to 8388608; 262144 if nothing else is said",
            "args.exclude.1 is a number: write a text",
            "args.globs has 0 entries: write 1 to 64 globs of paths below the workspace: `*` and \
             `?` within a name, `**` for any folders, `{a,b}` for either",
            "args.workspace.path is `a`: write its folder, as an absolute path",
            "args.exclude.0 has an empty name in it, or a slash at an end: write it relative to \
             the workspace, as `src/**` or `*.md`",
        ],
    );
    check(
        "summarize_run",
        json!({ "name": "a", "steps": [{ "id": "s", "title": "t", "state": "done" }] }),
        &["args.steps.0.attempts is missing: it is how often it was tried, as a whole number"],
    );
}

#[test]
fn what_is_too_long_is_told_with_its_bound() {
    check("shell", json!({ "command": "x".repeat(65_536) }), &[]);
    check(
        "shell",
        json!({ "command": "x".repeat(65_537) }),
        &[
            "args.command has 65537 bytes, and 65536 is the most: put the script into a file and run \
           that",
        ],
    );
    check(
        "shell",
        json!({ "command": "x", "env": { "A": "x".repeat(65_536) } }),
        &["args.env has 65537 bytes, and 65536 is the most: put it into a file and read that"],
    );
}

#[test]
fn what_no_process_can_be_given_is_told() {
    check(
        "shell",
        json!({ "command": "a\0b", "env": { "LARES_KEY": "mine", "A": "\0" } }),
        &[
            "args.command has a NUL in it: leave it out",
            "args.env.A has a NUL in it: leave it out",
            "args.env.LARES_KEY is given by the node: use another name",
        ],
    );
    check(
        "shell",
        json!({ "command": "" }),
        &["args.command is ``: write what `sh -c` runs, of at most 64 KiB"],
    );
}

#[test]
fn an_address_that_cannot_be_asked_is_told_without_its_secrets() {
    let instead = "write `http://HOST/…` or `https://HOST/…`";
    let rows = [
        ("ftp://example.org/", format!("args.url has the scheme `ftp`: {instead}")),
        (
            "example.org/a",
            format!("args.url cannot be read (relative URL without a base): {instead}"),
        ),
        ("http://ann:hush@", format!("args.url cannot be read (empty host): {instead}")),
    ];
    for (url, fault) in rows {
        check("http", json!({ "url": url }), &[&fault]);
    }
    check(
        "http",
        json!({ "url": "http://example.org", "body": "a", "json": 1 }),
        &["args has both `body` and `json`: leave one out"],
    );
}
