//! What a run may be given: declared at the top of a text, or only used in it.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::node::{Map, Node, Scalar};
use super::reader::Reader;
use super::stage::{self, Used};
use super::{Input, InputKind, Place, Source, story, values};

const KINDS: [(&str, InputKind); 4] = [
    ("text", InputKind::Text),
    ("number", InputKind::Number),
    ("boolean", InputKind::Truth),
    ("list", InputKind::List),
];

/// `inputs:` at the top, where a name has a mapping of what is known of it, or its default.
pub(super) fn declared(reader: &mut Reader<'_>, top: &Map) -> BTreeMap<String, Input> {
    let mut inputs = BTreeMap::new();
    let map = top.get("inputs").and_then(|node| reader.any_map(node, "`inputs`"));
    let entries = map.map(|map| reader.few(map.place, "`inputs`", &map.entries));
    for (name, node) in entries.into_iter().flatten() {
        let input = match &**node {
            Node::Map(map) => described(reader, name, map),
            Node::Scalar(_) | Node::List(_) => by_default(name.place, node),
        };
        let default = input.default.as_ref().unwrap_or(&Value::Null);
        stage::small(reader, name.place, "the default", default);
        inputs.insert(name.text.clone(), input);
    }
    inputs
}

/// What was used and never declared is declared by that.
pub(super) fn add_used<'a>(
    inputs: &mut BTreeMap<String, Input>,
    uses: impl IntoIterator<Item = &'a Used>,
) {
    for used in uses {
        if let Source::Input(name) = &used.what.of {
            inputs.entry(name.clone()).or_insert_with(|| any(used.place, None));
        }
    }
}

pub(super) fn any(place: Place, default: Option<Value>) -> Input {
    Input { place, kind: InputKind::Any, default, about: String::new() }
}

fn by_default(place: Place, node: &Node) -> Input {
    let default = values::value(node);
    let kind = match default {
        Value::Null => return any(place, None),
        Value::Bool(_) => InputKind::Truth,
        Value::Number(_) => InputKind::Number,
        Value::Array(_) => InputKind::List,
        Value::String(_) => InputKind::Text,
        Value::Object(_) => InputKind::Any,
    };
    Input { place, kind, default: Some(default), about: String::new() }
}

fn described(reader: &mut Reader<'_>, name: &Scalar, map: &Map) -> Input {
    let what = format!("the input `{}`", story::shown(&name.text));
    for (key, _) in &map.entries {
        if !["type", "default", "description"].contains(&key.text.as_str()) {
            let told = format!("{what} has no key `{}`", story::shown(&key.text));
            reader.unknown(key, &told, ["type", "default", "description"]);
        }
    }
    let kind = reader.choice(map, "type", &KINDS);
    // Whoever writes that there is none wants it to be left out now and then.
    let default = map.entries.iter().find(|(key, _)| key.text == "default");
    let default = default.and_then(|(_, node)| match kind {
        Some(kind) if !node.is_null() => fitting(reader, &what, kind, node),
        Some(_) | None => Some(values::value(node)),
    });
    let about = reader.text(map, "description").unwrap_or_default();
    Input { place: name.place, kind: kind.unwrap_or(InputKind::Any), default, about }
}

/// A default as its kind reads it.
fn fitting(reader: &mut Reader<'_>, what: &str, kind: InputKind, node: &Node) -> Option<Value> {
    let fit = match (kind, node) {
        (InputKind::Text, Node::Scalar(scalar)) => Some(Value::String(scalar.text.clone())),
        (InputKind::Number, Node::Scalar(scalar)) => numeric(scalar).map(Value::Number),
        (InputKind::Truth, Node::Scalar(scalar)) => scalar.truth().map(Value::Bool),
        (InputKind::List, Node::List(_)) | (InputKind::Any, _) => Some(values::value(node)),
        (
            InputKind::Text | InputKind::Number | InputKind::Truth | InputKind::List,
            Node::Scalar(_) | Node::List(_) | Node::Map(_),
        ) => None,
    };
    if fit.is_none() {
        let name = KINDS.iter().find(|(_, known)| *known == kind).map_or("any", |(name, _)| name);
        let found = match node {
            Node::Scalar(scalar) => format!("`{}`", story::shown(&scalar.text)),
            Node::List(_) | Node::Map(_) => node.shape().to_owned(),
        };
        reader.error(node.place(), format!("the default of {what} is {found}, and no {name}"));
    }
    fit
}

fn numeric(scalar: &Scalar) -> Option<Number> {
    values::number(scalar.text.trim())
}
