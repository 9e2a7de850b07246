//! A history as JSON lines.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Event, History, Kind, Line, Strategy, Sup};

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
    let Some((_, first)) = lines.next() else {
        return Err(Error { line: 1, what: "a history begins with its tree".to_owned() });
    };
    let Tree { tree } = read(1, first)?;
    check(&tree, &tree.id)?;
    let mut events = Vec::new();
    for (number, line) in lines {
        let event = read(number, line)?;
        if let Event::Start { child, .. } = &event
            && let (Kind::Supervisor, Some(sup)) = (child.kind, &child.sup)
        {
            check(sup, &child.id).map_err(|error| Error { line: number, what: error.what })?;
        }
        events.push(event);
    }
    Ok(History { tree, events })
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
fn check(sup: &Sup, path: &str) -> Result<(), Error> {
    let fail = |what: String| Err(Error { line: 1, what });
    if sup.strategy == Strategy::SimpleOneForOne && sup.children.len() != 1 {
        return fail(format!("{path}: a simple_one_for_one has exactly one child, its template"));
    }
    for child in &sup.children {
        let path = format!("{path}/{}", child.id);
        match (child.kind, &child.sup) {
            (Kind::Supervisor, Some(sup)) => check(sup, &path)?,
            (Kind::Supervisor, None) => return fail(format!("{path}: a supervisor needs a sup")),
            (Kind::Worker, Some(_)) => return fail(format!("{path}: a worker has no sup")),
            (Kind::Worker, None) => {}
        }
    }
    Ok(())
}
