//! Whether the door still takes in what begins work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;

use crate::refusal::Refusal;

/// Open until it is closed, which is for good: a node that drains is on its way to its end.
#[derive(Clone, Default)]
pub(crate) struct Intake {
    is_closed: Arc<AtomicBool>,
}

impl Intake {
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// Refuses whoever would begin something that is not carried out any more.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if !self.is_closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let message = "the node drains: what runs may end, and nothing more is begun before its \
                       next start: ask again then";
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "draining", message))
    }
}
