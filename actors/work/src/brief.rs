//! From what a person wrote to what a plan is to do: every name looked up, every bound fixed.

use std::time::Duration;

use domain::nearest::nearest;
use domain::tool::{Contract, Effect, OnDoubt, Tools};
use plan::script::{self, Deadline, Script};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::plan::{Brief, Caps, Check, Task, WAIT};

/// What a run may hold and how long it may take. Every bound has a name here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a script.
    pub script_bytes_max: usize,
    /// Bytes of the arguments of one step.
    pub args_bytes_max: usize,
    /// Steps of one run.
    pub steps_max: usize,
    /// How often one step may be tried.
    pub attempts_max: u32,
    /// How long one attempt may take, whatever a script says.
    #[serde(with = "domain::duration")]
    pub deadline_max: Duration,
    /// What a script means by `fast`.
    #[serde(with = "domain::duration")]
    pub fast: Duration,
    /// What a script means by `medium`.
    #[serde(with = "domain::duration")]
    pub medium: Duration,
    /// What a script means by `long`.
    #[serde(with = "domain::duration")]
    pub long: Duration,
    /// Rounds in a row that repeat what was done already, before a run fails.
    pub idle_rounds_max: u32,
    /// How long a run waits for a person, before what it asked about counts as failed.
    #[serde(with = "domain::duration")]
    pub silence_max: Duration,
    /// How many runs may stand above one that another has opened.
    pub depth_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let script = script::Limits::default();
        Limits {
            script_bytes_max: script.text_bytes_max,
            args_bytes_max: script.args_bytes_max,
            steps_max: script.steps_max,
            attempts_max: script.attempts_max,
            deadline_max: Duration::from_millis(script.deadline_ms_max),
            fast: Duration::from_secs(10),
            medium: Duration::from_secs(120),
            long: Duration::from_secs(60 * 60),
            idle_rounds_max: 3,
            silence_max: Duration::from_secs(7 * 24 * 60 * 60),
            depth_max: 4,
        }
    }
}

/// More than anybody has written by hand, and little enough to be looked at as a whole.
const STEPS_MAX: usize = 1_000;

impl Limits {
    /// The first limit that is out of its bounds, and what they are.
    pub fn invalid(&self) -> Option<(&'static str, String)> {
        if !(1..=STEPS_MAX).contains(&self.steps_max) {
            return Some(("steps_max", format!("must lie between 1 and {STEPS_MAX}")));
        }
        let nothing = [
            ("script_bytes_max", self.script_bytes_max == 0),
            ("attempts_max", self.attempts_max == 0),
            ("idle_rounds_max", self.idle_rounds_max == 0),
            ("deadline_max", self.deadline_max.is_zero()),
            ("fast", self.fast.is_zero()),
            ("medium", self.medium.is_zero()),
            ("long", self.long.is_zero()),
            ("silence_max", self.silence_max.is_zero()),
        ];
        let zero = nothing.into_iter().find(|(_, is_zero)| *is_zero);
        zero.map(|(key, _)| (key, "must be more than 0".to_owned()))
    }

    /// Those that are about the text of a script.
    pub fn script(&self) -> script::Limits {
        script::Limits {
            text_bytes_max: self.script_bytes_max,
            args_bytes_max: self.args_bytes_max,
            steps_max: self.steps_max,
            attempts_max: self.attempts_max,
            deadline_ms_max: millis(self.deadline_max),
        }
    }
}

/// Nothing is looked up later. All that is wrong comes at once.
pub fn resolve(script: &Script, tools: &dyn Tools, limits: &Limits) -> Result<Brief, Vec<String>> {
    let contracts = tools.contracts();
    let mut resolver = Resolver { tools, contracts: &contracts, limits, faults: Vec::new() };
    let rounds = script.rounds.iter();
    let rounds = rounds.map(|round| round.steps.iter().map(|step| resolver.task(step)).collect());
    let rounds = rounds.collect();
    if !resolver.faults.is_empty() {
        return Err(resolver.faults);
    }
    let caps = Caps {
        idle_rounds_max: limits.idle_rounds_max,
        silence_max_ms: millis(limits.silence_max),
        depth_max: limits.depth_max,
    };
    Ok(Brief { rounds, caps, depth: 0, course: None, descent: None })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The longest that a step waits.
const WAIT_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

struct Resolver<'a> {
    tools: &'a dyn Tools,
    contracts: &'a [Contract],
    limits: &'a Limits,
    faults: Vec<String>,
}

impl<'a> Resolver<'a> {
    fn task(&mut self, step: &script::Step) -> Task {
        let place = format!("step {}", step.id);
        let (effect, lane, is_far) = match self.contract(&step.tool, &step.args, &place) {
            Some(contract) => (contract.effect, contract.lane, contract.is_far),
            None => (Effect::None, WAIT, false),
        };
        let check = step.check.as_ref().map(|check| {
            let place = format!("the check of {place}");
            let contract = self.contract(&check.tool, &check.args, &place);
            if check.tool == WAIT {
                self.faults
                    .push(format!("{place}: `{WAIT}` tells nothing: name a tool that looks"));
            }
            Check {
                tool: check.tool.clone(),
                args: check.args.clone(),
                digest: digest(&check.tool, &check.args),
                lane: contract.map_or("", |contract| contract.lane).to_owned(),
            }
        });
        let effect = step.effect.unwrap_or(effect);
        let repeats = step.attempts > 1 || step.on_doubt == OnDoubt::Repeat;
        if !effect.is_repeatable() && repeats && check.is_none() {
            let tool = &step.tool;
            self.faults.push(format!(
                "{place}: an unsafe effect is never repeated blindly, and `{tool}` is unsafe unless \
                 `effect` says otherwise: give it a check, or one attempt and `on_doubt` ask or \
                 fail"
            ));
        }
        let within = match step.deadline {
            _ if step.tool == WAIT => self.wait(&step.args, &place),
            Deadline::Fast => self.limits.fast,
            Deadline::Medium => self.limits.medium,
            Deadline::Long => self.limits.long,
            Deadline::Ms(ms) => Duration::from_millis(ms),
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

    /// Nothing for the one tool that needs no hand, and for one that nobody knows.
    fn contract(&mut self, tool: &str, args: &Value, place: &str) -> Option<&'a Contract> {
        if tool == WAIT {
            return None;
        }
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

pub(crate) fn digest(tool: &str, args: &Value) -> String {
    let mut hash = Sha256::new();
    hash.update(tool.as_bytes());
    hash.update([0]);
    // Its keys are in order.
    hash.update(args.to_string().as_bytes());
    let bytes = hash.finalize();
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
