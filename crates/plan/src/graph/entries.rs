//! The keys of a mapping: each once, with those that `<<` takes from elsewhere.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::node::{Node, Scalar};
use super::parse::error;
use super::{Fault, Place, story};

type Entry = (Rc<Scalar>, Rc<Node>);

/// Keys in the order of the text; those of `<<` only where nothing else says them.
pub(super) fn of(pairs: Vec<(Rc<Node>, Rc<Node>)>, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let mut entries = Entries { list: Vec::new(), lines: BTreeMap::new() };
    let mut merges = Vec::new();
    for (key, value) in pairs {
        match &*key {
            Node::Scalar(scalar) if scalar.is_plain && scalar.text == "<<" => {
                merges.push((scalar.place, value));
            }
            Node::Scalar(scalar) if !scalar.is_null() => {
                let scalar = Rc::new(Scalar { text: scalar.text.clone(), ..*scalar });
                if let Some(first) = entries.add(&scalar, &value) {
                    faults.push(error(scalar.place, twice(&scalar, first)));
                }
            }
            Node::Scalar(_) | Node::List(_) | Node::Map(_) => {
                let what = format!("a key is {}, and must be a text", key.shape());
                faults.push(error(key.place(), what));
            }
        }
    }
    for (place, value) in merges {
        merge(place, &value, &mut entries, faults);
    }
    entries.list
}

fn twice(key: &Scalar, first: usize) -> String {
    format!(
        "the key `{}` stands here a second time, after line {first}: leave one out",
        story::shown(&key.text)
    )
}

fn merge(place: Place, value: &Node, entries: &mut Entries, faults: &mut Vec<Fault>) {
    let maps: Vec<&Node> = match value {
        Node::List(list) => list.items.iter().map(|item| &**item).collect(),
        Node::Map(_) | Node::Scalar(_) => vec![value],
    };
    for map in maps {
        match map {
            Node::Map(map) => map.entries.iter().for_each(|(key, value)| {
                entries.add(key, value);
            }),
            Node::Scalar(_) | Node::List(_) => {
                let what = format!(
                    "`<<` takes a mapping, and this is {}: name one as `&name`, and write \
                     `<<: *name`",
                    map.shape()
                );
                faults.push(error(place, what));
            }
        }
    }
}

struct Entries {
    list: Vec<Entry>,
    /// Where each key stands.
    lines: BTreeMap<String, usize>,
}

impl Entries {
    /// The line of the one that stands for this key already.
    fn add(&mut self, key: &Rc<Scalar>, value: &Rc<Node>) -> Option<usize> {
        if let Some(first) = self.lines.get(&key.text) {
            return Some(*first);
        }
        self.lines.insert(key.text.clone(), key.place.line);
        self.list.push((Rc::clone(key), Rc::clone(value)));
        None
    }
}
