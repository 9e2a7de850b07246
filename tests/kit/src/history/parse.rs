//! A history as JSON lines.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Child, Event, History, Kind, Line, Reason, Strategy, Sup};

/// What is wrong with a history, and on which line.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    pub line: usize,
    pub what: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Error {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    tree: Sup,
}

/// The first line is the tree, each other line one event.
pub fn parse(text: &str) -> Result<History, Error> {
    let mut lines = (1..).zip(text.trim_end().lines());
    let Some((number, first)) = lines.next() else { return Err(empty()) };
    let tree = parse_tree(number, first)?;
    let events = lines.map(|(number, line)| parse_event(number, line));
    Ok(History { tree, events: events.collect::<Result<_, _>>()? })
}

/// What is wrong with a history that has not even a tree.
pub fn empty() -> Error {
    Error { line: 1, what: "a history begins with its tree".to_owned() }
}

pub fn parse_tree(line: usize, text: &str) -> Result<Sup, Error> {
    let Tree { tree } = read(line, text)?;
    check(&tree, &tree.id).map_err(|what| Error { line, what })?;
    Ok(tree)
}

/// An event is told by its verb, so that what is wrong with it can be said.
pub fn parse_event(line: usize, text: &str) -> Result<Event, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Exit {
        exit: String,
        reason: Reason,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Start {
        start: String,
        child: Child,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Terminate {
        terminate: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Restart {
        restart: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Delete {
        delete: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sleep {
        sleep_ms: u64,
    }

    let Words(fields) = read(line, text)?;
    let verb = VERBS.into_iter().find(|verb| fields.contains_key(*verb));
    let event = match verb {
        Some("exit") => {
            read(line, text).map(|Exit { exit, reason }| Event::Exit { exit, reason })?
        }
        Some("terminate") => {
            read(line, text).map(|Terminate { terminate }| Event::Terminate { terminate })?
        }
        Some("restart") => {
            read(line, text).map(|Restart { restart }| Event::Restart { restart })?
        }
        Some("delete") => read(line, text).map(|Delete { delete }| Event::Delete { delete })?,
        Some("start") => {
            read(line, text).map(|Start { start, child }| Event::Start { start, child })?
        }
        Some("sleep_ms") => read(line, text).map(|Sleep { sleep_ms }| Event::Sleep { sleep_ms })?,
        Some(_) | None => {
            let what = format!("no event: write one of {}", VERBS.join(", "));
            return Err(Error { line, what });
        }
    };
    if let Event::Start { child, .. } = &event {
        check_child(child, &child.id).map_err(|what| Error { line, what })?;
    }
    Ok(event)
}

const VERBS: [&str; 6] = ["exit", "terminate", "restart", "delete", "start", "sleep_ms"];

/// More restarts than anybody counts are as many as can be counted.
pub(super) fn saturating<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    u64::deserialize(deserializer).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// One line of a trace as `Line::print` prints it.
pub fn parse_line(text: &str) -> Option<Line> {
    let Words(fields) = serde_json::from_str(text).ok()?;
    let path = |key| fields.get(key)?.as_str().map(str::to_owned);
    let n = || u32::try_from(fields.get("n")?.as_u64()?).ok();
    if let Some(started) = path("started") {
        return Some(Line::Started { started, n: n()? });
    }
    if let Some(failed) = path("failed") {
        return Some(Line::Failed { failed, n: n()? });
    }
    if let Some(stopped) = path("stopped") {
        let reason = word(fields.get("reason")?, &["normal", "shutdown", "error", "killed"])?;
        return Some(Line::Stopped { stopped, reason });
    }
    if let Some(result) = fields.get("result") {
        let of = usize::try_from(fields.get("of")?.as_u64()?).ok()?;
        return Some(Line::Result { result: word(result, &["ok", "error"])?, of });
    }
    let left = fields.get("final")?.as_object()?;
    let states = ["running", "stopped", "gone"];
    let state = |(path, state): (&String, &Value)| Some((path.clone(), word(state, &states)?));
    Some(Line::Final { r#final: left.iter().map(state).collect::<Option<_>>()? })
}

#[derive(Deserialize)]
struct Words(serde_json::Map<String, Value>);

fn word(value: &Value, words: &[&'static str]) -> Option<&'static str> {
    words.iter().find(|word| value.as_str() == Some(word)).copied()
}

/// The history as `parse` reads it.
pub fn print(history: &History) -> String {
    #[derive(Serialize)]
    struct Tree<'a> {
        tree: &'a Sup,
    }
    let mut lines = vec![json(&Tree { tree: &history.tree })];
    lines.extend(history.events.iter().map(json));
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and words are always JSON")
}

fn read<T: for<'de> Deserialize<'de>>(line: usize, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error { line, what: error.to_string() })
}

/// What no tree of specifications could express.
fn check(sup: &Sup, path: &str) -> Result<(), String> {
    if sup.strategy == Strategy::SimpleOneForOne && sup.children.len() != 1 {
        return Err(format!("{path}: a simple_one_for_one has exactly one child, its template"));
    }
    sup.children.iter().try_for_each(|child| check_child(child, &format!("{path}/{}", child.id)))
}

fn check_child(child: &Child, path: &str) -> Result<(), String> {
    match (child.kind, &child.sup) {
        (Kind::Supervisor, Some(sup)) => check(sup, path),
        (Kind::Supervisor, None) => Err(format!("{path}: a supervisor needs a sup")),
        (Kind::Worker, Some(_)) => Err(format!("{path}: a worker has no sup")),
        (Kind::Worker, None) => Ok(()),
    }
}
