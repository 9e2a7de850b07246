use expect_test::expect;
use serde_json::json;

use super::*;

fn step(id: &str, args: Value) -> Rehearsed {
    Rehearsed {
        id: id.to_owned(),
        title: String::new(),
        tool: "shell".to_owned(),
        args,
        when: None,
        on_success: None,
        on_failure: None,
        approval: None,
        attempts: 1,
        undo: None,
    }
}

#[test]
fn a_person_reads_what_would_be_done_in_the_order_of_the_text() {
    let to = |name: &str| Some(name.to_owned());
    let build = Rehearsed {
        title: "Build it".to_owned(),
        on_success: to("push"),
        on_failure: to("fail"),
        undo: Some(Box::new(step("build~undo", json!({"command": "rm -r out"})))),
        ..step("build", json!({"command": "make image"}))
    };
    let push = Rehearsed {
        title: "push".to_owned(),
        tool: "http".to_owned(),
        when: Some("the step before it went well".to_owned()),
        approval: Some("May it go out?\u{1b}[2J".to_owned()),
        attempts: 3,
        on_success: to("build"),
        on_failure: to("rollback"),
        ..step("push", json!({"method": "POST", "url": "http://127.0.0.1/"}))
    };
    let last = Rehearsed {
        on_success: to("done"),
        on_failure: to("done"),
        tool: "wait".to_owned(),
        ..step("rest", json!({"ms": 60_000}))
    };
    let rehearsal = Rehearsal {
        name: Some("Deploy the shop".to_owned()),
        inputs: [("tag".to_owned(), json!("v1")), ("depth".to_owned(), json!(3))].into(),
        workspace: Some(Workspace {
            id: "shop".to_owned(),
            path: "/srv/shop".to_owned(),
            branch: Some("main".to_owned()),
        }),
        steps: vec![build, push, last],
        rollback: vec![step("back", json!({"command": "git reset"}))],
    };
    expect![[r#"
        Deploy the shop
          input      depth=3
          input      tag=v1
          workspace  /srv/shop (shop), branch main

        1. build  Build it
           does       shell: make image
           undo       shell: rm -r out
           if not     fail

        2. push
           does       http: POST http://127.0.0.1/
           only if    the step before it went well
           asks       May it go out? [2J
           tries      3 times at most
           then       build
           if not     rollback

        3. rest
           does       wait: 1m 0s

        rollback, where a route says so

        1. back
           does       shell: git reset

        nothing was done
    "#]]
    .assert_eq(&tell(&rehearsal));
}

#[test]
fn a_script_has_neither_a_name_nor_routes() {
    let rehearsal = Rehearsal {
        name: None,
        inputs: [].into(),
        workspace: None,
        steps: vec![step("a", json!({"command": "true"}))],
        rollback: vec![],
    };
    expect![[r#"
        1. a
           does       shell: true

        nothing was done
    "#]]
    .assert_eq(&tell(&rehearsal));
}
