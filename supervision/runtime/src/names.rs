//! Names, unique on a node: taken by an incarnation, freed when it is over.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::handle::Handle;
use crate::incarnation::Incarnation;
use crate::mailbox::Message;

/// Who has which name on this node.
#[derive(Default)]
pub(crate) struct Names {
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    serial: u64,
    holder: String,
    handle: Box<dyn Any + Send + Sync>,
}

/// Why a name could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclaimed {
    #[error("the name {name} is taken by {holder}")]
    Taken { name: String, holder: String },
    #[error("this incarnation was cut off")]
    Fenced,
}

pub(crate) fn claim(
    names: &Arc<Names>,
    name: &str,
    handle: Box<dyn Any + Send + Sync>,
    incarnation: &Arc<Incarnation>,
) -> Result<(), Unclaimed> {
    let serial = incarnation.serial;
    let mut entries = names.entries();
    if let Some(entry) = entries.get(name) {
        return Err(Unclaimed::Taken { name: name.to_owned(), holder: entry.holder.clone() });
    }
    if incarnation.is_fenced() {
        return Err(Unclaimed::Fenced);
    }
    let holder = incarnation.seat.path();
    entries.insert(name.to_owned(), Entry { serial, holder, handle });
    drop(entries);
    let (names, name) = (Arc::clone(names), name.to_owned());
    incarnation.at_end(move || names.free(&name, serial));
    Ok(())
}

impl Names {
    fn free(&self, name: &str, serial: u64) {
        let mut entries = self.entries();
        if entries.get(name).is_some_and(|entry| entry.serial == serial) {
            entries.remove(name);
        }
    }

    pub(crate) fn find<M: Message>(&self, name: &str) -> Option<Handle<M>> {
        self.entries().get(name)?.handle.downcast_ref::<Handle<M>>().cloned()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
