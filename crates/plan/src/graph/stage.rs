//! What both formats say of a stage in the same words, and what they make of it.

use domain::tool::{Effect, OnDoubt};
use serde_json::{Value, json};

use super::names::Name;
use super::node::{Map, Node, Scalar};
use super::reader::Reader;
use super::{Approval, Place, Route, Stage, Undo, Use, When, Work, story, values};
use crate::script::{Check, Deadline};

/// The keys that any stage may have, whatever its format and type.
pub(super) const KEYS: [&str; 13] = [
    "approval",
    "approval_required",
    "check",
    "compensation",
    "condition",
    "effect",
    "for",
    "lane",
    "locks",
    "on_doubt",
    "retry_limit",
    "signal",
    "timeout",
];

/// One way of writing plans down, as far as its stages differ from those of the other.
pub(super) trait Dialect {
    /// What a compensation may say of its work.
    const UNDO_KEYS: &'static [&'static str];

    /// How long a stage may take that does not say it.
    const DEADLINE: Deadline;

    /// How often a stage is tried that does not say it.
    fn attempts(&self) -> u32;

    /// A command that takes back what the stage of this mapping has done.
    fn shell(&self, reader: &mut Reader<'_>, map: &Map, command: &Scalar) -> Performed;

    /// What a mapping says is to be done, in a compensation.
    fn undoing(&self, reader: &mut Reader<'_>, map: &Map) -> Performed;
}

/// What a stage does, and where each part stands that comes from elsewhere.
pub(super) struct Performed {
    pub(super) work: Work,
    pub(super) uses: Vec<Used>,
}

#[derive(Debug, Clone)]
pub(super) struct Used {
    pub(super) what: Use,
    pub(super) place: Place,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ways {
    pub(super) on_success: Route,
    pub(super) on_failure: Route,
    /// Somebody wanted it so.
    pub(super) is_failure_written: bool,
}

/// A stage, and what of its text the checks need that the stage does not keep.
pub(super) struct Draft {
    pub(super) stage: Stage,
    pub(super) is_failure_written: bool,
    pub(super) uses: Vec<Used>,
    /// Of its compensation.
    pub(super) undo_uses: Vec<Used>,
}

impl Performed {
    pub(super) fn plain(work: Work) -> Self {
        Performed { work, uses: Vec::new() }
    }

    pub(super) fn missing(what: impl Into<String>) -> Self {
        Performed::plain(Work::Missing { what: what.into() })
    }

    pub(super) fn tool(tool: &str, args: Value, uses: Vec<Used>) -> Self {
        Performed { work: Work::Tool { tool: tool.to_owned(), args }, uses }
    }

    /// What stands for work that could not be read.
    pub(super) fn nothing() -> Self {
        Performed::missing(super::UNREAD)
    }

    fn split(self) -> (Work, Vec<Use>, Vec<Used>) {
        let uses = self.uses.iter().map(|used| used.what.clone()).collect();
        (self.work, uses, self.uses)
    }
}

/// A whole stage, once it is known what it does and where it leads.
pub(super) fn draft<D: Dialect>(
    reader: &mut Reader<'_>,
    dialect: &D,
    map: &Map,
    name: Name,
    performed: Performed,
    ways: Ways,
) -> Draft {
    bound(reader, map, &performed);
    let deadline = deadline::<D>(reader, map, &performed.work);
    let approval = approval(reader, map, &name, &performed.work);
    let (undo, undo_uses) = undo(reader, dialect, map);
    let (work, uses, used) = performed.split();
    let stage = Stage {
        id: name.id,
        title: name.title,
        place: map.place,
        work,
        uses,
        outputs: Vec::new(),
        when: when(reader, map),
        on_success: ways.on_success,
        on_failure: ways.on_failure,
        attempts: reader.attempts(map, "retry_limit").unwrap_or(dialect.attempts()),
        deadline,
        effect: effect(reader, map),
        on_doubt: on_doubt(reader, map),
        check: check(reader, map),
        locks: locks(reader, map),
        lane: map.get("lane").and_then(|node| reader.word(node, "`lane`")),
        approval,
        undo: undo.map(Box::new),
    };
    Draft { stage, is_failure_written: ways.is_failure_written, uses: used, undo_uses }
}

/// How long one attempt may take: of what only waits as long as anything, unless it says less.
fn deadline<D: Dialect>(reader: &mut Reader<'_>, map: &Map, work: &Work) -> Deadline {
    let longest = values::deadline(reader.limits.deadline_max);
    match work {
        // What is written of a gate bounds its approval.
        Work::Gate => longest,
        Work::Wait { .. } | Work::Signal { .. } => {
            reader.deadline(map, "timeout").unwrap_or(longest)
        }
        Work::Tool { .. } | Work::Missing { .. } => {
            reader.deadline(map, "timeout").unwrap_or(D::DEADLINE)
        }
    }
}

/// What every format can wait for.
pub(super) fn wait(reader: &mut Reader<'_>, map: &Map, what: &str) -> Performed {
    if map.get("for").is_none() {
        reader.lacks(map, &["for"], format!("{what} waits, and says no `for`: write `for: 2h`"));
        return Performed::nothing();
    }
    match reader.pause(map, "for") {
        Some(pause) => Performed::plain(Work::Wait { pause }),
        None => Performed::nothing(),
    }
}

pub(super) fn signal(reader: &mut Reader<'_>, map: &Map, what: &str) -> Performed {
    match reader.needed(map, "signal", what) {
        Some(name) => Performed::plain(Work::Signal { name: name.text.trim().to_owned() }),
        None => Performed::nothing(),
    }
}

/// Tells keys that say something only of stages of another type.
pub(super) fn misplaced(reader: &mut Reader<'_>, map: &Map, own: &str, rows: &[(&str, &[&str])]) {
    for (key, types) in rows.iter().filter(|(_, types)| !types.contains(&own)) {
        if let Some((key, _)) = map.entry(key) {
            let types = types.join(" or ");
            let what = format!("`{}` says nothing of `type: {own}`: it is for {types}", key.text);
            reader.error(key.place, what);
        }
    }
}

fn when(reader: &mut Reader<'_>, map: &Map) -> When {
    const WHEN: [(&str, When); 3] = [
        ("previous.ok", When::PreviousOk),
        ("previous.failed", When::PreviousFailed),
        ("always", When::Always),
    ];
    match map.get("condition") {
        Some(Node::Scalar(scalar)) if scalar.text.trim().is_empty() => When::Always,
        Some(_) => reader.choice(map, "condition", &WHEN).unwrap_or_default(),
        None => When::Always,
    }
}

fn effect(reader: &mut Reader<'_>, map: &Map) -> Option<Effect> {
    const EFFECTS: [(&str, Effect); 4] = [
        ("none", Effect::None),
        ("idempotent", Effect::Idempotent),
        ("keyed", Effect::Keyed),
        ("unsafe", Effect::Unsafe),
    ];
    reader.choice(map, "effect", &EFFECTS)
}

fn on_doubt(reader: &mut Reader<'_>, map: &Map) -> OnDoubt {
    const ON_DOUBT: [(&str, OnDoubt); 3] =
        [("ask", OnDoubt::Ask), ("repeat", OnDoubt::Repeat), ("fail", OnDoubt::Fail)];
    reader.choice(map, "on_doubt", &ON_DOUBT).unwrap_or(OnDoubt::Ask)
}

/// A command as text, or a tool with its arguments.
fn check(reader: &mut Reader<'_>, map: &Map) -> Option<Check> {
    let node = map.get("check")?;
    let check = match node {
        Node::Scalar(scalar) => {
            reader.warn_if_cut(scalar);
            Check { tool: "shell".to_owned(), args: json!({"command": scalar.text}) }
        }
        Node::List(_) | Node::Map(_) => {
            let map = reader.map(node, "`check`", &["tool", "args"])?;
            let tool = reader.needed(map, "tool", "`check`")?.text.clone();
            let args =
                map.get("args").and_then(|node| reader.any_map(node, "`args`").map(|_| node));
            Check { tool, args: args.map_or_else(|| json!({}), values::value) }
        }
    };
    small(reader, node.place(), "`check`", &check.args).then_some(check)
}

fn locks(reader: &mut Reader<'_>, map: &Map) -> Vec<String> {
    let Some(list) = reader.list(map, "locks") else { return Vec::new() };
    let items = reader.few(list.place, "`locks`", &list.items);
    items.iter().filter_map(|item| reader.word(item, "a name of `locks`")).collect()
}

fn approval(reader: &mut Reader<'_>, map: &Map, name: &Name, work: &Work) -> Option<Approval> {
    let required = reader.truth(map, "approval_required");
    let long = map.get("approval");
    let long = long.and_then(|node| reader.map(node, "`approval`", &["about", "timeout"]));
    let mut about = name.title.clone();
    let mut within = None;
    if *work == Work::Gate {
        about = reader.text(map, "command").unwrap_or(about);
        within = map.get("timeout").and_then(|_| reader.pause(map, "timeout"));
    }
    if let Some(long) = long {
        about = reader.text(long, "about").unwrap_or(about);
        within = long.get("timeout").and_then(|_| reader.pause(long, "timeout")).or(within);
        if required == Some(false) {
            let what = "`approval` says how a person is asked, and `approval_required` that \
                        nobody is: leave one out";
            reader.error(long.place, what);
        }
    }
    let is_asked = *work == Work::Gate || long.is_some() || required == Some(true);
    is_asked.then_some(Approval { about, within })
}

/// A command as text, or what a stage of the format would say, without its routes.
fn undo<D: Dialect>(reader: &mut Reader<'_>, dialect: &D, map: &Map) -> (Option<Undo>, Vec<Used>) {
    const KEYS: [&str; 5] = ["check", "effect", "on_doubt", "retry_limit", "timeout"];
    let Some(node) = map.get("compensation") else { return (None, Vec::new()) };
    let empty = Map { place: node.place(), entries: Vec::new() };
    let (map, performed) = match node {
        Node::Scalar(scalar) => (&empty, dialect.shell(reader, map, scalar)),
        Node::List(_) | Node::Map(_) => {
            let keys = [D::UNDO_KEYS, &KEYS].concat();
            let Some(map) = reader.map(node, "`compensation`", &keys) else {
                return (None, Vec::new());
            };
            (map, dialect.undoing(reader, map))
        }
    };
    bound(reader, map, &performed);
    let (work, uses, used) = performed.split();
    let undo = Undo {
        place: map.place,
        work,
        uses,
        attempts: reader.attempts(map, "retry_limit").unwrap_or(1),
        deadline: reader.deadline(map, "timeout").unwrap_or(D::DEADLINE),
        effect: effect(reader, map),
        on_doubt: on_doubt(reader, map),
        check: check(reader, map),
    };
    (Some(undo), used)
}

/// Bounds what a tool is given, and what of that stands elsewhere.
fn bound(reader: &mut Reader<'_>, map: &Map, performed: &Performed) {
    let keys = ["inputs", "args", "command"];
    let entry = keys.iter().find_map(|key| map.entry(key));
    let place = entry.map_or(map.place, |(key, _)| key.place);
    if let Work::Tool { args, .. } = &performed.work {
        small(reader, place, "what the tool is given", args);
    }
    let names = performed.uses.iter().flat_map(|used| &used.what.at);
    let bytes: usize = names.map(String::len).sum();
    let max = reader.limits.args_bytes_max;
    if max < bytes {
        let what = format!("the names of inputs take {bytes} bytes, and {max} is the most");
        reader.error(place, what);
    }
}

/// Bounds a value that goes with the plan wherever it goes.
pub(super) fn small(reader: &mut Reader<'_>, place: Place, what: &str, value: &Value) -> bool {
    let (bytes, max) = (value.to_string().len(), reader.limits.args_bytes_max);
    if max < bytes {
        let what = format!(
            "{what} takes {bytes} bytes, and {max} is the most (`runs.args_bytes_max`): use a file"
        );
        reader.error(place, what);
    }
    bytes <= max
}

/// What is wrong with the number of stages, which hides all else.
pub(super) fn too_many(reader: &mut Reader<'_>, key: &str, place: Place, count: usize) -> bool {
    let max = reader.limits.stages_max;
    if max < count {
        let what = format!(
            "`{key}` holds {count}, and {max} is the most (`runs.steps_max`): split the plan"
        );
        reader.error(place, what);
    }
    max < count
}

/// As a message calls a stage.
pub(super) fn spoken(kind: &str, title: &str) -> String {
    if title.is_empty() { format!("a {kind}") } else { format!("`{}`", story::shown(title)) }
}
