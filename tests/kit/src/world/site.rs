//! What a node is built with: its ports, each of which is cut off when it crashes.

use std::collections::BTreeMap;
use std::future::pending;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use domain::id::Id;
use domain::journal::Journal;
use domain::records::Records;
use domain::tool::Tools;
use runtime::Node;

use super::boot::{Boot, SimulatedClock, SimulatedDice, lock};
use super::door::{Book, FakeDoor};
use super::journal::SimulatedJournal;
use super::outside::SimulatedTools;
use super::wire::Wire;

/// A node that is being booted, and the ports it is given.
pub struct Site<'a> {
    pub(super) node: &'a Node,
    pub(super) boot: &'a Arc<Boot>,
    pub(super) doors: &'a Doors,
}

/// The books of one machine's doors, by name.
pub(super) type Doors = Mutex<BTreeMap<String, Arc<Book>>>;

impl Deref for Site<'_> {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node
    }
}

impl Site<'_> {
    pub fn clock(&self) -> Arc<dyn domain::time::Clock> {
        Arc::new(SimulatedClock(Arc::clone(self.boot)))
    }

    pub fn dice(&self) -> Arc<dyn domain::time::Dice> {
        Arc::new(SimulatedDice(Arc::clone(self.boot)))
    }

    /// Where actors of a test write what they do.
    pub fn notes(&self) -> Notes {
        Notes(Arc::clone(self.boot))
    }

    /// This node's end of the way to all others.
    pub fn wire(&self) -> Wire {
        Wire(Arc::clone(self.boot))
    }

    /// A named moment at which the node can be made to crash.
    pub fn point(&self, name: &str) -> Point {
        Point { boot: Arc::clone(self.boot), name: name.to_owned() }
    }

    /// The journal that all nodes of the world share.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(SimulatedJournal { boot: Arc::clone(self.boot) })
    }

    /// The same, as people look at it and mend it.
    pub fn records(&self) -> Arc<dyn Records> {
        Arc::clone(&self.boot.common.journal) as _
    }

    /// Tools that do something to the outside, which keeps a book of it.
    pub fn tools(&self) -> Arc<dyn Tools> {
        let book = Arc::clone(&self.boot.common.outside);
        Arc::new(SimulatedTools { boot: Arc::clone(self.boot), book })
    }

    /// Another for each boot. The journal takes it for alive until it is over.
    pub fn boot_id(&self) -> Id {
        self.boot.id()
    }

    /// A door of this name, whose book the world keeps.
    pub fn door(&self, name: &str) -> Arc<FakeDoor> {
        let book = Arc::clone(lock(self.doors).entry(name.to_owned()).or_default());
        Arc::new(FakeDoor { boot: Arc::clone(self.boot), name: name.to_owned(), book })
    }
}

/// Writes lines into the trace of the world.
#[derive(Clone)]
pub struct Notes(Arc<Boot>);

impl Notes {
    pub fn write(&self, path: &str, what: impl AsRef<str>) {
        self.0.write(path, what.as_ref());
    }
}

/// A moment in a handler that has a name.
#[derive(Clone)]
pub struct Point {
    boot: Arc<Boot>,
    name: String,
}

impl Point {
    /// Goes on at once, or never: when the node crashes here.
    pub async fn reach(&self, path: &str) {
        if !self.boot.write(path, &self.line()) {
            pending::<()>().await;
        }
    }

    fn line(&self) -> String {
        reached(&self.name)
    }
}

/// What the trace says when a point is reached.
pub(super) fn reached(point: &str) -> String {
    format!("reached {point}")
}
