//! What a script comes to at the door: what its tools say counts as if it said so itself.

use domain::BoxFuture;
use domain::run::{Error, Request, Workspace};
use domain::tool::{Call, Contract, Effect, Failure, Output, Tools};
use serde_json::{Value, json};
use work::Limits;

/// One tool of each kind; nobody performs anything here.
struct Shelf;

impl Tools for Shelf {
    fn contracts(&self) -> Vec<Contract> {
        let contract = |name, effect| Contract {
            name,
            about: "",
            arguments: json!({}),
            effect,
            lane: name,
            is_far: false,
        };
        let texts = json!({"additionalProperties": {"type": "string"}});
        let properties = json!({"command": {}, "cwd": {}, "workspace": {}, "env": texts});
        let arguments = json!({ "properties": properties });
        let shell = Contract { arguments, ..contract("shell", Effect::Unsafe) };
        vec![contract("look", Effect::None), contract("pay", Effect::Unsafe), shell]
    }

    fn faults(&self, _tool: &str, args: &Value) -> Vec<String> {
        let variables = args["env"].as_object().into_iter().flatten();
        let wrong = variables.filter(|(_, value)| !value.is_string());
        wrong.map(|(name, value)| format!("{name} is {value}: write a text")).collect()
    }

    fn perform(
        &self,
        _call: Call,
        stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>> {
        Box::pin(async {
            stop.await;
            Ok(Output::default())
        })
    }
}

fn faults(step: &Value) -> Vec<String> {
    let script = json!({"version": 1, "rounds": [{"steps": [step]}]}).to_string();
    let limits = Limits::default();
    match work::read(&script.into(), &Shelf, &limits) {
        Err(Error::Faults(faults)) => faults,
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

fn step(tool: &str, more: &Value) -> Value {
    let mut step = json!({"id": "a", "tool": tool, "args": {}});
    let rest = more.as_object().expect("an object").clone();
    step.as_object_mut().expect("an object").extend(rest);
    step
}

#[test]
fn an_unsafe_effect_is_never_repeated_blindly_whoever_says_that_it_is_unsafe() {
    let check = json!({"tool": "look", "args": {}});
    let rows = [
        ("pay", json!({"attempts": 2}), true),
        ("pay", json!({"on_doubt": "repeat"}), true),
        ("look", json!({"effect": "unsafe", "attempts": 2}), true),
        ("pay", json!({"attempts": 1, "on_doubt": "fail"}), false),
        ("pay", json!({"effect": "keyed", "attempts": 2}), false),
        ("pay", json!({"attempts": 2, "check": check}), false),
        ("look", json!({"attempts": 2, "on_doubt": "repeat"}), false),
    ];
    for (tool, more, is_refused) in rows {
        let faults = faults(&step(tool, &more));
        let is_named = faults.iter().any(|fault| fault.contains("never repeated blindly"));
        assert_eq!(
            (is_named, faults.len()),
            (is_refused, usize::from(is_refused)),
            "{tool} {more}"
        );
    }
}

#[test]
fn nobody_waits_longer_than_any_store_can_hold() {
    for ms in [366 * 24 * 60 * 60 * 1_000 + 1, u64::MAX] {
        let faults = faults(&json!({"id": "a", "tool": "wait", "args": {"ms": ms}}));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("at most"), "{faults:?}");
    }
}

/// What a plan comes to that is given these inputs and works in a folder.
fn task(plan: &str, inputs: &[(&str, &str)]) -> work::plan::Task {
    let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let workspace = Workspace { id: "shop".to_owned(), path: "/srv/shop".to_owned(), branch: None };
    let request = Request {
        plan: plan.to_owned(),
        file: None,
        inputs: inputs.collect(),
        workspace: Some(workspace),
    };
    let brief = work::read(&request, &Shelf, &Limits::default()).expect("it has no fault");
    brief.rounds[0][0].clone()
}

#[test]
fn a_command_and_its_check_work_in_the_workspace_of_their_run() {
    let task = task("name: n\nsteps: [{name: a, command: x, check: y}]", &[]);
    assert_eq!(task.args["cwd"], "/srv/shop");
    let check = task.check.expect("it has one");
    assert_eq!(check.args, json!({"command": "y", "cwd": "/srv/shop"}));
}

#[test]
fn an_input_of_any_kind_is_the_text_of_a_variable() {
    let plan = "name: n\ninputs: {n: 3, yes: true, all: [a, 1], none: {default: }}\n\
                steps: [{name: a, command: x}]";
    for inputs in [&[][..], &[("n", "2.5"), ("all", "a,b"), ("yes", "off"), ("none", "x")]] {
        let variables = task(plan, inputs).uses.into_iter().map(|used| used.at.join("."));
        let expected = ["env.WF_ALL", "env.WF_N", "env.WF_NONE", "env.WF_YES"];
        assert_eq!(variables.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_branch_that_nothing_looks_at_is_refused() {
    let plan = "name: a\nstages: [{id: b, type: wait, for: 1s}, {id: c, action: shell, inputs: {command: x}}]";
    let mut request = Request::from(plan.to_owned());
    let (id, path) = ("shop".to_owned(), "/srv/shop".to_owned());
    request.workspace = Some(Workspace { id, path, branch: Some("main".to_owned()) });
    let brief = work::read(&request, &Shelf, &Limits::default()).expect("a command looks at it");
    let [_, round] = brief.rounds.as_slice() else { panic!("{:?}", brief.rounds) };
    let whole = json!({"command": "x", "workspace": request.workspace});
    assert_eq!(round[0].args, whole);
    request.plan = "name: a\nstages: [{id: b, type: wait, for: 1s}]".to_owned();
    let Err(Error::Faults(faults)) = work::read(&request, &Shelf, &Limits::default()) else {
        panic!("nobody would look at the branch");
    };
    assert!(faults.iter().any(|fault| fault.contains("the branch `main`")), "{faults:?}");
}
