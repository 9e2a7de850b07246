//! What is not there is said to be not there, in the same words on every route.

use serde_json::json;

use crate::node::Node;

const NOBODY: &str = "pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3";

#[test]
fn a_run_that_is_unknown_is_unknown_on_every_route() {
    let node = Node::start();
    let routes = [
        ("GET", "", ""),
        ("GET", "/plan", ""),
        ("GET", "/timeline", ""),
        ("GET", "/timeline?after=7", ""),
        ("GET", "/artifacts/00ff", ""),
        ("GET", "/steps/a/attachments/stdout", ""),
        ("POST", "/cancel", "{}"),
        ("POST", "/replay", ""),
        ("POST", "/descend", r#"{"how": "replay"}"#),
        ("POST", "/descend", r#"{"how": "fork", "from": "a"}"#),
        ("POST", "/resume", "{}"),
        ("POST", "/signals/go", "{}"),
        ("PUT", "/inputs/tag", r#"{"value": 1}"#),
        ("POST", "/steps/a/settle", r#"{"happened": true}"#),
    ];
    let mut wrong = Vec::new();
    for (method, rest, body) in routes {
        let answer = node.door(&format!("{method} /v1/runs/{NOBODY}{rest}"), body);
        let error = &answer.json()["error"];
        let message = error["message"].as_str().unwrap_or_default();
        let is_right = (answer.status, &error["code"]) == (404, &json!("unknown"))
            && message.contains(&format!("there is no {NOBODY}"))
            && message.contains("lares runs");
        if !is_right {
            wrong.push(format!("{method} {rest}: {} {}", answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_address_of_another_kind_names_no_run() {
    let node = Node::start();
    for path in ["", "/plan", "/timeline", "/timeline?after=7"] {
        let answer = node.door(&format!("GET /v1/runs/ses_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3{path}"), "");
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "unknown", "{path}");
    }
}

#[test]
fn parts_of_a_run_that_are_not_there_are_missing() {
    let node = Node::start();
    let run = node.begin_plan("name: n\nsteps: [{name: a, command: echo a}]", &[]);
    node.finished(&run);
    let approval = run.replace("pln_", "apr_") + "-1";
    let fork = r#"{"how": "fork", "from": "b"}"#;
    let rows = [
        ("GET", format!("/v1/approvals/{approval}"), "", "lares approvals"),
        ("POST", format!("/v1/approvals/{approval}"), r#"{"granted": true}"#, "lares approvals"),
        ("GET", format!("/v1/runs/{run}/artifacts/00ff"), "", "00ff"),
        ("POST", format!("/v1/runs/{run}/descend"), fork, "step b never ran"),
    ];
    for (method, path, body, part) in rows {
        let answer = node.door(&format!("{method} {path}"), body);
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "missing", "{path}: {}", answer.body);
        assert!(answer.body.contains(part), "no {part} in {}", answer.body);
    }
}
