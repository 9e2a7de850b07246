//! From what a person wrote to what a plan is to do: every name looked up, every bound fixed.

mod given;
mod graph;
mod limits;
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::nearest::nearest;
use domain::run::{Error, Request};
use domain::tool::{Contract, Effect, OnDoubt, Tools};
use plan::graph::{Checked, Fault, Severity, check};
use plan::script::Script;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use given::check_bytes;
pub use graph::unresolved;
pub use limits::Limits;

use crate::plan::{Brief, Check, Course, WAIT};

/// Whatever a person has written, checked and resolved. All that is wrong comes at once.
pub fn read(request: &Request, tools: &dyn Tools, limits: &Limits) -> Result<Brief, Error> {
    read_again(request, &BTreeMap::new(), tools, limits)
}

/// The same, where some inputs are known from a run before.
pub(crate) fn read_again(
    request: &Request,
    known: &BTreeMap<String, Value>,
    tools: &dyn Tools,
    limits: &Limits,
) -> Result<Brief, Error> {
    if !Script::is_meant_by(&request.plan) {
        let Checked { graph, draft, mut faults } = check(&request.plan, &limits.graph());
        let graph = graph.ok_or_else(|| {
            faults.extend(draft.iter().flat_map(|draft| unresolved(draft, tools, limits)));
            errors(&faults)
        })?;
        return graph::resolve(&graph, request, known, tools, limits).map_err(Error::Faults);
    }
    if !request.inputs.is_empty() {
        let why = "a script takes no inputs: write them into its arguments";
        return Err(Error::Faults(vec![why.to_owned()]));
    }
    let script = Script::parse(&request.plan, &limits.script());
    let script =
        script.map_err(|faults| Error::Faults(faults.iter().map(ToString::to_string).collect()))?;
    script::resolve(&script, tools, limits).map_err(Error::Faults)
}

/// What this is as an input of a plan, or what it would have to be.
pub(crate) fn fit(
    course: &Course,
    limits: &Limits,
    name: &str,
    value: Value,
) -> Result<Value, &'static str> {
    match check(&course.text.body, &limits.graph()).graph {
        Some(graph) => given::fit(&graph, name, value),
        // Its entity knows what it takes.
        None => Ok(value),
    }
}

fn errors(faults: &[Fault]) -> Error {
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
    Error::Faults(errors.map(ToString::to_string).collect())
}

/// What every step is looked up with, and all that was wrong so far.
struct Resolver<'a> {
    tools: &'a dyn Tools,
    contracts: &'a [Contract],
    limits: &'a Limits,
    faults: Vec<String>,
}

impl<'a> Resolver<'a> {
    /// Nothing for one that nobody knows.
    fn contract(&mut self, tool: &str, args: &Value, place: &str) -> Option<&'a Contract> {
        let found = self.contracts.iter().find(|contract| contract.name == tool);
        match found {
            Some(_) => {
                let wrong = self.tools.faults(tool, args).into_iter();
                self.faults.extend(wrong.map(|fault| format!("{place}: {fault}")));
            }
            None => {
                let names = self.contracts.iter().map(|contract| contract.name).chain([WAIT]);
                let names: Vec<&str> = names.collect();
                let meant = match nearest(tool, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("there are {}", names.join(", ")),
                };
                self.faults.push(format!("{place}: there is no tool `{tool}`: {meant}"));
            }
        }
        found
    }

    fn check(&mut self, check: &plan::script::Check, place: &str) -> Check {
        let place = format!("the check of {place}");
        let lane = match check.tool.as_str() {
            WAIT => {
                self.faults
                    .push(format!("{place}: `{WAIT}` tells nothing: name a tool that looks"));
                ""
            }
            tool => self.contract(tool, &check.args, &place).map_or("", |contract| contract.lane),
        };
        Check {
            tool: check.tool.clone(),
            args: check.args.clone(),
            digest: digest(&check.tool, &check.args),
            lane: lane.to_owned(),
        }
    }

    /// What nobody may do twice is done twice only if somebody can look first.
    fn check_repeats(&mut self, asked: &Repeats<'_>, place: &str) {
        let repeats = asked.attempts > 1 || asked.on_doubt == OnDoubt::Repeat;
        if !asked.effect.is_repeatable() && repeats && !asked.has_check {
            let tool = asked.tool;
            self.faults.push(format!(
                "{place}: an unsafe effect is never repeated blindly, and `{tool}` is unsafe unless \
                 `effect` says otherwise: give it a check, or one attempt and `on_doubt` ask or \
                 fail"
            ));
        }
    }
}

/// What decides whether something may be repeated.
struct Repeats<'a> {
    tool: &'a str,
    effect: Effect,
    attempts: u32,
    on_doubt: OnDoubt,
    has_check: bool,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Of what is to be done: a name for exactly that.
pub(crate) fn digest(tool: &str, args: &Value) -> String {
    let mut hash = Sha256::new();
    hash.update(tool.as_bytes());
    hash.update([0]);
    // Its keys are in order.
    hash.update(args.to_string().as_bytes());
    hex(&hash.finalize())
}

/// Of a text.
fn digest_of(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(hash: &[u8]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
