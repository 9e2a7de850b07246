//! Conditions on what follows from the end of a child.

use super::episode::{Episode, Round};
use super::life::{Item, Kid, What};
use super::{Verdict, broken};

/// Beyond its intensity a supervisor ends and restarts nobody, and never before.
pub(super) fn gives_up_beyond_its_intensity(episode: &Episode<'_, '_>) -> Verdict {
    const NAME: &str = "a supervisor gives up beyond its intensity";
    let life = episode.life;
    let Some(last) = episode.rounds().pop().filter(|_| life.now.is_over) else { return Ok(()) };
    let intensity = life.sup.intensity;
    if let Some(item) = last.attempts.first() {
        let what = format!("{} allows {intensity} restarts, this is one more", life.path);
        return broken(NAME, item.line, what);
    }
    match life.now.ended {
        Some(_) => Ok(()),
        None => {
            let what = format!("{} allows {intensity} restarts and goes on", life.path);
            broken(NAME, episode.line, what)
        }
    }
}

/// Once its significant children have ended, as far as it asks for that, a supervisor ends.
pub(super) fn ends_with_its_significant_children(episode: &Episode<'_, '_>) -> Verdict {
    const NAME: &str = "a supervisor ends with its significant children";
    if !episode.life.now.is_bereft || episode.life.now.ended.is_some() {
        return Ok(());
    }
    broken(NAME, episode.line, format!("{} goes on", episode.life.path))
}

/// Whoever need not return does not, and nobody suffers for it.
pub(super) fn restart_type_decides(episode: &Episode<'_, '_>) -> Verdict {
    const NAME: &str = "the restart type decides";
    let Some(head) = episode.items().first().filter(|item| item.is_own_end()) else {
        return Ok(());
    };
    let What::Down { reason, .. } = head.what else { return Ok(()) };
    let kid = episode.life.now.before.iter().find(|kid| kid.id == head.id);
    if kid.is_none_or(|kid| kid.must_return(reason)) {
        return Ok(());
    }
    let is_ending = episode.life.now.is_bereft;
    let touched = episode.items()[1..].iter().find(|item| !(is_ending && item.is_asked_end()));
    match touched {
        Some(item) => {
            let what = format!("the end of {} with {reason} asks for nothing", head.id);
            broken(NAME, item.line, what)
        }
        None => Ok(()),
    }
}

/// Before anybody is restarted, everybody alive who shares the fate has stopped, and nobody else.
pub(super) fn sharers_are_stopped_first(episode: &Episode<'_, '_>) -> Verdict {
    for_restarts(episode, |round| {
        let strategy = episode.life.sup.strategy;
        let first = round.attempts.first().map_or(usize::MAX, |item| item.line);
        if let Some(item) = round
            .stops
            .iter()
            .find(|item| first < item.line || !round.sharers(strategy).any(|kid| kid.id == item.id))
        {
            let what = format!("{} has no part in the end of {}", item.id, round.culprit.id);
            return broken("only who shares the fate is stopped", item.line, what);
        }
        let is_spared = |kid: &&Kid<'_>| {
            kid.alive && kid.id != round.culprit.id && !is_among(&round.stops, kid.id)
        };
        match round.sharers(strategy).find(is_spared) {
            Some(kid) => {
                let what = format!("{} shares the fate of {}", kid.id, round.culprit.id);
                let line = if first == usize::MAX { episode.line } else { first };
                broken("who shares the fate is stopped first", line, what)
            }
            None => Ok(()),
        }
    })
}

/// Everybody who shares the fate comes back, temporary ones aside, and nobody else.
pub(super) fn sharers_come_back(episode: &Episode<'_, '_>) -> Verdict {
    for_restarts(episode, |round| {
        let mut attempts = round.attempts.iter();
        let is_template = episode.life.is_simple();
        let strategy = episode.life.sup.strategy;
        for kid in round.sharers(strategy).filter(|kid| is_template || !kid.is_temporary()) {
            match attempts.next() {
                Some(item) if item.id != kid.id => {
                    let what = format!("it was the turn of {}", kid.id);
                    return broken("who shares the fate comes back", item.line, what);
                }
                Some(item) if item.what == What::Failed => return Ok(()),
                Some(_) => {}
                None => {
                    let what = format!("{}/{} does not", episode.life.path, kid.id);
                    return broken("who shares the fate comes back", episode.line, what);
                }
            }
        }
        match attempts.next() {
            Some(item) => {
                let what = format!("{} has no part in the end of {}", item.id, round.culprit.id);
                broken("only who shares the fate comes back", item.line, what)
            }
            None => Ok(()),
        }
    })
}

fn is_among(items: &[&Item<'_>], id: &str) -> bool {
    items.iter().any(|item| item.id == id)
}

/// Looks at every round of a reaction that is a restart.
fn for_restarts(episode: &Episode<'_, '_>, look: impl Fn(&Round<'_, '_>) -> Verdict) -> Verdict {
    if !episode.reacts() {
        return Ok(());
    }
    let rounds = episode.rounds();
    for (number, round) in (1..).zip(&rounds) {
        if episode.is_restart(round, number == rounds.len()) {
            look(round)?;
        }
    }
    Ok(())
}
