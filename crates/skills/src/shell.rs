//! The tool `shell`: one command, under a guard.

use std::path::PathBuf;
use std::sync::Arc;

use domain::BoxFuture;
use domain::tool::{Call, Contract, Effect, Failure, Media, Output};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Options;
use crate::actions::site::Site;
use crate::actions::workspace::{self, Workspace};
use crate::command::{self, Ended, Term};
use crate::keep::KEPT_BYTES_MAX;

const NAME: &str = "shell";

const COMMAND_BYTES_MAX: usize = 64 * 1024;
const INPUT_BYTES_MAX: usize = 1024 * 1024;
/// Names and values together; the system bounds what a process may be started with.
const ENVIRONMENT_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
struct Arguments {
    command: String,
    #[serde(default)]
    env: Map<String, Value>,
    cwd: Option<PathBuf>,
    workspace: Option<Workspace>,
    input: Option<String>,
}

pub(crate) fn contract() -> Contract {
    let about = "Runs a command with `sh -c`, without a terminal and with the variables it is \
                 granted, and ends whatever it leaves behind.";
    let arguments = json!({
        "type": "object",
        "properties": {
            "command": {
                "type": "string",
                "minLength": 1,
                "description": "what `sh -c` runs, of at most 64 KiB",
            },
            "env": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "description": "variables it is granted, by name: letters, digits and _",
            },
            "cwd": {
                "type": "string",
                "pattern": "^/",
                "description": "the folder it works in, as an absolute path",
            },
            "workspace": workspace::schema(),
            "input": {
                "type": "string",
                "description": "what it reads on its standard input, of at most 1 MiB",
            },
        },
        "required": ["command"],
        "additionalProperties": false,
    });
    Contract { name: NAME, about, arguments, effect: Effect::Unsafe, lane: NAME, is_far: false }
}

/// What the schema cannot say.
pub(crate) fn faults(args: &Value) -> Vec<String> {
    let mut faults = workspace::faults(args);
    let texts = [("command", COMMAND_BYTES_MAX, SCRIPT), ("input", INPUT_BYTES_MAX, FILE)];
    for (name, bytes_max, instead) in texts {
        let bytes = args[name].as_str().map_or(0, str::len);
        if bytes_max < bytes {
            let place = format!("args.{name} has {bytes} bytes, and {bytes_max} is the most");
            faults.push(format!("{place}: {instead}"));
        }
    }
    for name in ["command", "cwd"] {
        if args[name].as_str().is_some_and(|text| text.contains('\0')) {
            faults.push(format!("args.{name} has a NUL in it: leave it out"));
        }
    }
    if let Some(granted) = args["env"].as_object() {
        faults.extend(environment_faults(granted));
    }
    faults
}

const SCRIPT: &str = "put the script into a file and run that";
const FILE: &str = "put it into a file and read that";

fn environment_faults(granted: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut bytes = 0;
    for (name, value) in granted {
        let value = value.as_str().unwrap_or_default();
        bytes += name.len() + value.len();
        if value.contains('\0') {
            faults.push(format!("args.env.{name} has a NUL in it: leave it out"));
        }
        if name == command::KEY {
            faults.push(format!("args.env.{name} is given by the node: use another name"));
        }
    }
    if ENVIRONMENT_BYTES_MAX < bytes {
        let place = format!("args.env has {bytes} bytes, and {ENVIRONMENT_BYTES_MAX} is the most");
        faults.push(format!("{place}: {FILE}"));
    }
    faults
}

/// Performs a call without faults. Resolves once the guard has ended, and with it everything that
/// the command has started; a second after the deadline at the latest.
pub(crate) async fn perform(
    options: Arc<Options>,
    call: Call,
    stop: BoxFuture<'static, ()>,
) -> Result<Output, Failure> {
    let term = Term::new(call.within, stop);
    let arguments: Arguments = match serde_json::from_value(call.args) {
        Ok(arguments) => arguments,
        Err(error) => {
            return Err(command::refused(format!("the arguments cannot be read: {error}")));
        }
    };
    let Arguments { command, env, cwd, workspace, input } = arguments;
    let mut site = match workspace {
        Some(workspace) => Site::enter(options, &workspace, call.key, term).await?,
        None => Site::of_node(options, call.key, term),
    };
    if let Some(cwd) = cwd {
        site.folder = cwd;
    }
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    let granted = env.into_iter().filter_map(text).collect();
    let Ended { fate, exit, stdout, stderr } =
        site.run(command, granted, input, KEPT_BYTES_MAX).await?;
    let value = json!({ "exit": exit, "stdout": stdout.shown(), "stderr": stderr.shown() });
    let streams = [("stdout", stdout), ("stderr", stderr)];
    let attachments =
        streams.into_iter().filter_map(|(name, kept)| kept.attachment(name, Media::Text));
    let output = Output { value, attachments: attachments.collect() };
    match fate {
        Ok(()) => Ok(output),
        Err((class, story)) => Err(Failure { class, story, output }),
    }
}
