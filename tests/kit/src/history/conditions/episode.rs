//! What one supervisor saw of one event, and whether it had reasons for what it did.

use super::ledger::Found;
use super::life::{Item, Kid, Life, What};
use super::{Verdict, broken};
use crate::history::{Child, Event, Strategy};

pub(super) struct Episode<'l, 'a> {
    pub(super) life: &'l Life<'a>,
    /// It was killed by its own supervisor, and so were the workers below.
    pub(super) killed: bool,
    /// The event, if it is a call to this supervisor, or the exit of a worker of its.
    pub(super) call: Option<&'a Event>,
    pub(super) found: Found,
    /// The last line about the event.
    pub(super) line: usize,
}

/// One attempt at a restart: who stopped for it, and who was started.
pub(super) struct Round<'l, 'a> {
    /// Whose end, or whose failed attempt, is dealt with.
    pub(super) culprit: &'l Item<'a>,
    /// Everybody kept when it began.
    pub(super) kids: Vec<Kid<'a>>,
    pub(super) stops: Vec<&'l Item<'a>>,
    pub(super) attempts: Vec<&'l Item<'a>>,
}

impl<'l, 'a> Episode<'l, 'a> {
    pub(super) fn items(&self) -> &'l [Item<'a>] {
        &self.life.now.items
    }

    pub(super) fn child(&self, id: &str) -> Option<&'a Child> {
        self.life.now.before.iter().find(|kid| kid.id == id).map(|kid| kid.child)
    }

    /// Whether it deals with the end of a child.
    pub(super) fn reacts(&self) -> bool {
        self.items().first().is_some_and(Item::is_own_end)
    }

    /// The rounds of a reaction: each failed attempt begins another.
    pub(super) fn rounds(&self) -> Vec<Round<'l, 'a>> {
        let mut rounds: Vec<Round<'l, 'a>> = Vec::new();
        let mut kids = self.life.now.before.clone();
        for item in self.items() {
            settle(&mut kids, item);
            let begins = rounds.is_empty() || item.what == What::Failed;
            if let Some(round) = rounds.last_mut() {
                match item.is_attempt() {
                    true => round.attempts.push(item),
                    false => round.stops.push(item),
                }
            }
            if begins {
                let kids = kids.clone();
                rounds.push(Round { culprit: item, kids, stops: Vec::new(), attempts: Vec::new() });
            }
        }
        rounds
    }

    /// Whether the last round of a reaction is the end and no restart.
    pub(super) fn is_restart(&self, round: &Round<'_, '_>, is_last: bool) -> bool {
        let must_return = match round.culprit.what {
            What::Failed => true,
            What::Down { reason, .. } => {
                round.culprit_kid().is_some_and(|kid| kid.must_return(reason))
            }
            What::Up => false,
        };
        must_return && !(is_last && self.life.now.is_over)
    }
}

impl<'a> Round<'_, 'a> {
    fn culprit_kid(&self) -> Option<&Kid<'a>> {
        self.kids.iter().find(|kid| kid.id == self.culprit.id)
    }

    /// Who shares the fate of the culprit, itself included, from left to right.
    pub(super) fn sharers(&self, strategy: Strategy) -> impl Iterator<Item = &Kid<'a>> {
        let culprit = self.culprit.place;
        self.kids.iter().filter(move |kid| match strategy {
            Strategy::OneForOne | Strategy::SimpleOneForOne => kid.place == culprit,
            Strategy::OneForAll => true,
            Strategy::RestForOne => culprit <= kid.place,
        })
    }
}

/// Brings the kept children up to date with what happened to one of them.
fn settle(kids: &mut Vec<Kid<'_>>, item: &Item<'_>) {
    if let Some(kid) = kids.iter_mut().find(|kid| kid.id == item.id) {
        kid.alive = item.what == What::Up;
    }
    if matches!(item.what, What::Down { .. }) {
        kids.retain(|kid| kid.id != item.id || !kid.is_temporary());
    }
}

/// A supervisor that comes up starts everybody, or fails with the first who does.
pub(super) fn starts_its_children(episode: &Episode<'_, '_>) -> Verdict {
    const NAME: &str = "a supervisor starts its children";
    if episode.life.now.began.is_none() {
        return Ok(());
    }
    let mut items = episode.items().iter();
    for kid in &episode.life.now.before {
        let item = items.next();
        match item {
            Some(item) if item.id == kid.id && item.what == What::Up => {}
            Some(item) if item.id == kid.id && item.what == What::Failed => break,
            Some(item) => {
                let what = format!("it was the turn of {}", kid.id);
                return broken(NAME, item.line, what);
            }
            None => return broken(NAME, episode.line, format!("{} was never tried", kid.id)),
        }
    }
    let is_ending = episode.life.now.ended.is_some();
    match items.find(|item| !(is_ending && item.is_asked_end())) {
        Some(item) => broken(NAME, item.line, "it had done so already"),
        None if is_ending || episode.life.is_booted() => Ok(()),
        None => broken(NAME, episode.line, "it goes on without"),
    }
}

/// Who starts or stops somebody deals with an end, answers a call, comes up or ends.
pub(super) fn acts_for_a_reason(episode: &Episode<'_, '_>) -> Verdict {
    let is_called = matches!(
        episode.call,
        Some(Event::Start { .. } | Event::Restart { .. } | Event::Terminate { .. })
    );
    if episode.life.now.began.is_some() || is_called || episode.reacts() {
        return Ok(());
    }
    let is_ending = episode.life.now.ended.is_some();
    match episode.items().iter().find(|item| !(is_ending && item.is_asked_end())) {
        Some(item) => {
            let what = format!("{} had none to touch {}", episode.life.path, item.id);
            broken("a supervisor acts for a reason", item.line, what)
        }
        None => Ok(()),
    }
}

/// Nobody asks the root to end: it gives up, is bereft, or does not come up.
pub(super) fn root_ends_for_a_reason(episode: &Episode<'_, '_>) -> Verdict {
    let is_root = episode.life.parent.is_none();
    match episode.life.now.ended {
        Some(line) if is_root && !episode.life.ends_by_itself() => {
            broken("the root ends for a reason", line, "it had not used up its restarts")
        }
        Some(_) | None => Ok(()),
    }
}
