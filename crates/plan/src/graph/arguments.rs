//! The `inputs` of a stage of a blueprint: what its tool is given.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map as Object, Value};

use super::node::{List, Map, Node, Scalar};
use super::reader::{self, Reader};
use super::stage::Used;
use super::{Source, Use, story, values};

/// How an argument is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it was written.
    Text,
    /// Texts by name.
    Texts,
    Any,
}

const SHELL: &[(&str, Kind)] =
    &[("command", Kind::Text), ("cwd", Kind::Text), ("env", Kind::Texts), ("input", Kind::Text)];

const HTTP: &[(&str, Kind)] = &[
    ("method", Kind::Text),
    ("url", Kind::Text),
    ("headers", Kind::Texts),
    ("body", Kind::Text),
    ("json", Kind::Any),
];

/// What a stage hands to its tool.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) args: Object<String, Value>,
    pub(super) uses: Vec<Used>,
}

/// Reads `inputs`: a list of names, or values by name. `outputs` is what any stage puts out.
pub(super) fn given(
    reader: &mut Reader<'_>,
    map: &Map,
    tool: &str,
    outputs: &BTreeSet<String>,
) -> Given {
    let (known, needed): (&[(&str, Kind)], _) = match tool {
        "shell" => (SHELL, Some("command")),
        "http" => (HTTP, Some("url")),
        _ => (&[], None),
    };
    let mut inputs = Inputs { tool, known, outputs, given: Given::default() };
    match map.get("inputs") {
        Some(Node::List(list)) => inputs.take_all(reader, list),
        Some(Node::Map(map)) => inputs.put_all(reader, map),
        Some(other @ Node::Scalar(_)) => {
            reader.misshapen(other, "`inputs`", "a list of names, or a mapping `name: value`");
            return inputs.given;
        }
        None => {}
    }
    if let Some(needed) = needed.filter(|needed| !inputs.has(needed)) {
        let (place, said) = match map.entry("inputs") {
            Some((key, Node::Map(said))) => (key.place, Some(said)),
            Some((key, Node::List(_) | Node::Scalar(_))) => (key.place, None),
            None => (map.place, None),
        };
        // What was only misspelt is told already.
        if reader.errors == 0 || !said.is_some_and(|said| reader::has_near(said, &[needed])) {
            let what = format!("`{tool}` needs `{needed}`, and `inputs` does not say it");
            reader.error(place, what);
        }
    }
    inputs.given
}

struct Inputs<'a> {
    tool: &'a str,
    /// All that the tool takes; nothing where only the tool knows.
    known: &'a [(&'a str, Kind)],
    outputs: &'a BTreeSet<String>,
    given: Given,
}

impl Inputs<'_> {
    fn has(&self, name: &str) -> bool {
        let is_used = |used: &Used| used.what.at == [name];
        self.given.args.contains_key(name) || self.given.uses.iter().any(is_used)
    }

    fn is_known(&self, reader: &mut Reader<'_>, name: &Scalar) -> bool {
        let mut names = self.known.iter().map(|(name, _)| *name);
        let is_known = self.known.is_empty() || names.any(|known| known == name.text);
        if !is_known {
            let what = format!("`{}` takes no `{}`", self.tool, story::shown(&name.text));
            reader.unknown(name, &what, self.known.iter().map(|(name, _)| *name));
        }
        is_known
    }

    fn take_all(&mut self, reader: &mut Reader<'_>, list: &List) {
        for name in reader.names(list, "`inputs`") {
            if self.is_known(reader, name) {
                self.take(vec![name.text.trim().to_owned()], name);
            }
        }
    }

    fn put_all(&mut self, reader: &mut Reader<'_>, map: &Map) {
        for (name, node) in &map.entries {
            if self.is_known(reader, name) {
                self.put(reader, name, node);
            }
        }
    }

    fn take(&mut self, at: Vec<String>, name: &Scalar) {
        let of = name.text.trim().to_owned();
        let of = if self.outputs.contains(&of) { Source::Output(of) } else { Source::Input(of) };
        self.given.uses.push(Used { what: Use { at, of }, place: name.place });
    }

    fn put(&mut self, reader: &mut Reader<'_>, name: &Scalar, node: &Rc<Node>) {
        if let Some(from) = from(reader, node) {
            self.take(vec![name.text.clone()], from);
            return;
        }
        let kind = self.known.iter().find(|(known, _)| *known == name.text);
        let value = match kind.map_or(Kind::Any, |(_, kind)| *kind) {
            Kind::Any => values::value(node),
            Kind::Text => text(reader, name, node),
            Kind::Texts => Value::Object(self.texts(reader, name, node)),
        };
        self.given.args.insert(name.text.clone(), value);
    }

    /// Texts by name, each of which may stand elsewhere.
    fn texts(
        &mut self,
        reader: &mut Reader<'_>,
        name: &Scalar,
        node: &Node,
    ) -> Object<String, Value> {
        let mut texts = Object::new();
        let map = reader.any_map(node, &format!("`{}`", name.text));
        for (key, node) in map.into_iter().flat_map(|map| &map.entries) {
            match from(reader, node) {
                Some(from) => self.take(vec![name.text.clone(), key.text.clone()], from),
                None => {
                    texts.insert(key.text.clone(), Value::String(values::written(node)));
                }
            }
        }
        texts
    }
}

fn text(reader: &mut Reader<'_>, name: &Scalar, node: &Node) -> Value {
    if let Node::Scalar(command) = node
        && name.text == "command"
    {
        reader.warn_if_cut(command);
    }
    let text = values::written(node);
    Value::String(if name.text == "method" { text.to_ascii_uppercase() } else { text })
}

/// The name of `{from: NAME}`.
fn from<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Option<&'n Scalar> {
    let Node::Map(map) = node else { return None };
    let [(key, value)] = &map.entries[..] else { return None };
    if key.text != "from" {
        return None;
    }
    reader.name(value, "`from`")
}
