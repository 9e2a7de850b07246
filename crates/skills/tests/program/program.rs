//! The program under test, in the place of `lares`: its own guard, and a node that can be killed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use domain::tool::{Call, Effect, Tools};
use serde_json::json;
use skills::guard::Verb;
use skills::{Options, Toolbox};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|verb| verb.to_str()) {
        Some("guard") => skills::guard::run(&words[1..]),
        Some("node") => node(PathBuf::from(&words[1]), words[2].to_str().expect("text")),
        _ => ExitCode::FAILURE,
    }
}

/// Performs one command, and is not expected to live to its end.
fn node(hands: PathBuf, command: &str) -> ExitCode {
    let options = Options::new(Verb::of_this_program(&["guard"]), hands);
    let toolbox = Toolbox::new(options).expect("the options are good");
    let call = Call {
        tool: "shell".into(),
        args: json!({ "command": command }),
        key: "key".into(),
        effect: Effect::Unsafe,
        within: Duration::from_secs(600),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime
        .expect("a runtime")
        .block_on(async { toolbox.perform(call, Box::pin(std::future::pending())).await });
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
