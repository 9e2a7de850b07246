//! What a scalar means where nobody says what it should be, and durations as people write them.

use std::time::Duration;

use domain::duration;
use serde_json::{Number, Value};

use super::node::{Map, Node, Scalar};
use super::reader::Reader;
use super::story;
use crate::script::Deadline;

/// A value as YAML 1.2 reads it. What only looks like a number stays the text it is: `0123`,
/// `1_000`, and more digits than a number can hold.
pub(super) fn value(node: &Node) -> Value {
    match node {
        Node::Scalar(scalar) => plain(scalar),
        Node::List(list) => list.items.iter().map(|item| value(item)).collect(),
        Node::Map(map) => {
            map.entries.iter().map(|(key, node)| (key.text.clone(), value(node))).collect()
        }
    }
}

fn plain(scalar: &Scalar) -> Value {
    let text = || Value::String(scalar.text.clone());
    if scalar.is_null() {
        return Value::Null;
    }
    match scalar.text.as_str() {
        _ if !scalar.is_plain => text(),
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(&scalar.text).map_or_else(text, Value::Number),
    }
}

pub(super) fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut letters = digits.bytes();
    if !letters.next()?.is_ascii_digit() || !digits.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|letter| letter.is_ascii_digit()) {
        let is_padded = digits.len() != 1 && digits.starts_with('0');
        let whole = text.parse::<i64>().map(Number::from);
        let whole = whole.or_else(|_| text.parse::<u64>().map(Number::from));
        return whole.ok().filter(|_| !is_padded);
    }
    let is_number = |letter: u8| letter.is_ascii_digit() || b".eE+-".contains(&letter);
    let decimal = digits.bytes().all(is_number).then(|| text.parse().ok()).flatten();
    decimal.and_then(Number::from_f64)
}

/// A value as a text: scalars as they were written, the rest as JSON.
pub(super) fn written(node: &Node) -> String {
    match node {
        Node::Scalar(scalar) if scalar.is_null() => String::new(),
        Node::Scalar(scalar) => scalar.text.clone(),
        Node::List(_) | Node::Map(_) => value(node).to_string(),
    }
}

impl Reader<'_> {
    /// How long something may take: a class of deadlines, or a duration.
    pub(super) fn deadline(&mut self, map: &Map, key: &str) -> Option<Deadline> {
        let scalar = self.scalar(map, key)?;
        match scalar.text.trim() {
            "fast" => Some(Deadline::Fast),
            "medium" => Some(Deadline::Medium),
            "long" => Some(Deadline::Long),
            _ => self.pause(map, key).map(deadline),
        }
    }

    /// A duration within bounds; a bare number is of seconds.
    pub(super) fn pause(&mut self, map: &Map, key: &str) -> Option<Duration> {
        let scalar = self.scalar(map, key)?;
        let shown = story::shown(&scalar.text);
        let max = self.limits.deadline_max;
        match pause(scalar.text.trim()) {
            Some(pause) if pause.is_zero() => {
                self.error(scalar.place, format!("`{key}` is `{shown}`, and must be more than 0"));
            }
            Some(pause) if max < pause => {
                let max = duration::render(max);
                let what =
                    format!("`{key}` is `{shown}`, and {max} is the most (`runs.deadline_max`)");
                self.error(scalar.place, what);
            }
            Some(pause) => return Some(pause),
            None if scalar.text.trim().starts_with('-') => {
                self.error(scalar.place, format!("`{key}` is `{shown}`, and must be more than 0"));
            }
            None => {
                let right = "write seconds, such as 90, or a duration, such as 90s or 1h30m";
                self.error(scalar.place, format!("`{key}` is `{shown}`: {right}"));
            }
        }
        None
    }
}

pub(super) fn deadline(pause: Duration) -> Deadline {
    Deadline::Ms(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
}

/// Such as `300`, `5m`, `1h30m`, `1h 30m`.
fn pause(text: &str) -> Option<Duration> {
    if text.bytes().all(|letter| letter.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().ok()?));
    }
    let mut sum = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (part, more) = rest.split_at(digits + unit);
        sum = sum.checked_add(duration::parse(part).ok()?)?;
        rest = more.trim_start();
    }
    Some(sum)
}
