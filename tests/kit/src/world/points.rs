//! Where a node can be crashed by name: the places at which entities, their children and the world
//! meet. Nothing in the product knows of them; each is a line of the trace that a port writes.

use super::site::reached;
use super::trace::Line;

/// The name of each place, and how its lines are told: where they were written, and what they say.
/// A `*` stands for anything.
pub const POINTS: &[(&str, &str, &str)] = &[
    // A post is on its way, in the inbox, and known to be there.
    ("post begins", "journal/*", "a post begins"),
    ("post commits", "journal/*", "a post commits"),
    ("post is in", "journal/*", "a post is in"),
    // Somebody is wanted, comes, and makes the entity its own.
    ("birth", "root/durable/entities/*", "started"),
    ("claim begins", "journal/*", "a claim begins"),
    ("claim commits", "journal/*", "a claim commits"),
    ("claim is in", "journal/*", "a claim is in"),
    ("history", "journal/*", "its history is read"),
    ("inbox", "journal/*", "its inbox is read"),
    // The turn, before it is durable, when it is, and when that is known.
    ("append begins", "journal/*", "an append begins"),
    ("append commits", "journal/*", "an append commits"),
    ("append is in", "journal/*", "an append is in"),
    ("answer", "*", "reached answer"),
    // A child, from its start to its end.
    ("child starts", "root/durable/steps/*", "started"),
    ("tool is asked", "tool/*", "is asked *"),
    ("effect", "tool/*", "is at *"),
    ("tool answers", "tool/*", "answers *"),
    ("blob begins", "journal", "a blob begins"),
    ("blob commits", "journal", "a blob commits"),
    ("blob is in", "journal", "a blob is in"),
    ("child ends", "root/durable/steps/*", "stopped: *"),
    // With nothing that runs it is a row, until its moment comes.
    ("passivation", "root/durable/entities/*", "stopped: *"),
    ("wake", "journal/*", "is woken"),
];

/// The point at which this line was written.
pub fn point_of(line: &Line) -> Option<&'static str> {
    let found = POINTS
        .iter()
        .find(|(_, path, what)| matches(path, &line.path) && matches(what, &line.what));
    found.map(|(name, _, _)| *name)
}

/// Whether this line is written at a point of this name: one of these, or a test's own.
pub(super) fn is_at(name: &str, line: &Line) -> bool {
    point_of(line) == Some(name) || line.what == reached(name)
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}
