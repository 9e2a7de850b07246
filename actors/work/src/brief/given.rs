//! What a run is given, made into what its plan takes.

use std::collections::BTreeMap;

use domain::nearest::nearest;
use plan::graph::{Graph, Input, InputKind};
use serde_json::Value;

/// The inputs of a run: what was given as text becomes what was declared, and what was not given
/// what is known of it, or what the plan says instead.
pub(super) fn inputs(
    graph: &Graph,
    given: &BTreeMap<String, String>,
    known: &BTreeMap<String, Value>,
    bytes_max: usize,
    faults: &mut Vec<String>,
) -> BTreeMap<String, Value> {
    for name in given.keys().filter(|name| !graph.inputs.contains_key(*name)) {
        faults.push(unknown(graph, name));
    }
    let mut inputs = BTreeMap::new();
    for (name, input) in &graph.inputs {
        let default = known.get(name).or(input.default.as_ref());
        let value = match (given.get(name), default) {
            (Some(text), _) => match read(text, input) {
                Ok(value) => value,
                Err(expected) => {
                    let place = input.place;
                    faults.push(format!(
                        "the input `{name}` is `{text}`, and must be {expected} ({place} of the \
                         plan says so)"
                    ));
                    continue;
                }
            },
            (None, Some(Value::Null)) => continue,
            (None, Some(default)) => default.clone(),
            (None, None) => {
                let (place, about) = (input.place, about(input));
                faults.push(format!(
                    "{place}: it needs the input `{name}`{about}: give it with --input {name}=…"
                ));
                continue;
            }
        };
        inputs.insert(name.clone(), value);
    }
    if let Err(why) = check_bytes(inputs.values(), bytes_max as u64) {
        faults.push(why);
    }
    inputs
}

/// All inputs of a run together, as JSON; whatever it is not given anew counts as well.
pub(crate) fn check_bytes<'a>(
    inputs: impl Iterator<Item = &'a Value>,
    bytes_max: u64,
) -> Result<(), String> {
    let bytes = inputs.map(|value| value.to_string().len() as u64).sum::<u64>();
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(format!(
        "the inputs take {bytes} bytes, and {bytes_max} is the most (`runs.inputs_bytes_max`): name \
         files in them"
    ))
}

fn about(input: &Input) -> String {
    if input.about.is_empty() { String::new() } else { format!(" ({})", input.about) }
}

fn unknown(graph: &Graph, name: &str) -> String {
    let names: Vec<&str> = graph.inputs.keys().map(String::as_str).collect();
    let instead = match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => "the plan takes none".to_owned(),
        None => format!("the plan takes {}", names.join(", ")),
    };
    format!("there is no input `{name}`: {instead}")
}

fn read(text: &str, input: &Input) -> Result<Value, &'static str> {
    match kind(input) {
        InputKind::Text | InputKind::Any => Ok(Value::String(text.to_owned())),
        InputKind::Number => {
            serde_json::from_str::<Value>(text).ok().filter(Value::is_number).ok_or(NUMBER)
        }
        InputKind::Truth => match text {
            "true" | "yes" | "on" => Ok(Value::Bool(true)),
            "false" | "no" | "off" => Ok(Value::Bool(false)),
            _ => Err(TRUTH),
        },
        InputKind::List => Ok(list(text)),
    }
}

/// What a value is as an input: a text is read as those are that a run begins with.
pub(super) fn fit(graph: &Graph, name: &str, value: Value) -> Result<Value, &'static str> {
    let Some(input) = graph.inputs.get(name) else { return Ok(value) };
    if let Value::String(text) = &value {
        return read(text, input);
    }
    let (fits, expected) = match input.kind {
        InputKind::Any => (true, ""),
        InputKind::Text => (false, "a text"),
        InputKind::Number => (value.is_number(), NUMBER),
        InputKind::Truth => (value.is_boolean(), TRUTH),
        InputKind::List => (value.is_array(), "a list"),
    };
    if fits { Ok(value) } else { Err(expected) }
}

const NUMBER: &str = "a number, such as 3 or 2.5";
const TRUTH: &str = "true or false";

/// One that was never declared is of the kind of what it is when it is not given.
fn kind(input: &Input) -> InputKind {
    match (input.kind, &input.default) {
        (InputKind::Any, Some(Value::Number(_))) => InputKind::Number,
        (InputKind::Any, Some(Value::Bool(_))) => InputKind::Truth,
        (InputKind::Any, Some(Value::Array(_))) => InputKind::List,
        (kind, _) => kind,
    }
}

/// As JSON, or as words between commas.
fn list(text: &str) -> Value {
    let read = serde_json::from_str(text).ok().filter(Value::is_array);
    let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
    read.unwrap_or_else(|| words().map(|word| Value::String(word.to_owned())).collect())
}
