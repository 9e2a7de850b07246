//! One life of one supervisor, as a trace tells it.

use std::collections::VecDeque;

use crate::history::{AutoShutdown, Child, Restart, Strategy, Sup};

/// A child that a supervisor keeps, alive or not.
#[derive(Debug, Clone)]
pub(super) struct Kid<'a> {
    pub(super) id: &'a str,
    /// Its place among its siblings: a lower one stands further left.
    pub(super) place: usize,
    pub(super) child: &'a Child,
    pub(super) alive: bool,
    /// Being started by a call, and kept only if that succeeds.
    pub(super) on_trial: bool,
}

impl Kid<'_> {
    pub(super) fn is_temporary(&self) -> bool {
        self.child.restart == Restart::Temporary
    }

    /// Whether its end with this reason asks for a restart.
    pub(super) fn must_return(&self, reason: &str) -> bool {
        match self.child.restart {
            Restart::Permanent => true,
            Restart::Transient => !matches!(reason, "normal" | "shutdown"),
            Restart::Temporary => false,
        }
    }
}

/// What a supervisor saw of one child.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub(super) line: usize,
    pub(super) id: &'a str,
    pub(super) place: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Up,
    /// An attempt to start that failed; of a supervisor, the whole of its short life.
    Failed,
    /// It stopped; `own`: by itself, and not because this supervisor asked.
    Down {
        own: bool,
        reason: &'static str,
    },
}

impl Item<'_> {
    pub(super) fn is_attempt(&self) -> bool {
        matches!(self.what, What::Up | What::Failed)
    }

    pub(super) fn is_own_end(&self) -> bool {
        matches!(self.what, What::Down { own: true, .. })
    }

    pub(super) fn is_asked_end(&self) -> bool {
        matches!(self.what, What::Down { own: false, .. })
    }
}

/// A moment, as far as a trace tells: no earlier than `.0` and no later than `.1` milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment(pub(super) u64, pub(super) u64);

/// One life of one supervisor.
#[derive(Debug)]
pub(super) struct Life<'a> {
    pub(super) path: &'a str,
    pub(super) sup: &'a Sup,
    /// How its own supervisor keeps it; the root is kept by nobody.
    pub(super) kept_as: Option<&'a Child>,
    pub(super) parent: Option<usize>,
    pub(super) kids: Vec<Kid<'a>>,
    next_place: usize,
    /// Who must still come up for the first time.
    pub(super) to_boot: VecDeque<&'a str>,
    counted: Vec<Moment>,
    pub(super) now: Now<'a>,
}

/// What happened to it since the event before.
#[derive(Debug, Default)]
pub(super) struct Now<'a> {
    /// Its children as they were.
    pub(super) before: Vec<Kid<'a>>,
    pub(super) items: Vec<Item<'a>>,
    pub(super) began: Option<usize>,
    pub(super) ended: Option<usize>,
    /// It has more restarts behind it than its intensity allows.
    pub(super) is_over: bool,
    /// The significant children whose end it must follow have ended.
    pub(super) is_bereft: bool,
    pub(super) is_ambiguous: bool,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        path: &'a str,
        sup: &'a Sup,
        kept_as: Option<&'a Child>,
        parent: Option<usize>,
        line: usize,
    ) -> Self {
        let mut life = Life {
            path,
            sup,
            kept_as,
            parent,
            kids: Vec::new(),
            next_place: 0,
            to_boot: VecDeque::new(),
            counted: Vec::new(),
            now: Now::default(),
        };
        if !life.is_simple() {
            for child in &sup.children {
                life.keep(&child.id, child, false);
                life.to_boot.push_back(&child.id);
            }
        }
        life.now.before = life.kids.clone();
        life.now.began = Some(line);
        life
    }

    pub(super) fn is_simple(&self) -> bool {
        self.sup.strategy == Strategy::SimpleOneForOne
    }

    pub(super) fn is_booted(&self) -> bool {
        self.to_boot.is_empty()
    }

    /// Whether it had a cause of its own to end.
    pub(super) fn ends_by_itself(&self) -> bool {
        !self.is_booted() || self.now.is_over || self.now.is_bereft
    }

    pub(super) fn keep(&mut self, id: &'a str, child: &'a Child, on_trial: bool) {
        let place = self.next_place;
        self.next_place += 1;
        self.kids.push(Kid { id, place, child, alive: false, on_trial });
    }

    pub(super) fn kid(&self, id: &str) -> Option<&Kid<'a>> {
        self.kids.iter().find(|kid| kid.id == id)
    }

    fn kid_mut(&mut self, id: &str) -> Option<&mut Kid<'a>> {
        self.kids.iter_mut().find(|kid| kid.id == id)
    }

    /// Any name is kept by a supervisor of one template.
    pub(super) fn meet(&mut self, id: &'a str) {
        if self.is_simple() && self.kid(id).is_none() {
            self.keep(id, &self.sup.children[0], false);
        }
    }

    /// Whether it deals with the end of a child, so that its attempts to start are restarts.
    fn reacts(&self) -> bool {
        self.now.items.first().is_some_and(Item::is_own_end)
    }

    pub(super) fn up(&mut self, line: usize, id: &str) {
        if let Some(kid) = self.kid_mut(id) {
            kid.alive = true;
            let item = Item { line, id: kid.id, place: kid.place, what: What::Up };
            self.now.items.push(item);
        }
    }

    pub(super) fn failed(&mut self, line: usize, id: &str, at: Moment) {
        if let Some(kid) = self.kid_mut(id) {
            let was_begun = std::mem::take(&mut kid.alive);
            let item = Item { line, id: kid.id, place: kid.place, what: What::Failed };
            // A supervisor's attempt was noted when it began.
            let begun = self.now.items.iter().rposition(|item| item.id == id);
            match begun.filter(|_| was_begun) {
                Some(begun) => self.now.items[begun].what = What::Failed,
                None => self.now.items.push(item),
            }
        }
        if self.reacts() {
            self.count(at);
        }
    }

    pub(super) fn down(
        &mut self,
        line: usize,
        id: &str,
        own: bool,
        reason: &'static str,
        at: Moment,
    ) {
        let Some(kid) = self.kid_mut(id) else { return };
        kid.alive = false;
        let kid = kid.clone();
        let what = What::Down { own, reason };
        self.now.items.push(Item { line, id: kid.id, place: kid.place, what });
        if kid.is_temporary() && !self.is_simple() {
            self.kids.retain(|other| other.id != id);
        }
        if own && kid.must_return(reason) {
            self.count(at);
        } else if own {
            self.now.is_bereft |= kid.child.significant && self.follows_its_significant();
        }
    }

    fn follows_its_significant(&self) -> bool {
        match self.sup.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => {
                !self.kids.iter().any(|kid| kid.alive && kid.child.significant)
            }
        }
    }

    /// A restart, or an attempt at one that failed.
    fn count(&mut self, at: Moment) {
        self.counted.push(at);
        let period_ms = self.sup.period_s * 1_000;
        let surely = |then: &&Moment| at.1 - then.0 <= period_ms;
        let possibly = |then: &&Moment| at.0.saturating_sub(then.1) < period_ms + 1_000;
        let allowed = self.sup.intensity as usize;
        let is_possible = self.counted.iter().filter(possibly).count() > allowed;
        self.now.is_over = self.counted.iter().filter(surely).count() > allowed;
        self.now.is_ambiguous |= is_possible && !self.now.is_over;
    }
}
