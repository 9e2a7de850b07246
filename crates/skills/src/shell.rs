//! The tool `shell`: one command, under a guard.

mod errand;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::BoxFuture;
use domain::tool::{Call, Class, Contract, Effect, Failure, Output};
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use self::errand::{Asked, Errand, Told, Unstarted};
use crate::Options;
use crate::guard::protocol::{End, Order};
use crate::keep::Kept;

pub(crate) const NAME: &str = "shell";

/// Every command finds the key of its effect under this name.
const KEY: &str = "LARES_KEY";

const COMMAND_BYTES_MAX: usize = 64 * 1024;
const INPUT_BYTES_MAX: usize = 1024 * 1024;
/// Names and values together; the system bounds what a process may be started with.
const ENVIRONMENT_BYTES_MAX: usize = 64 * 1024;

/// No command takes longer, whatever its caller would wait.
const WITHIN_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

#[derive(Debug, Deserialize)]
struct Arguments {
    command: String,
    #[serde(default)]
    env: Map<String, Value>,
    cwd: Option<PathBuf>,
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
    let mut faults = Vec::new();
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
        if name == KEY {
            faults.push(format!("args.env.{KEY} is given by the node: use another name"));
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
    let deadline = Instant::now() + call.within.min(WITHIN_MAX);
    let order = match order(&options, call) {
        Ok(order) => order,
        Err(error) => return Err(refused(format!("the arguments cannot be read: {error}"))),
    };
    match Errand::start(&options) {
        Ok(errand) => judge(errand.see_to(&order, deadline, stop).await),
        Err(Unstarted { error, may_pass }) => {
            let program = options.guard.program.display();
            let story = format!("the guard {program} could not be started: {error}");
            Err(if may_pass { busy(story) } else { refused(story) })
        }
    }
}

fn order(options: &Options, call: Call) -> Result<Order, serde_json::Error> {
    let arguments: Arguments = serde_json::from_value(call.args)?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut environment: Vec<(String, String)> =
        options.environment.variables().map(owned).collect();
    // Later ones count, so what is granted may also replace what everybody has.
    let granted = arguments.env.iter().filter_map(|(name, value)| Some((&**name, value.as_str()?)));
    environment.extend(granted.map(owned));
    environment.push((KEY.to_owned(), call.key.to_string()));
    Ok(Order {
        verb: options.guard.words.clone(),
        shell: options.shell.clone(),
        command: arguments.command,
        folder: arguments.cwd.unwrap_or_else(|| options.folder.clone()),
        environment,
        input: arguments.input,
    })
}

/// What is known of the effect, after all that was told.
fn judge(told: Told) -> Result<Output, Failure> {
    if let Some(story) = told.refused {
        return Err(refused(story));
    }
    if !told.begun {
        return Err(unbegun(told));
    }
    let fate = fate(&told);
    let exit = match told.end {
        Some(End::Exit(code)) => json!(code),
        Some(End::Signal(_)) | None => Value::Null,
    };
    let output = output(exit, told.stdout, told.stderr);
    match fate {
        Ok(()) => Ok(output),
        Err((class, story)) => Err(failure(class, story, output)),
    }
}

/// What became of a command that has begun.
fn fate(told: &Told) -> Result<(), (Class, String)> {
    if let Some(guard) = told.guarded {
        let story = format!(
            "the command was told to end and has not yet: its guard, pid {guard}, goes on ending \
             it; look at the processes below that one, which may belong to another user"
        );
        return Err((Class::Going, story));
    }
    if !told.left.is_empty() {
        let pids: Vec<String> = told.left.iter().map(ToString::to_string).collect();
        let story = format!("{UNGUARDED}; {} could not be ended", pids.join(", "));
        return Err((Class::Going, story));
    }
    let (class, story) = match (told.asked, told.end) {
        (None, Some(End::Exit(0))) => return Ok(()),
        (None, Some(End::Exit(code))) => {
            let story = format!("the command ended with code {code}: its error output may say why");
            return Err((Class::Failed, story));
        }
        (None, Some(End::Signal(signal))) => {
            let signal = spoken(signal);
            let story = format!(
                "the command was ended by {signal}, which this node has not sent: look how far it \
                 came"
            );
            return Err((Class::Unknown, story));
        }
        (None, None) => (Class::Unknown, UNGUARDED),
        (Some(Asked::Stopped), _) => (Class::Stopped, STOPPED),
        (Some(Asked::Late), _) => (Class::Unknown, LATE),
    };
    Err((class, story.to_owned()))
}

const UNGUARDED: &str = "the guard of the command died, and whoever of it could be found was \
                         ended: look how far it came, and for processes that it left";
const STOPPED: &str = "the command was stopped because somebody asked for it: what it had done by \
                       then stays done";
const LATE: &str = "the command had not ended at its deadline, and was ended with all it had \
                    started: look how far it came, or give it more time";

/// The guard is over and had never begun.
fn unbegun(told: Told) -> Failure {
    match told.asked {
        Some(Asked::Stopped) => {
            let story = "the command was stopped before it had begun";
            failure(Class::Stopped, story.to_owned(), Output::default())
        }
        Some(Asked::Late) => {
            busy("the deadline came before the command had begun: try again later".to_owned())
        }
        None if told.guard_gave_up => {
            let said = told.stderr.shown();
            refused(format!("the guard could not begin: {}", said.trim_end()))
        }
        None => busy("the guard was killed before the command had begun".to_owned()),
    }
}

fn output(exit: Value, stdout: Kept, stderr: Kept) -> Output {
    let value = json!({ "exit": exit, "stdout": stdout.shown(), "stderr": stderr.shown() });
    let streams = [("stdout", stdout), ("stderr", stderr)];
    let attachments = streams.into_iter().filter_map(|(name, kept)| kept.attachment(name));
    Output { value, attachments: attachments.collect() }
}

fn spoken(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => "a real-time signal".to_owned(),
    }
}

fn refused(story: String) -> Failure {
    failure(Class::Refused, story, Output::default())
}

fn busy(story: String) -> Failure {
    failure(Class::Busy { after_ms: None }, story, Output::default())
}

fn failure(class: Class, story: String, output: Output) -> Failure {
    Failure { class, story, output }
}
