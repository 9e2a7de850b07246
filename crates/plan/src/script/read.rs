//! From JSON to a script: shapes and words, with the place of everything that is none.

use std::sync::LazyLock;

use domain::nearest::nearest;
use domain::priority::Priority;
use domain::tool::{Effect, OnDoubt};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::once::Once;
use super::{Check, Deadline, Fault, Limits, Round, Script, Step};

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// Deeper than any argument of a tool, and far from what would exhaust a stack.
const DEPTH_MAX: usize = 64;

pub(super) fn script(text: &str, limits: &Limits) -> Result<Script, Vec<Fault>> {
    let fault = |place: &str, what: String| vec![Fault { place: place.to_owned(), what }];
    if text.len() > limits.text_bytes_max {
        let what = format!("is longer than {} bytes: keep data out of it", limits.text_bytes_max);
        return Err(fault("the script", what));
    }
    let Once(value) = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        match error.classify() {
            Category::Data => fault(&place, story(&error)),
            Category::Io | Category::Syntax | Category::Eof => {
                fault(&place, format!("this is no JSON: {}", story(&error)))
            }
        }
    })?;
    let mut reader = Reader { faults: Vec::new() };
    let script = reader.script(&value);
    if reader.faults.is_empty() { Ok(script) } else { Err(reader.faults) }
}

/// What serde_json says, without the place, which stands before it.
fn story(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Goes on after a fault with whatever stands for nothing, so that all of them are found.
struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, place: &str, what: impl Into<String>) {
        self.faults.push(Fault { place: place.to_owned(), what: what.into() });
    }

    fn script(&mut self, value: &Value) -> Script {
        let object = self.object(value, "the script", &["version", "priority", "rounds"]);
        match object.get("version") {
            Some(version) if version.as_u64() == Some(1) => {}
            Some(version) => {
                self.fault("version", format!("is {version}, and this program reads version 1"));
            }
            None => self.fault("the script", "says no version: write \"version\": 1"),
        }
        let rounds = self.list(object.get("rounds"), "rounds");
        if rounds.is_empty() {
            self.fault("rounds", "holds no round: write at least one with one step");
        }
        let rounds = rounds.iter().enumerate();
        let rounds = rounds.map(|(number, round)| self.round(round, &format!("rounds[{number}]")));
        let rounds = rounds.collect();
        let priority = self.choice(object.get("priority"), "priority", &Priority::NAMED);
        Script { priority: priority.unwrap_or_default(), rounds }
    }

    fn round(&mut self, value: &Value, place: &str) -> Round {
        let object = self.object(value, place, &["steps"]);
        let place = format!("{place}.steps");
        let steps = self.list(object.get("steps"), &place);
        if steps.is_empty() {
            self.fault(&place, "holds no step: write at least one, or leave the round out");
        }
        let steps = steps.iter().enumerate();
        Round {
            steps: steps.map(|(at, step)| self.step(step, &format!("{place}[{at}]"))).collect(),
        }
    }

    fn step(&mut self, value: &Value, place: &str) -> Step {
        const KEYS: [&str; 11] = [
            "id", "tool", "args", "effect", "after", "locks", "lane", "attempts", "deadline",
            "on_doubt", "check",
        ];
        let object = self.object(value, place, &KEYS);
        let at = |key: &str| format!("{place}.{key}");
        Step {
            id: self.needed_word(object, "id", place),
            tool: self.needed_word(object, "tool", place),
            args: self.args(object, place),
            effect: self.choice(
                object.get("effect"),
                &at("effect"),
                &[
                    ("none", Effect::None),
                    ("idempotent", Effect::Idempotent),
                    ("keyed", Effect::Keyed),
                    ("unsafe", Effect::Unsafe),
                ],
            ),
            after: self.words(object.get("after"), &at("after")),
            locks: self.words(object.get("locks"), &at("locks")),
            lane: object.get("lane").and_then(|lane| self.word(lane, &at("lane"))),
            attempts: self.attempts(object.get("attempts"), &at("attempts")),
            deadline: self.deadline(object.get("deadline"), &at("deadline")),
            on_doubt: self
                .choice(
                    object.get("on_doubt"),
                    &at("on_doubt"),
                    &[("ask", OnDoubt::Ask), ("repeat", OnDoubt::Repeat), ("fail", OnDoubt::Fail)],
                )
                .unwrap_or(OnDoubt::Ask),
            check: object.get("check").map(|check| self.check(check, &at("check"))),
        }
    }

    fn check(&mut self, value: &Value, place: &str) -> Check {
        let object = self.object(value, place, &["tool", "args"]);
        Check { tool: self.needed_word(object, "tool", place), args: self.args(object, place) }
    }

    // --- pieces ---

    /// An object of these keys and no others; an empty one where there is none.
    fn object<'a>(
        &mut self,
        value: &'a Value,
        place: &str,
        keys: &[&str],
    ) -> &'a Map<String, Value> {
        let Value::Object(object) = value else {
            self.fault(place, format!("is {}, and must be an object {{…}}", shape(value)));
            return &NOTHING;
        };
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            let meant = nearest(key, keys.iter().copied());
            let meant = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it knows {}", keys.join(", ")),
            };
            self.fault(place, format!("has no key `{key}`: {meant}"));
        }
        object
    }

    fn list<'a>(&mut self, value: Option<&'a Value>, place: &str) -> &'a [Value] {
        match value {
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.fault(place, format!("is {}, and must be a list […]", shape(other)));
                &[]
            }
            None => &[],
        }
    }

    fn needed_word(&mut self, object: &Map<String, Value>, key: &str, place: &str) -> String {
        match object.get(key) {
            Some(value) => self.word(value, &format!("{place}.{key}")).unwrap_or_default(),
            None => {
                self.fault(place, format!("says no `{key}`"));
                String::new()
            }
        }
    }

    fn word(&mut self, value: &Value, place: &str) -> Option<String> {
        const LENGTH_MAX: usize = 64;
        let Value::String(word) = value else {
            self.fault(place, format!("is {}, and must be a word", shape(value)));
            return None;
        };
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
        if word.is_empty() || word.len() > LENGTH_MAX || !word.chars().all(is_plain) {
            let what = "must be 1 to 64 letters, digits, `_`, `-`, `.` or `:`";
            self.fault(place, what);
            return None;
        }
        Some(word.clone())
    }

    fn words(&mut self, value: Option<&Value>, place: &str) -> Vec<String> {
        let list = self.list(value, place).iter().enumerate();
        list.filter_map(|(at, word)| self.word(word, &format!("{place}[{at}]"))).collect()
    }

    fn args(&mut self, object: &Map<String, Value>, place: &str) -> Value {
        match object.get("args") {
            Some(Value::Object(args)) if depth(object.get("args")) <= DEPTH_MAX => {
                Value::Object(args.clone())
            }
            Some(Value::Object(_)) => {
                self.fault(&format!("{place}.args"), format!("is nested beyond {DEPTH_MAX}"));
                Value::Null
            }
            Some(other) => {
                let what = format!("is {}, and must be an object {{…}}", shape(other));
                self.fault(&format!("{place}.args"), what);
                Value::Null
            }
            None => {
                self.fault(place, "says no `args`: write {} where the tool takes none");
                Value::Null
            }
        }
    }

    fn choice<T: Copy>(
        &mut self,
        value: Option<&Value>,
        place: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let value = value?;
        let word = value.as_str().unwrap_or_default();
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let meant = match nearest(word, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("write one of {}", names.join(", ")),
            };
            self.fault(place, format!("is {value}: {meant}"));
        }
        chosen
    }

    fn attempts(&mut self, value: Option<&Value>, place: &str) -> u32 {
        let Some(value) = value else { return 1 };
        match value.as_u64().and_then(|attempts| u32::try_from(attempts).ok()) {
            Some(attempts) => attempts,
            None => {
                self.fault(place, format!("is {value}, and must be a number of attempts"));
                1
            }
        }
    }

    fn deadline(&mut self, value: Option<&Value>, place: &str) -> Deadline {
        let Some(value) = value else { return Deadline::Medium };
        match (value.as_u64(), value.as_str()) {
            (Some(ms), _) => Deadline::Ms(ms),
            (None, Some("fast")) => Deadline::Fast,
            (None, Some("medium")) => Deadline::Medium,
            (None, Some("long")) => Deadline::Long,
            (None, _) => {
                let what = format!("is {value}: write fast, medium, long, or milliseconds");
                self.fault(place, what);
                Deadline::Medium
            }
        }
    }
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn depth(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Array(list)) => {
            1 + list.iter().map(|item| depth(Some(item))).max().unwrap_or(0)
        }
        Some(Value::Object(object)) => {
            1 + object.values().map(|item| depth(Some(item))).max().unwrap_or(0)
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => 0,
    }
}
