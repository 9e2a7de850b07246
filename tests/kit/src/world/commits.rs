//! What was written to the journal and is not on its disk yet.
//!
//! A write is acknowledged after its commit, and what was not committed when its node or the
//! journal's machine crashed may be forgotten or not: nobody was told either way. A commit that
//! nobody waits for any more takes place all the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Common;
use super::boot::{Boot, lock};
use super::dial::nanos;
use super::trace::Line;
use crate::journal::FakeJournal;

/// The longest that a commit takes, unless it is told otherwise.
const COMMIT_MAX: Duration = Duration::from_millis(2);

pub(super) struct Commits {
    inside: Mutex<Inside>,
}

struct Inside {
    under_way: BTreeMap<(u64, u64), Commit>,
    made: u64,
    longest: Duration,
    /// World time until which the journal's machine is down.
    down_until: u64,
}

struct Commit {
    boot: Weak<Boot>,
    node: Arc<str>,
    path: String,
    what: &'static str,
    /// Nothing of it has happened before this runs.
    run: Box<dyn FnOnce(&FakeJournal) + Send>,
}

impl Default for Commits {
    fn default() -> Self {
        let inside =
            Inside { under_way: BTreeMap::new(), made: 0, longest: COMMIT_MAX, down_until: 0 };
        Commits { inside: Mutex::new(inside) }
    }
}

impl Commits {
    /// Puts a write on its way; commits of different writers overtake each other. Nothing is
    /// answered to what the journal's machine forgets.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        boot: &Arc<Boot>,
        path: &str,
        what: &'static str,
        write: impl FnOnce(&FakeJournal) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (said, answer) = oneshot::channel();
        let common = &boot.common;
        let mut inside = lock(&self.inside);
        let at = common.now_ns() + common.chance.below(nanos(inside.longest).max(1));
        inside.made += 1;
        let number = inside.made;
        let commit = Commit {
            boot: Arc::downgrade(boot),
            node: Arc::clone(&boot.name),
            path: path.to_owned(),
            what,
            run: Box::new(move |journal| {
                // Whoever wrote it may have given it up.
                let _ = said.send(write(journal));
            }),
        };
        inside.under_way.insert((at, number), commit);
        answer
    }

    pub(super) fn next(&self) -> Option<u64> {
        lock(&self.inside).under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// Does what is due.
    pub(super) fn go_on(&self, common: &Common) {
        while let Some(commit) = self.take_due(common.now_ns()) {
            commit.take_place(common);
        }
    }

    fn take_due(&self, now: u64) -> Option<Commit> {
        let mut inside = lock(&self.inside);
        let entry = inside.under_way.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(super) fn stall(&self, longest: Option<Duration>) {
        lock(&self.inside).longest = longest.unwrap_or(COMMIT_MAX);
    }

    pub(super) fn is_down(&self, now: u64) -> bool {
        now < lock(&self.inside).down_until
    }

    /// The journal's machine crashes, and is up again after a while.
    pub(super) fn crash(&self, down_until: u64, common: &Common) {
        let mut inside = lock(&self.inside);
        inside.down_until = down_until;
        let under_way = std::mem::take(&mut inside.under_way);
        drop(inside);
        under_way.into_values().for_each(|commit| commit.survive_or_not(common));
    }
}

impl Commit {
    fn take_place(self, common: &Common) {
        match self.boot.upgrade().filter(|boot| boot.is_alive()) {
            Some(boot) => {
                (self.run)(&common.journal);
                boot.write(&self.path, &format!("{} commits", self.what));
            }
            None => self.survive_or_not(common),
        }
    }

    /// What the disk had of it by then is chance.
    fn survive_or_not(self, common: &Common) {
        let lasts = common.chance.below(2) == 0;
        let how = if lasts { "lasts" } else { "is forgotten" };
        common.trace.write(Line {
            at: common.now(),
            node: self.node.to_string(),
            path: self.path,
            what: format!("{} {how}", self.what),
        });
        if lasts {
            (self.run)(&common.journal);
        }
    }
}
