//! What a trace has told so far: who is alive, who is kept, and what happened since the event
//! before.

use std::collections::{BTreeMap, BTreeSet};

use super::episode::Episode;
use super::life::{Life, Moment, Now};
use crate::history::{Child, Event, History, Kind, Shutdown, ShutdownWord};

/// Somebody alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Being {
    Worker,
    /// In this one of its lives.
    Supervisor(usize),
}

pub(super) struct Ledger<'a> {
    history: &'a History,
    pub(super) attempts: BTreeMap<&'a str, u32>,
    pub(super) alive: BTreeMap<&'a str, Being>,
    pub(super) ever: BTreeSet<&'a str>,
    pub(super) lives: Vec<Life<'a>>,
    /// How many events have been dealt with; none while the root starts.
    done: Option<usize>,
    /// What the present event found, as far as its answer depends on it.
    pub(super) found: Found,
    pub(super) moved: bool,
    clock: Moment,
}

/// What an event was aimed at, as it was before anything followed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// Who is asked, if it is a supervisor that lives.
    pub(super) keeper: Option<usize>,
    pub(super) is_alive: bool,
    pub(super) is_worker: bool,
    pub(super) is_kept: bool,
    pub(super) was_ever: bool,
}

/// The path above, and the id below it.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    path.rsplit_once('/')
}

impl<'a> Ledger<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        Ledger {
            history,
            attempts: BTreeMap::new(),
            alive: BTreeMap::new(),
            ever: BTreeSet::new(),
            lives: Vec::new(),
            done: None,
            found: Found::default(),
            moved: false,
            clock: Moment::default(),
        }
    }

    pub(super) fn tree(&self) -> &'a crate::history::Sup {
        &self.history.tree
    }

    /// The event whose consequences are being told.
    pub(super) fn event(&self) -> Option<&'a Event> {
        self.history.events.get(self.done?)
    }

    /// Its line in the history, where the tree is line 1.
    pub(super) fn event_line(&self) -> usize {
        self.done.map_or(1, |done| done + 2)
    }

    pub(super) fn life_at(&self, path: &str) -> Option<usize> {
        match self.alive.get(path)? {
            Being::Supervisor(life) => Some(*life),
            Being::Worker => None,
        }
    }

    /// The living supervisor above a path, and the id there.
    pub(super) fn above<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let (above, id) = split(path)?;
        Some((self.life_at(above)?, id))
    }

    pub(super) fn now(&self) -> Moment {
        self.clock
    }

    /// A worker used up the time it was given to end.
    pub(super) fn waited(&mut self, ms: u64) {
        self.clock.1 += ms;
    }

    pub(super) fn is_ambiguous(&self) -> bool {
        self.lives.iter().any(|life| life.now.is_ambiguous)
    }

    /// Whether the root has just come up, or has just failed to.
    pub(super) fn is_boot_over(&self) -> bool {
        let root = self.lives.first();
        self.done.is_none() && root.is_some_and(|root| root.is_booted() || root.now.ended.is_some())
    }

    // --- from one event to the next ---

    /// The next event is about to act.
    pub(super) fn open(&mut self) {
        self.moved = false;
        for life in &mut self.lives {
            life.now = Now { before: life.kids.clone(), ..Now::default() };
        }
        self.found = Found::default();
        let Some(event) = self.event() else { return };
        match event {
            Event::Exit { exit: path, .. }
            | Event::Terminate { terminate: path }
            | Event::Restart { restart: path }
            | Event::Delete { delete: path } => self.find(path),
            Event::Start { start, child } => self.try_out(start, child),
            Event::Sleep { sleep_ms } => {
                self.clock.0 += sleep_ms;
                self.clock.1 += sleep_ms;
            }
        }
    }

    fn find(&mut self, path: &str) {
        let above = self.above(path);
        self.found = Found {
            keeper: above.map(|(life, _)| life),
            is_alive: self.alive.contains_key(path),
            is_worker: self.alive.get(path) == Some(&Being::Worker),
            is_kept: above.is_some_and(|(life, id)| self.lives[life].kid(id).is_some()),
            was_ever: self.ever.contains(path),
        };
    }

    fn try_out(&mut self, path: &str, child: &'a Child) {
        self.find(&format!("{path}/{}", child.id));
        let Some(life) = self.found.keeper else { return };
        let life = &mut self.lives[life];
        life.meet(&child.id);
        if life.kid(&child.id).is_none() {
            life.keep(&child.id, child, true);
        }
        life.now.before = life.kids.clone();
    }

    /// The event has been dealt with, and answered.
    pub(super) fn close(&mut self, ok: bool) {
        if let Some(life) = self.found.keeper {
            let life = &mut self.lives[life];
            life.kids.retain(|kid| ok || !kid.on_trial);
            life.kids.iter_mut().for_each(|kid| kid.on_trial = false);
            if let (Some(Event::Delete { delete }), true) = (self.event(), ok)
                && let Some((_, id)) = split(delete)
            {
                self.lives[life_index(self.found)].kids.retain(|kid| kid.id != id);
            }
        }
        self.done = Some(self.done.map_or(0, |done| done + 1));
    }

    /// What each supervisor saw of this event. `line` is the last line there is about it.
    pub(super) fn episodes(&self, line: usize) -> Vec<Episode<'_, 'a>> {
        let mut killed = vec![false; self.lives.len()];
        let mut episodes = Vec::new();
        for (number, life) in self.lives.iter().enumerate() {
            let asked = life.now.ended.is_some() && !life.ends_by_itself();
            let by_force = life.kept_as.is_some_and(is_brutal);
            let in_order = life.parent.is_some_and(|parent| killed[parent]);
            killed[number] = asked && by_force && !in_order;
            let call = self.event().filter(|_| self.found.keeper == Some(number));
            if call.is_some() || self.is_of_this_event(life) {
                let killed = killed[number];
                episodes.push(Episode { life, killed, call, found: self.found, line });
            }
        }
        episodes
    }

    fn is_of_this_event(&self, life: &Life<'a>) -> bool {
        let now = &life.now;
        now.began.is_some() || now.ended.is_some() || !now.items.is_empty()
    }

    /// Somebody is up for the first time in this life of its supervisor, and maybe with it all.
    pub(super) fn came_up(&mut self, life: usize, id: &str) {
        let above = &mut self.lives[life];
        if above.to_boot.front() != Some(&id) {
            return;
        }
        above.to_boot.pop_front();
        let (path, parent) = (above.path, above.parent);
        if let (true, Some(parent), Some((_, id))) = (above.is_booted(), parent, split(path)) {
            self.came_up(parent, id);
        }
    }
}

fn life_index(found: Found) -> usize {
    found.keeper.expect("asked only where somebody keeps the child")
}

fn is_brutal(child: &Child) -> bool {
    child.kind == Kind::Supervisor && child.shutdown == Shutdown::Word(ShutdownWord::BrutalKill)
}
