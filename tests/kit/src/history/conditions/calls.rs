//! Conditions on what calls do, and how they are answered.

use super::episode::Episode;
use super::ledger::{Found, Ledger};
use super::life::{Life, What};
use super::{Verdict, broken};
use crate::history::{AutoShutdown, Child, Event, Restart};

/// Whether a call may do anything, by what it found.
fn is_possible(event: &Event, found: Found, keeper: &Life<'_>) -> bool {
    match event {
        Event::Exit { .. } => found.is_alive && found.is_worker,
        Event::Terminate { .. } if keeper.is_simple() => found.was_ever,
        Event::Terminate { .. } => found.is_kept,
        Event::Restart { .. } | Event::Delete { .. } => {
            found.is_kept && !found.is_alive && !keeper.is_simple()
        }
        Event::Start { .. } if keeper.is_simple() => !found.is_alive,
        Event::Start { child, .. } => !found.is_kept && !contradicts(child, keeper),
        Event::Sleep { .. } => true,
    }
}

/// A child that ends for good only by a call cannot be significant, nor one that nobody follows.
fn contradicts(child: &Child, keeper: &Life<'_>) -> bool {
    let nobody_follows = keeper.sup.auto_shutdown == AutoShutdown::Never;
    child.significant && (nobody_follows || child.restart == Restart::Permanent)
}

/// A call is answered by what it found, and by whether whom it started came up.
pub(super) fn answer(ledger: &Ledger<'_>, line: usize, ok: bool) -> Verdict {
    let Some(event) = ledger.event() else { return Ok(()) };
    let keeper = ledger.found.keeper.map(|life| &ledger.lives[life]);
    let possible = match (event, keeper) {
        (Event::Sleep { .. }, _) => true,
        (_, Some(keeper)) => is_possible(event, ledger.found, keeper),
        (_, None) => false,
    };
    let starts = matches!(event, Event::Start { .. } | Event::Restart { .. });
    let came_up = keeper
        .is_some_and(|keeper| keeper.now.items.first().is_some_and(|item| item.what == What::Up));
    let acts = possible && !matches!(event, Event::Sleep { .. } | Event::Delete { .. });
    if ledger.moved && !acts {
        return broken("nothing comes of nothing", line, "this event could not cause anything");
    }
    match ok == (possible && (came_up || !starts)) {
        true => Ok(()),
        false => broken("a call is answered by what it found", line, describe(ledger.found)),
    }
}

fn describe(found: Found) -> String {
    let Found { keeper, is_alive, is_kept, .. } = found;
    match (keeper, is_kept, is_alive) {
        (None, ..) => "there was nobody to ask".to_owned(),
        (Some(_), _, true) => "whom it is about was alive".to_owned(),
        (Some(_), true, false) => "whom it is about was down".to_owned(),
        (Some(_), false, false) => "whom it is about was not known".to_owned(),
    }
}

/// A call touches whom it is about, once, and nobody else.
pub(super) fn does_what_it_says(episode: &Episode<'_, '_>) -> Verdict {
    const NAME: &str = "a call does what it says";
    let Some(event) = episode.call else { return Ok(()) };
    let (path, is_start) = match event {
        Event::Start { child, .. } => (child.id.as_str(), true),
        Event::Restart { restart } => (restart.as_str(), true),
        Event::Terminate { terminate } => (terminate.as_str(), false),
        Event::Exit { .. } => return exit_happens(episode),
        Event::Delete { .. } | Event::Sleep { .. } => return Ok(()),
    };
    let id = path.rsplit('/').next().unwrap_or(path);
    let acts =
        is_possible(event, episode.found, episode.life) && (is_start || episode.found.is_alive);
    let wanted = |item: &&super::life::Item<'_>| {
        let kind = if is_start { item.is_attempt() } else { item.is_asked_end() };
        item.id == id && kind
    };
    let done = episode.items().iter().take(usize::from(acts)).filter(wanted).count();
    if let Some(item) = episode.items().get(done) {
        return broken(NAME, item.line, format!("it was about {id}"));
    }
    if done < usize::from(acts) {
        return broken(NAME, episode.line, format!("nothing happened to {id}"));
    }
    match episode.life.now.ended {
        Some(line) => broken(NAME, line, format!("it was about {id} alone")),
        None => Ok(()),
    }
}

fn exit_happens(episode: &Episode<'_, '_>) -> Verdict {
    let is_possible = episode.found.is_alive && episode.found.is_worker;
    match is_possible && !episode.reacts() {
        true => broken("an exit comes before all that it causes", episode.line, "it never came"),
        false => Ok(()),
    }
}
