//! Workflows: steps one after the other, most of them commands.

use std::collections::BTreeSet;

use super::names::{self, Name};
use super::node::{List, Map, Node, Scalar};
use super::reader::Reader;
use super::stage::{self, Dialect, Draft, Performed, Ways};
use super::variables::{self, Variables};
use super::{Defaults, Format, Graph, Route, Work, inputs, request};
use crate::script::Deadline;

const TOP: [&str; 7] =
    ["name", "description", "notify_profile", "priority", "inputs", "steps", "rollback"];

const STEP: [&str; 5] = ["name", "type", "command", "args", "on_failure"];

const TYPES: [(&str, &str); 7] = [
    ("shell", "shell"),
    ("claude_prompt", "claude_prompt"),
    ("skill", "skill"),
    ("http", "http"),
    ("approval_gate", "approval_gate"),
    ("wait", "wait"),
    ("signal", "signal"),
];

/// Those that a compensation may be of.
const UNDOING: [(&str, &str); 4] = [TYPES[0], TYPES[1], TYPES[2], TYPES[3]];

/// Which keys are for which types alone.
const OWNED: [(&str, &[&str]); 5] = [
    ("command", &["shell", "claude_prompt", "skill", "http", "approval_gate"]),
    ("args", &["shell", "claude_prompt", "skill", "http"]),
    ("for", &["wait"]),
    ("signal", &["signal"]),
    ("timeout", &["shell", "claude_prompt", "skill", "http", "approval_gate", "signal"]),
];

/// How long a step may take that does not say it.
const TIMEOUT_DEFAULT_MS: u64 = 300_000;

pub(super) fn keys(reader: &mut Reader<'_>, root: &Node) {
    reader.map(root, "a workflow", &TOP);
}

pub(super) fn graph(reader: &mut Reader<'_>, top: &Map) -> Option<Graph> {
    let name = super::name(reader, top, "the workflow");
    let description = reader.text(top, "description").unwrap_or_default();
    let notify = reader.text(top, "notify_profile");
    let priority = super::priority(reader, top);
    let mut declared = inputs::declared(reader, top);
    let (steps, rollback) = (reader.list(top, "steps"), reader.list(top, "rollback"));
    let (steps, rollback) = (steps?, rollback.filter(|rollback| !rollback.items.is_empty()));
    if steps.items.is_empty() {
        reader.error(steps.place, "`steps` is empty: write at least one");
        return None;
    }
    let variables = Variables::of(reader, &declared);
    let mut workflow =
        Workflow { variables, has_rollback: rollback.is_some(), ids: BTreeSet::new() };
    let done = workflow.steps(reader, steps, "steps")?;
    let undone = match rollback {
        Some(rollback) => workflow.steps(reader, rollback, "rollback")?,
        None => Vec::new(),
    };
    variables::declare(reader, done.iter().chain(&undone), &mut declared);
    let stages = |drafts: Vec<Draft>| drafts.into_iter().map(|draft| draft.stage).collect();
    Some(Graph {
        format: Format::Workflow,
        name,
        description,
        notify,
        priority,
        defaults: Defaults::default(),
        inputs: declared,
        stages: stages(done),
        rollback: stages(undone),
    })
}

/// What the steps of one workflow know of it.
struct Workflow {
    variables: Variables,
    has_rollback: bool,
    ids: BTreeSet<String>,
}

/// Where a step stands among those of its list.
struct Seat {
    name: Name,
    next: Route,
    is_rollback: bool,
}

impl Workflow {
    /// All steps under one key; nothing where there are too many of them.
    fn steps(&mut self, reader: &mut Reader<'_>, list: &List, key: &str) -> Option<Vec<Draft>> {
        let count = list.items.len();
        if stage::too_many(reader, key, list.place, count) {
            return None;
        }
        let keys = [&STEP[..], &stage::KEYS].concat();
        let maps: Vec<_> =
            list.items.iter().map(|item| reader.map(item, "a step", &keys)).collect();
        let titles: Vec<_> =
            maps.iter().map(|map| reader.needed((*map)?, "name", "a step")).collect();
        let names = names::names(reader, &titles, &mut self.ids);
        let mut drafts = Vec::new();
        for (at, (map, name)) in maps.into_iter().zip(names).enumerate() {
            let next = if at + 1 == count { Route::Done } else { Route::Stage(at + 1) };
            let seat = Seat { name, next, is_rollback: key == "rollback" };
            drafts.extend(map.map(|map| self.step(reader, map, seat)));
        }
        Some(drafts)
    }

    fn step(&self, reader: &mut Reader<'_>, map: &Map, seat: Seat) -> Draft {
        let spoken = stage::spoken("step", &seat.name.title);
        let performed = match map.get("type") {
            Some(_) => reader.choice(map, "type", &TYPES),
            None if map.get("command").is_some() => Some("shell"),
            None => {
                let what = "says neither `type` nor `command`: write `command: …` for a step of \
                            the shell";
                reader.lacks(map, &["type", "command"], format!("{spoken} {what}"));
                None
            }
        };
        let performed = match performed {
            Some(kind) => self.performed(reader, map, kind, &spoken),
            None => Performed::nothing(),
        };
        let ways = Ways {
            on_success: seat.next,
            on_failure: self.on_failure(reader, map, &seat),
            is_failure_written: map.get("on_failure").is_some(),
        };
        if seat.is_rollback {
            without_effect(reader, map);
        }
        stage::draft(reader, self, map, seat.name, performed, ways)
    }

    fn on_failure(&self, reader: &mut Reader<'_>, map: &Map, seat: &Seat) -> Route {
        let choices =
            [("abort", Route::Fail), ("continue", seat.next), ("rollback", Route::Rollback)];
        let route = reader.choice(map, "on_failure", &choices).unwrap_or(Route::Fail);
        if route == Route::Rollback {
            let place = map.get("on_failure").map_or(map.place, Node::place);
            if seat.is_rollback {
                reader.error(
                    place,
                    "the rollback itself cannot be rolled back: leave `on_failure` out",
                );
            } else if !self.has_rollback {
                reader.warn(place, "there is no `rollback` at the top: this comes to abort");
            }
        }
        route
    }

    fn performed(&self, reader: &mut Reader<'_>, map: &Map, kind: &str, spoken: &str) -> Performed {
        stage::misplaced(reader, map, kind, &OWNED);
        match kind {
            "wait" => stage::wait(reader, map, spoken),
            "signal" => stage::signal(reader, map, spoken),
            "approval_gate" => Performed::plain(Work::Gate),
            _ => self.commanded(reader, map, kind, spoken),
        }
    }

    /// What a type makes of `command` and `args`.
    fn commanded(&self, reader: &mut Reader<'_>, map: &Map, kind: &str, spoken: &str) -> Performed {
        let Some(command) = reader.needed(map, "command", spoken) else {
            return Performed::nothing();
        };
        match kind {
            "claude_prompt" => Performed::missing("a model"),
            "skill" => Performed::missing(format!("the skill `{}`", command.text.trim())),
            "http" => request::performed(reader, &self.variables, map, command),
            _ => self.variables.shell(reader, map, command),
        }
    }
}

/// What a step may say, and one of the rollback cannot mean.
fn without_effect(reader: &mut Reader<'_>, map: &Map) {
    if let Some((key, _)) = map.entry("compensation") {
        let what = "nobody takes a rollback back: leave `compensation` out";
        reader.error(key.place, what);
    }
    let text = |key| match map.get(key) {
        Some(Node::Scalar(scalar)) => scalar.text.trim(),
        Some(Node::List(_) | Node::Map(_)) | None => "",
    };
    let all = "a rollback does all of its steps, whatever becomes of those before";
    let idle =
        [("condition", "previous.ok"), ("condition", "previous.failed"), ("on_failure", "abort")];
    for (key, value) in idle {
        if let Some((at, _)) = map.entry(key).filter(|_| text(key) == value) {
            reader.warn(at.place, format!("{all}: `{key}` says nothing here"));
        }
    }
}

impl Dialect for Workflow {
    const UNDO_KEYS: &'static [&'static str] = &["type", "command", "args"];
    const DEADLINE: Deadline = Deadline::Ms(TIMEOUT_DEFAULT_MS);

    fn attempts(&self) -> u32 {
        1
    }

    fn shell(&self, reader: &mut Reader<'_>, map: &Map, command: &Scalar) -> Performed {
        self.variables.shell(reader, map, command)
    }

    fn undoing(&self, reader: &mut Reader<'_>, map: &Map) -> Performed {
        let kind = match map.get("type") {
            Some(_) => reader.choice(map, "type", &UNDOING),
            None => Some("shell"),
        };
        let Some(kind) = kind else { return Performed::nothing() };
        self.commanded(reader, map, kind, "`compensation`")
    }
}
