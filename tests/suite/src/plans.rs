//! Written plans as people meet them: workflows and blueprints on a real node, with real commands.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::node::{Answer, Node, send, text, until};

mod crash;
mod examples;
mod faults;
mod found;
mod inputs;
mod routes;
mod texts;

/// What is said of a run beside its plan, by the names of the door.
type Query<'a> = &'a [(&'a str, &'a str)];

/// The door of a node, for who has its token.
struct Door {
    address: String,
    bearer: String,
}

impl Door {
    fn of(node: &Node) -> Self {
        let bearer = format!("Bearer {}", node.token());
        Self { address: node.address().to_owned(), bearer }
    }

    fn ask(&self, line: &str, body: &str) -> Answer {
        let length = body.len().to_string();
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
        ];
        send(&self.address, line, &headers, body)
    }
}

impl Node {
    fn door(&self, line: &str, body: &str) -> Answer {
        Door::of(self).ask(line, body)
    }

    fn read(&self, path: &str) -> Value {
        let answer = self.door(&format!("GET {path}"), "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    fn say(&self, path: &str, body: &Value) -> Value {
        let answer = self.door(&format!("POST {path}"), &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    fn send_plan(&self, plan: &str, query: Query<'_>) -> Answer {
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.door(&format!("POST /v1/runs?{}", pairs.join("&")), plan)
    }

    /// Begins a run of this plan, and returns its address.
    fn begin_plan(&self, plan: &str, query: Query<'_>) -> String {
        let answer = self.send_plan(plan, query);
        assert_eq!(answer.status, 202, "{plan}\n{}", answer.body);
        answer.json()["id"].as_str().expect("it has an address").to_owned()
    }

    fn look(&self, run: &str) -> Value {
        self.read(&format!("/v1/runs/{run}"))
    }

    /// Waits until a step of a run is in this state.
    fn await_step(&self, run: &str, step: &str, state: &str) -> Value {
        until(&format!("{step} is {state}"), || {
            let shown = self.look(run);
            assert!(!is_over(&shown) || state_of(&shown, step) == state, "{shown:#}");
            (state_of(&shown, step) == state).then_some(shown)
        })
    }

    /// Waits until a run is over, and returns all of it.
    fn finished(&self, run: &str) -> Value {
        until(&format!("{run} is over"), || Some(self.look(run)).filter(is_over))
    }

    /// The same, while a person allows whatever is asked.
    fn finished_with_consent(&self, run: &str) -> Value {
        until(&format!("{run} is over"), || {
            for approval in self.approvals(run) {
                self.answer(&approval, true);
            }
            Some(self.look(run)).filter(is_over)
        })
    }

    /// What a person is asked about a run.
    fn approvals(&self, run: &str) -> Vec<String> {
        let waiting = self.read("/v1/approvals");
        let all = waiting["approvals"].as_array().expect("a list");
        let of_run = all.iter().filter(|approval| approval["run"] == run);
        of_run.map(|approval| approval["id"].as_str().expect("a text").to_owned()).collect()
    }

    fn answer(&self, approval: &str, granted: bool) -> Value {
        self.say(&format!("/v1/approvals/{approval}"), &json!({"granted": granted}))
    }

    /// A new folder that a run may work in.
    fn workspace(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir(&path).expect("the folder is ours");
        path
    }
}

fn is_over(shown: &Value) -> bool {
    ["completed", "failed", "canceled"].iter().any(|state| shown["state"] == *state)
}

fn step<'v>(shown: &'v Value, id: &str) -> &'v Value {
    let steps = shown["steps"].as_array().expect("a list");
    steps.iter().find(|step| step["id"] == id).unwrap_or(&Value::Null)
}

fn state_of<'v>(shown: &'v Value, id: &str) -> &'v str {
    step(shown, id)["state"].as_str().unwrap_or("not there")
}

/// A run in one line: its state, then each step with its own; one that the plan did not come by
/// is not told.
fn story(shown: &Value) -> String {
    let steps = shown["steps"].as_array().expect("a list").iter();
    let came = steps.filter(|step| step["story"] != "the plan did not come by");
    let told = came.map(|step| format!("{} {}", word(&step["id"]), word(&step["state"])));
    format!("{}: {}", word(&shown["state"]), told.collect::<Vec<_>>().join(", "))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn contents(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", text(path)))
}

/// As a part of a query.
fn encoded(value: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}
