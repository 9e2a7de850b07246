//! A script, resolved.

use std::time::Duration;

use domain::tool::{Effect, Tools};
use plan::script::{self, Script};
use serde_json::Value;

use super::{Limits, Repeats, Resolver, digest, millis};
use crate::plan::{Brief, Task, WAIT};

/// The longest that a step waits.
const WAIT_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Nothing is looked up later. All that is wrong comes at once.
pub(super) fn resolve(
    script: &Script,
    tools: &dyn Tools,
    limits: &Limits,
) -> Result<Brief, Vec<String>> {
    let contracts = tools.contracts();
    let mut resolver = Resolver { tools, contracts: &contracts, limits, faults: Vec::new() };
    let rounds = script.rounds.iter();
    let rounds = rounds.map(|round| round.steps.iter().map(|step| resolver.task(step)).collect());
    let rounds = rounds.collect();
    if !resolver.faults.is_empty() {
        return Err(resolver.faults);
    }
    let (caps, priority) = (limits.caps(), script.priority);
    Ok(Brief { rounds, caps, priority, depth: 0, course: None, descent: None })
}

impl Resolver<'_> {
    fn task(&mut self, step: &script::Step) -> Task {
        let place = format!("step {}", step.id);
        let is_wait = step.tool == WAIT;
        let contract = (!is_wait).then(|| self.contract(&step.tool, &step.args, &place)).flatten();
        let (effect, lane, is_far) = match contract {
            Some(contract) => (contract.effect, contract.lane, contract.is_far),
            None => (Effect::None, WAIT, false),
        };
        let check = step.check.as_ref().map(|check| self.check(check, &place));
        let effect = step.effect.unwrap_or(effect);
        let (tool, has_check) = (step.tool.as_str(), check.is_some());
        let (attempts, on_doubt) = (step.attempts, step.on_doubt);
        self.check_repeats(&Repeats { tool, effect, attempts, on_doubt, has_check }, &place);
        let within = match is_wait {
            true => self.wait(&step.args, &place),
            false => self.limits.within(step.deadline),
        };
        Task {
            id: step.id.clone(),
            tool: step.tool.clone(),
            args: step.args.clone(),
            digest: digest(&step.tool, &step.args),
            effect,
            after: step.after.clone(),
            locks: step.locks.clone(),
            lane: step.lane.clone().unwrap_or_else(|| lane.to_owned()),
            is_far,
            attempts: step.attempts,
            within_ms: millis(within),
            on_doubt: step.on_doubt,
            check,
            title: String::new(),
            uses: Vec::new(),
            outputs: Vec::new(),
            approval: None,
            undo: None,
        }
    }

    fn wait(&mut self, args: &Value, place: &str) -> Duration {
        let is_alone = args.as_object().is_some_and(|object| object.len() == 1);
        match args["ms"].as_u64().filter(|_| is_alone) {
            Some(ms) if WAIT_MAX < Duration::from_millis(ms) => {
                let most = domain::duration::render(WAIT_MAX);
                self.faults.push(format!("{place}: `{WAIT}` waits for {most} at most"));
                Duration::ZERO
            }
            Some(ms) => Duration::from_millis(ms),
            None => {
                let what = r#"takes {"ms": N}, how many milliseconds to wait, and nothing else"#;
                self.faults.push(format!("{place}: `{WAIT}` {what}"));
                Duration::ZERO
            }
        }
    }
}
