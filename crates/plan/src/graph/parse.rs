//! From a text to its tree, within bounds that hold while it is read: what an alias repeats is
//! counted before it is taken.

use std::collections::BTreeMap;
use std::rc::Rc;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, Tag, options};

use super::node::{List, Map, Node, Scalar};
use super::{Fault, Limits, Place, Severity, entries, story};

/// The one document of a text, and what is wrong with it although it can be read. The error is a
/// fault behind which nothing can be read.
pub(super) fn document(text: &str, limits: &Limits) -> Result<(Rc<Node>, Vec<Fault>), Fault> {
    if limits.text_bytes_max < text.len() {
        let max = limits.text_bytes_max;
        let what = format!("the text is longer than {max} bytes: keep data out of it, in files");
        return Err(error(Place { line: 1, column: 1 }, what));
    }
    let events = Parser::new_from_str_with_options(text, parser_options(limits));
    let mut builder = Builder {
        events,
        text,
        limits,
        anchors: BTreeMap::new(),
        nodes: 0,
        bytes: 0,
        faults: Vec::new(),
    };
    let root = builder.whole()?;
    Ok((root, builder.faults))
}

fn parser_options(limits: &Limits) -> Options {
    options! {
        flow_nesting_limit: limits.depth_max,
        block_nesting_limit: limits.depth_max,
    }
}

pub(super) fn error(place: Place, what: impl Into<String>) -> Fault {
    Fault { place, severity: Severity::Error, what: what.into(), instead: None }
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

struct Builder<'a> {
    events: Parser<'a, StrInput<'a>>,
    text: &'a str,
    limits: &'a Limits,
    /// What is finished and has a name.
    anchors: BTreeMap<usize, Built>,
    nodes: usize,
    bytes: usize,
    faults: Vec<Fault>,
}

/// A node and what it would cost to have it once more.
#[derive(Clone)]
struct Built {
    node: Rc<Node>,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl<'a> Builder<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what frames a document is few of them")]
    fn whole(&mut self) -> Result<Rc<Node>, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let what = "a second document begins here, and a text holds one plan: give \
                                it a file of its own";
                    return Err(error(place(&span), what));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, &span, 1)?.node),
            }
        }
        root.filter(|root| !root.is_null()).ok_or_else(|| {
            let what = "the text is empty: a blueprint has `stages`, a workflow has `steps`";
            error(Place { line: 1, column: 1 }, what)
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(trouble)) => Err(story::fault(&trouble, self.text, self.limits)),
            None => Err(error(Place::default(), "this is no YAML: it breaks off")),
        }
    }

    /// The node that begins with this event, with all that is in it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is a node is few of them")]
    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Built, Fault> {
        let place = place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = self.tag(tag.as_deref(), place);
                let is_plain = style == ScalarStyle::Plain && !is_text;
                let built = self.scalar(text.into_owned(), is_plain, place)?;
                Ok(self.named(anchor, built))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), place);
                let built = self.list(place, depth)?;
                Ok(self.named(anchor, built))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), place);
                let built = self.map(place, depth)?;
                Ok(self.named(anchor, built))
            }
            Event::Alias(anchor) => self.alias(anchor, place, depth),
            event => Err(error(place, format!("this is no YAML: {event:?} stands here"))),
        }
    }

    fn named(&mut self, anchor: usize, built: Built) -> Built {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        built
    }

    fn scalar(&mut self, text: String, is_plain: bool, place: Place) -> Result<Built, Fault> {
        let (bytes, max) = (text.len(), self.limits.scalar_bytes_max);
        if max < bytes {
            let what = format!("this text has {bytes} bytes, and {max} is the most: use a file");
            return Err(error(place, what));
        }
        self.spend(1, bytes, place)?;
        let node = Rc::new(Node::Scalar(Scalar { place, text, is_plain }));
        Ok(Built { node, nodes: 1, bytes, depth: 0 })
    }

    fn list(&mut self, place: Place, depth: usize) -> Result<Built, Fault> {
        self.enter(depth, place)?;
        let mut cost = Cost::default();
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(cost.of(Node::List(List { place, items })));
            }
            items.push(cost.add(self.node(event, &span, depth + 1)?));
        }
    }

    fn map(&mut self, place: Place, depth: usize) -> Result<Built, Fault> {
        self.enter(depth, place)?;
        let mut cost = Cost::default();
        let mut pairs = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                let entries = entries::of(pairs, &mut self.faults);
                return Ok(cost.of(Node::Map(Map { place, entries })));
            }
            let key = cost.add(self.node(event, &span, depth + 1)?);
            let (event, span) = self.next()?;
            pairs.push((key, cost.add(self.node(event, &span, depth + 1)?)));
        }
    }

    fn alias(&mut self, anchor: usize, place: Place, depth: usize) -> Result<Built, Fault> {
        let Some(built) = self.anchors.get(&anchor).cloned() else {
            let what = "this alias stands inside of what it repeats: it would never end";
            return Err(error(place, what));
        };
        self.spend(built.nodes, built.bytes, place)?;
        if built.depth != 0 {
            self.depth(depth + built.depth - 1, place)?;
        }
        Ok(built)
    }

    fn enter(&mut self, depth: usize, place: Place) -> Result<(), Fault> {
        self.depth(depth, place)?;
        self.spend(1, 0, place)
    }

    fn depth(&self, depth: usize, place: Place) -> Result<(), Fault> {
        if depth <= self.limits.depth_max {
            return Ok(());
        }
        Err(error(place, story::too_deep(self.limits)))
    }

    fn spend(&mut self, nodes: usize, bytes: usize, place: Place) -> Result<(), Fault> {
        self.nodes += nodes;
        self.bytes += bytes;
        let (nodes_max, bytes_max) = (self.limits.nodes_max, self.limits.text_bytes_max);
        if nodes_max < self.nodes {
            let what = format!(
                "with this, keys and values are more than {nodes_max}, repeated ones included: \
                 split the text, or repeat less"
            );
            return Err(error(place, what));
        }
        if bytes_max < self.bytes {
            let what = format!(
                "with this, all texts have more than {bytes_max} bytes, repeated ones included: \
                 repeat less"
            );
            return Err(error(place, what));
        }
        Ok(())
    }

    /// Whether the tag makes a text of whatever it stands before.
    fn tag(&mut self, tag: Option<&Tag>, place: Place) -> bool {
        const KNOWN: [&str; 8] = ["str", "int", "float", "bool", "null", "map", "seq", "merge"];
        let Some(tag) = tag else { return false };
        match tag.core_suffix() {
            Some(suffix) if KNOWN.contains(&suffix) => suffix == "str",
            None if tag.handle().is_empty() && tag.suffix() == "!" => true,
            Some(_) | None => {
                let what = format!("the tag `{}` means nothing here: leave it out", tag.original());
                self.faults.push(error(place, what));
                false
            }
        }
    }
}

/// What the parts of a collection cost together.
#[derive(Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Cost {
    fn add(&mut self, built: Built) -> Rc<Node> {
        self.nodes += built.nodes;
        self.bytes += built.bytes;
        self.depth = self.depth.max(built.depth);
        built.node
    }

    fn of(self, node: Node) -> Built {
        let Cost { nodes, bytes, depth } = self;
        Built { node: Rc::new(node), nodes: nodes + 1, bytes, depth: depth + 1 }
    }
}
