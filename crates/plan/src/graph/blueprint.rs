//! Blueprints, version 1: stages with routes between them, over the tools of a repository.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;

use super::names::{self, ENDS, Name};
use super::node::{Map, Node, Scalar};
use super::reader::{self, Reader};
use super::stage::{self, Dialect, Draft, Performed, Ways};
use super::{Approvals, Defaults, Format, Graph, Route, arguments, inputs, paths, story};
use crate::script::Deadline;

const TOP: [&str; 7] =
    ["version", "name", "description", "priority", "defaults", "inputs", "stages"];

const STAGE: [&str; 8] =
    ["id", "type", "action", "goal", "inputs", "outputs", "on_success", "on_failure"];

const TYPES: [(&str, &str); 4] = [
    ("deterministic", "deterministic"),
    ("agent", "agent"),
    ("wait", "wait"),
    ("signal", "signal"),
];

/// Which keys are for which types alone.
const OWNED: [(&str, &[&str]); 6] = [
    ("action", &["deterministic"]),
    ("goal", &["agent"]),
    ("inputs", &["deterministic", "agent"]),
    ("for", &["wait"]),
    ("signal", &["signal"]),
    ("timeout", &["deterministic", "agent", "signal"]),
];

/// Each is a tool of the same name.
const ACTIONS: [&str; 8] = [
    "run_tests",
    "run_linters",
    "apply_patch",
    "generate_diff_report",
    "summarize_run",
    "build_context_pack",
    "shell",
    "http",
];

/// Known of old, and not there yet.
const MISSING: [&str; 2] = ["commit_changes", "push_branch"];

pub(super) fn graph(reader: &mut Reader<'_>, top: &Map) -> Option<Graph> {
    version(reader, top);
    let name = super::name(reader, top, "the blueprint");
    let description = reader.text(top, "description").unwrap_or_default();
    let priority = super::priority(reader, top);
    let (defaults, attempts) = defaults(reader, top);
    let mut declared = inputs::declared(reader, top);
    let list = reader.list(top, "stages")?;
    if list.items.is_empty() {
        reader.error(list.place, "`stages` is empty: write at least one");
        return None;
    }
    if stage::too_many(reader, "stages", list.place, list.items.len()) {
        return None;
    }
    let (drafts, are_ways_known) = stages(reader, &list.items, attempts);
    for draft in &drafts {
        inputs::add_used(&mut declared, draft.uses.iter().chain(&draft.undo_uses));
    }
    if are_ways_known && drafts.len() == list.items.len() {
        paths::check(reader, &drafts);
    }
    Some(Graph {
        format: Format::Blueprint,
        name,
        description,
        notify: None,
        priority,
        defaults,
        inputs: declared,
        stages: drafts.into_iter().map(|draft| draft.stage).collect(),
        rollback: Vec::new(),
    })
}

pub(super) fn keys(reader: &mut Reader<'_>, root: &Node) {
    reader.map(root, "a blueprint", &TOP);
}

fn version(reader: &mut Reader<'_>, top: &Map) {
    let Some(version) = reader.scalar(top, "version") else { return };
    if !["1", "1.0"].contains(&version.text.trim()) {
        let shown = story::shown(&version.text);
        let what = format!("`version` is `{shown}`, and this program reads version 1");
        reader.error(version.place, what);
    }
}

/// What holds for all stages, and how often each is tried.
fn defaults(reader: &mut Reader<'_>, top: &Map) -> (Defaults, u32) {
    const KEYS: [&str; 4] = ["toolset", "sandbox", "max_step_retries", "approval_mode"];
    const APPROVALS: [(&str, Approvals); 3] =
        [("none", Approvals::None), ("risky", Approvals::Risky), ("critical", Approvals::Critical)];
    let map = top.get("defaults").and_then(|node| reader.map(node, "`defaults`", &KEYS));
    let Some(map) = map else { return (Defaults::default(), 1) };
    let sandbox = reader.scalar(map, "sandbox");
    if let Some(sandbox) = sandbox.filter(|sandbox| sandbox.text.trim() != "none") {
        let what = format!(
            "`sandbox` is `{}`, and nothing enforces a sandbox yet: its stages run without one",
            story::shown(&sandbox.text)
        );
        reader.warn(sandbox.place, what);
    }
    let defaults = Defaults {
        toolset: reader.text(map, "toolset"),
        sandbox: sandbox.map(|sandbox| sandbox.text.clone()),
        approvals: reader.choice(map, "approval_mode", &APPROVALS).unwrap_or_default(),
    };
    (defaults, reader.attempts(map, "max_step_retries").unwrap_or(1))
}

/// What the stages of one blueprint know of each other.
struct Blueprint {
    attempts: u32,
    names: Vec<Name>,
    /// What any of them puts out.
    outputs: BTreeSet<String>,
    are_ways_known: bool,
}

/// All that can be read, and whether every way between them is plain.
fn stages(reader: &mut Reader<'_>, items: &[Rc<Node>], attempts: u32) -> (Vec<Draft>, bool) {
    let keys = [&STAGE[..], &stage::KEYS].concat();
    let maps: Vec<_> = items.iter().map(|item| reader.map(item, "a stage", &keys)).collect();
    let errors = reader.errors;
    let titles: Vec<_> = maps.iter().map(|map| map.and_then(|map| title(reader, map))).collect();
    let names = names::names(reader, &titles, &mut BTreeSet::new());
    let are_ways_known = errors == reader.errors;
    let outputs = maps.iter().flatten().flat_map(|map| named(map, "outputs")).collect();
    let mut blueprint = Blueprint { attempts, names, outputs, are_ways_known };
    let maps = maps.into_iter().enumerate();
    let drafts = maps.filter_map(|(at, map)| Some(blueprint.stage(reader, map?, at))).collect();
    (drafts, blueprint.are_ways_known)
}

fn title<'n>(reader: &mut Reader<'_>, map: &'n Map) -> Option<&'n Scalar> {
    let title = reader.needed(map, "id", "a stage")?;
    if ENDS.contains(&title.text.trim()) {
        let what = format!("`{}` is where a plan ends, and no name of a stage", title.text.trim());
        reader.error(title.place, what);
    }
    Some(title)
}

/// The names in a list, where it is one; its faults are told when its stage is read.
fn named(map: &Map, key: &str) -> Vec<String> {
    match map.get(key) {
        Some(Node::List(list)) => {
            let texts = list.items.iter().filter_map(|item| match &**item {
                Node::Scalar(scalar) => Some(scalar.text.trim().to_owned()),
                Node::List(_) | Node::Map(_) => None,
            });
            texts.collect()
        }
        Some(Node::Scalar(_) | Node::Map(_)) | None => Vec::new(),
    }
}

impl Blueprint {
    fn stage(&mut self, reader: &mut Reader<'_>, map: &Map, at: usize) -> Draft {
        let name = self.names[at].clone();
        let spoken = stage::spoken("stage", &name.title);
        let performed = self.performed(reader, map, &spoken);
        let next = if at + 1 == self.names.len() { Route::Done } else { Route::Stage(at + 1) };
        let ways = Ways {
            on_success: self.route(reader, map, "on_success").unwrap_or(next),
            on_failure: self.route(reader, map, "on_failure").unwrap_or(Route::Fail),
            is_failure_written: map.get("on_failure").is_some(),
        };
        let mut draft = stage::draft(reader, self, map, name, performed, ways);
        if let Some(list) = reader.list(map, "outputs") {
            let names = reader.names(list, "`outputs`");
            draft.stage.outputs = names.iter().map(|name| name.text.trim().to_owned()).collect();
        }
        draft
    }

    fn performed(&self, reader: &mut Reader<'_>, map: &Map, spoken: &str) -> Performed {
        let kind = match map.get("type") {
            Some(_) => reader.choice(map, "type", &TYPES),
            None if map.get("action").is_some() => Some("deterministic"),
            None if map.get("goal").is_some() => Some("agent"),
            None => {
                let what = format!(
                    "{spoken} says no `type`: write `type: deterministic` with an `action`, or \
                     `type: agent` with a `goal`"
                );
                reader.lacks(map, &["type", "action", "goal"], what);
                None
            }
        };
        let Some(kind) = kind else { return Performed::nothing() };
        stage::misplaced(reader, map, kind, &OWNED);
        match kind {
            "wait" => stage::wait(reader, map, spoken),
            "signal" => stage::signal(reader, map, spoken),
            "agent" => {
                reader.needed(map, "goal", spoken);
                let uses = arguments::given(reader, map, "", &self.outputs).uses;
                Performed { uses, ..Performed::missing("a model") }
            }
            _ => self.action(reader, map, spoken),
        }
    }

    fn action(&self, reader: &mut Reader<'_>, map: &Map, spoken: &str) -> Performed {
        let Some(action) = reader.needed(map, "action", spoken) else {
            return Performed::nothing();
        };
        let tool = action.text.trim();
        if MISSING.contains(&tool) {
            let uses = arguments::given(reader, map, "", &self.outputs).uses;
            return Performed { uses, ..Performed::missing(format!("the action `{tool}`")) };
        }
        if !ACTIONS.contains(&tool) {
            let what = format!("there is no action `{}`", story::shown(tool));
            match reader::meant(tool, MISSING) {
                Some(_) => reader.unknown(action, &what, MISSING),
                None => reader.unknown(action, &what, ACTIONS),
            }
            return Performed::nothing();
        }
        let given = arguments::given(reader, map, tool, &self.outputs);
        Performed::tool(tool, given.args.into(), given.uses)
    }

    /// To a stage by its title or id, or to an end.
    fn route(&mut self, reader: &mut Reader<'_>, map: &Map, key: &str) -> Option<Route> {
        map.get(key)?;
        let found = reader.scalar(map, key);
        let route = found.and_then(|found| self.way(found.text.trim()));
        if let Some(found) = found.filter(|_| route.is_none()) {
            self.lost(reader, found, key);
        }
        self.are_ways_known &= route.is_some();
        route
    }

    fn way(&self, word: &str) -> Option<Route> {
        match word {
            "done" => return Some(Route::Done),
            "fail" => return Some(Route::Fail),
            "paused" => return Some(Route::Paused),
            _ => {}
        }
        let by = |is_it: &dyn Fn(&Name) -> bool| self.names.iter().position(is_it);
        let stage = by(&|name| name.title == word).or_else(|| by(&|name| name.id == word));
        stage.map(Route::Stage)
    }

    fn lost(&self, reader: &mut Reader<'_>, found: &Scalar, key: &str) {
        let titles = self.names.iter().map(|name| name.title.as_str());
        let known: Vec<&str> = titles.chain(ENDS).filter(|title| !title.is_empty()).collect();
        let what = format!("`{key}` leads to `{}`, which is no stage", story::shown(&found.text));
        if reader::meant(&found.text, known.iter().copied()).is_some() {
            reader.unknown(found, &what, known);
        } else {
            reader.error(found.place, format!("{what}: name one of them, or done, fail, paused"));
        }
    }
}

impl Dialect for Blueprint {
    const UNDO_KEYS: &'static [&'static str] = &["action", "inputs"];
    const DEADLINE: Deadline = Deadline::Medium;

    fn attempts(&self) -> u32 {
        self.attempts
    }

    fn shell(&self, reader: &mut Reader<'_>, _: &Map, command: &Scalar) -> Performed {
        reader.warn_if_cut(command);
        Performed::tool("shell", json!({"command": command.text}), Vec::new())
    }

    fn undoing(&self, reader: &mut Reader<'_>, map: &Map) -> Performed {
        self.action(reader, map, "`compensation`")
    }
}
