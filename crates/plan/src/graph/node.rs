//! A document as a tree: every key and every value with its place, a scalar as it was written.

use std::rc::Rc;

use super::Place;

/// What an alias repeats is shared, so that repeating costs no memory.
#[derive(Debug)]
pub(super) enum Node {
    Scalar(Scalar),
    List(List),
    Map(Map),
}

#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) place: Place,
    pub(super) text: String,
    /// Neither quoted, nor a block, nor tagged as a text: it may mean a number, a truth, nothing.
    pub(super) is_plain: bool,
}

#[derive(Debug)]
pub(super) struct List {
    pub(super) place: Place,
    pub(super) items: Vec<Rc<Node>>,
}

/// Keys in the order of the text; none stands twice.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) place: Place,
    pub(super) entries: Vec<(Rc<Scalar>, Rc<Node>)>,
}

impl Node {
    pub(super) fn place(&self) -> Place {
        match self {
            Node::Scalar(scalar) => scalar.place,
            Node::List(list) => list.place,
            Node::Map(map) => map.place,
        }
    }

    /// As a person would call it.
    pub(super) fn shape(&self) -> &'static str {
        match self {
            Node::Scalar(scalar) if scalar.is_null() => "empty",
            Node::Scalar(_) => "a text",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }

    pub(super) fn is_null(&self) -> bool {
        match self {
            Node::Scalar(scalar) => scalar.is_null(),
            Node::List(_) | Node::Map(_) => false,
        }
    }
}

impl Scalar {
    pub(super) fn is_null(&self) -> bool {
        self.is_plain && ["", "~", "null", "Null", "NULL"].contains(&self.text.as_str())
    }

    /// What the spellings of YAML 1.1 and 1.2 mean by it, quoted or not.
    pub(super) fn truth(&self) -> Option<bool> {
        match self.text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

impl Map {
    /// A key that was left empty says nothing.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    pub(super) fn entry(&self, key: &str) -> Option<(&Scalar, &Node)> {
        let (found, node) = self.entries.iter().find(|(found, _)| found.text == key)?;
        (!node.is_null()).then_some((found, node))
    }
}
