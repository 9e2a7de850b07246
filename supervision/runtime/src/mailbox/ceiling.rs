//! The ceiling that all mailboxes of a node share.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The bytes that wait in all mailboxes of a node, and the most that may.
#[derive(Debug)]
pub(crate) struct Ceiling {
    pub(super) bytes_max: usize,
    bytes: AtomicUsize,
    /// Rung whenever bytes came back while the ceiling was in the way of somebody.
    pub(super) space: Notify,
    pub(super) waiting: AtomicUsize,
}

impl Ceiling {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Ceiling {
            bytes_max,
            bytes: AtomicUsize::new(0),
            space: Notify::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(super) fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        // In one order with `waiting`: whoever finds no room has been seen by who makes some.
        self.bytes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.space.notify_waiters();
        }
    }
}
