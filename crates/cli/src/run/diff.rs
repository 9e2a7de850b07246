//! `lares run diff`: two runs, compared step by step.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use domain::id::Address;
use domain::run::{Given, Run, Step};
use domain::token::Token;
use serde::Serialize;
use serde_json::Value;

use super::path;
use crate::ask::Ask;
use crate::text::{clean, lay_out, shorten};
use crate::{Error, Exit};

#[derive(Debug, Clone, Args)]
pub(super) struct Diff {
    /// One run, as `lares runs` lists it
    a: Address,
    /// The other
    b: Address,
    #[command(flatten)]
    ask: Ask,
}

/// What two runs have not in common.
#[derive(Debug, Serialize)]
struct Compared {
    a: Address,
    b: Address,
    is_same: bool,
    differences: Vec<Difference>,
}

/// One thing that each has, or only one of them.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    /// An input or a step, or the run itself.
    of: String,
    what: String,
    a: Option<Value>,
    b: Option<Value>,
}

pub(super) async fn run(
    diff: Diff,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Diff { a, b, ask } = diff;
    let client = ask.client(token)?;
    let (a, b): (Run, Run) = (client.get(&path(a, "")).await?, client.get(&path(b, "")).await?);
    let compared = compare(&a, &b);
    ask.show(&compared, tell, out)?;
    Ok(if compared.is_same { Exit::Done } else { Exit::Failed })
}

/// Of both, whatever does not depend on when and under which name they ran.
fn compare(a: &Run, b: &Run) -> Compared {
    let mut differences = Vec::new();
    differ(&mut differences, "the run", "state", a.state.word().into(), b.state.word().into());
    compare_inputs(&a.inputs, &b.inputs, &mut differences);
    for step in &a.steps {
        match b.steps.iter().find(|other| other.id == step.id) {
            Some(other) => compare_step(step, other, &mut differences),
            None => differences.push(alone(step, true)),
        }
    }
    let only_b = b.steps.iter().filter(|step| a.steps.iter().all(|other| other.id != step.id));
    differences.extend(only_b.map(|step| alone(step, false)));
    Compared { a: a.id, b: b.id, is_same: differences.is_empty(), differences }
}

fn compare_inputs(
    a: &BTreeMap<String, Given>,
    b: &BTreeMap<String, Given>,
    differences: &mut Vec<Difference>,
) {
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    for name in names {
        let [a, b] = [a, b].map(|given| given.get(name).map(|given| given.value.clone()));
        if a != b {
            let of = format!("input {name}");
            differences.push(Difference { of, what: "value".to_owned(), a, b });
        }
    }
}

fn compare_step(a: &Step, b: &Step, differences: &mut Vec<Difference>) {
    let of = format!("step {}", a.id);
    differ(differences, &of, "state", a.state.word().into(), b.state.word().into());
    differ(differences, &of, "attempts", a.attempts.len().into(), b.attempts.len().into());
    let [outputs_a, outputs_b] = [a, b].map(|step| step.output.as_ref().unwrap_or(&Value::Null));
    differences.extend(
        first(outputs_a, outputs_b, "output".to_owned()).map(|(what, a, b)| Difference {
            of: of.clone(),
            what,
            a: a.cloned(),
            b: b.cloned(),
        }),
    );
}

fn differ(differences: &mut Vec<Difference>, of: &str, what: &str, a: Value, b: Value) {
    if a != b {
        let (of, what) = (of.to_owned(), what.to_owned());
        differences.push(Difference { of, what, a: Some(a), b: Some(b) });
    }
}

/// A step that only one of them has.
fn alone(step: &Step, is_in_a: bool) -> Difference {
    let state = Some(Value::from(step.state.word()));
    let (a, b) = if is_in_a { (state, None) } else { (None, state) };
    Difference { of: format!("step {}", step.id), what: "state".to_owned(), a, b }
}

/// Where two values first part, and what each has there. As deep as JSON is read.
fn first<'a>(
    a: &'a Value,
    b: &'a Value,
    place: String,
) -> Option<(String, Option<&'a Value>, Option<&'a Value>)> {
    if a == b {
        return None;
    }
    let below = |at: String, a: Option<&'a Value>, b: Option<&'a Value>| match (a, b) {
        (Some(a), Some(b)) => first(a, b, at),
        (None, None) => None,
        (_, _) => Some((at, a, b)),
    };
    let found = if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let mut names = a.keys().chain(b.keys());
        names.find_map(|name| below(format!("{place}.{name}"), a.get(name), b.get(name)))
    } else if let (Value::Array(a), Value::Array(b)) = (a, b) {
        let mut places = 0..a.len().max(b.len());
        places.find_map(|at| below(format!("{place}[{at}]"), a.get(at), b.get(at)))
    } else {
        None
    };
    found.or(Some((place, Some(a), Some(b))))
}

/// How much of a value a row shows; all of it is in the JSON.
const VALUE_CHARS_MAX: usize = 60;

fn tell(compared: &Compared) -> String {
    if compared.is_same {
        return "the same\n".to_owned();
    }
    let mut rows = vec![["WHERE", "WHAT", "IN A", "IN B"].map(str::to_owned)];
    rows.extend(compared.differences.iter().map(|difference| {
        let Difference { of, what, a, b } = difference;
        [clean(of), clean(what), tell_value(a.as_ref()), tell_value(b.as_ref())]
    }));
    format!("A is {}, B is {}\n\n{}", compared.a, compared.b, lay_out(&rows))
}

fn tell_value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(is not there)".to_owned() };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    shorten(&clean(&text), VALUE_CHARS_MAX)
}

#[cfg(test)]
mod tests;
