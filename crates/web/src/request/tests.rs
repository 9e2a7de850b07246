use domain::run::{Request, Workspace};

use super::{Asked, read, read_whole};

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn refused(query: &[(&str, &str)]) -> String {
    read(String::new(), pairs(query)).expect_err("something is wrong with it").message
}

#[test]
fn what_comes_with_a_plan_is_read() {
    let query = [
        ("input", "tag=v1=2"),
        ("input", "to="),
        ("workspace", "/srv/shop/"),
        ("branch", "main"),
        ("file", "deploy.yaml"),
        ("dry_run", "true"),
    ];
    let request = Request {
        plan: "name: x".to_owned(),
        file: Some("deploy.yaml".to_owned()),
        inputs: [("tag", "v1=2"), ("to", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        workspace: Some(Workspace {
            id: "shop".to_owned(),
            path: "/srv/shop/".to_owned(),
            branch: Some("main".to_owned()),
        }),
    };
    let asked = read("name: x".to_owned(), pairs(&query));
    assert_eq!(asked.ok(), Some(Asked { request, is_rehearsal: true }));
}

#[test]
fn all_of_it_may_stand_in_the_body() {
    let body = r#"{"plan": "name: x", "file": "x.yaml", "inputs": {"tag": "ü=2"}, "dry_run": true,
        "workspace": {"path": "/srv/shop", "branch": "main"}}"#;
    let request = Request {
        plan: "name: x".to_owned(),
        file: Some("x.yaml".to_owned()),
        inputs: [("tag".to_owned(), "ü=2".to_owned())].into(),
        workspace: Some(Workspace {
            id: "shop".to_owned(),
            path: "/srv/shop".to_owned(),
            branch: Some("main".to_owned()),
        }),
    };
    let asked = read_whole(body.as_bytes(), &[]);
    assert_eq!(asked.ok(), Some(Asked { request, is_rehearsal: true }));
    let query = pairs(&[("input", "a=1")]);
    let rows = [
        (r#"{"plan": "x"}"#, &query[..], "all of it is in the body"),
        (r#"{"inputs": {}}"#, &[], "missing field `plan`"),
        (r#"{"plan": "x", "input": {}}"#, &[], "unknown field `input`"),
        (r#"{"plan": "x", "workspace": {"path": "shop"}}"#, &[], "absolute path"),
        ("name: x", &[], "this is no application/vnd.lares.run+json"),
    ];
    for (body, query, expected) in rows {
        let refused = read_whole(body.as_bytes(), query).expect_err("something is wrong with it");
        assert!(refused.message.contains(expected), "{body}: {}", refused.message);
    }
}

#[test]
fn what_is_wrong_with_it_is_said() {
    let table: [(&[(&str, &str)], &str); 7] = [
        (&[("input", "tag")], "NAME=VALUE"),
        (&[("input", "=v")], "NAME=VALUE"),
        (&[("input", "a=1"), ("input", "a=2")], "given twice"),
        (&[("workspace", "shop")], "absolute path"),
        (&[("branch", "main")], "of a workspace"),
        (&[("dry_run", "yes")], "true or false"),
        (&[("inputs", "a=1")], "did you mean `input`?"),
    ];
    for (query, expected) in table {
        let message = refused(query);
        assert!(message.contains(expected), "{query:?}: {message}");
    }
}
