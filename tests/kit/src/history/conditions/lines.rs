//! Conditions on single lines.

use super::episode::Episode;
use super::ledger::{Being, Ledger, split};
use super::life::{Life, What};
use super::{Verdict, broken};
use crate::history::{Child, Event, Kind, Reason, Shutdown, ShutdownWord};

pub(super) fn started<'a>(ledger: &mut Ledger<'a>, line: usize, path: &'a str, n: u32) -> Verdict {
    ledger.moved = true;
    if ledger.alive.contains_key(path) {
        return broken("nothing starts twice", line, format!("{path} is alive"));
    }
    attempt_is_counted(ledger, line, path, n)?;
    let Some((above, id)) = split(path) else { return root_started(ledger, line, path) };
    let child = kept_below(ledger, line, above, id)?;
    if child.fails.contains(&n) {
        return broken(FAILS, line, format!("attempt {n} of {path} must fail"));
    }
    let life = ledger.life_at(above).expect("whoever keeps a child is alive");
    ledger.lives[life].up(line, id);
    ledger.ever.insert(path);
    match &child.sup {
        None => {
            ledger.alive.insert(path, Being::Worker);
            ledger.came_up(life, id);
        }
        Some(sup) => {
            let number = ledger.lives.len();
            ledger.lives.push(Life::new(path, sup, Some(child), Some(life), line));
            ledger.alive.insert(path, Being::Supervisor(number));
            if ledger.lives[number].is_booted() {
                ledger.came_up(life, id);
            }
        }
    }
    Ok(())
}

const FAILS: &str = "exactly the attempts that shall fail do";

fn root_started<'a>(ledger: &mut Ledger<'a>, line: usize, path: &'a str) -> Verdict {
    if path != ledger.tree().id || !ledger.lives.is_empty() {
        return broken("there is one root", line, format!("{path} is none"));
    }
    ledger.lives.push(Life::new(path, ledger.tree(), None, None, line));
    ledger.alive.insert(path, Being::Supervisor(0));
    ledger.ever.insert(path);
    Ok(())
}

fn attempt_is_counted<'a>(ledger: &mut Ledger<'a>, line: usize, path: &'a str, n: u32) -> Verdict {
    let attempts = ledger.attempts.entry(path).or_default();
    *attempts += 1;
    match *attempts == n {
        true => Ok(()),
        false => {
            broken("attempts are counted", line, format!("this is attempt {attempts} of {path}"))
        }
    }
}

/// What the supervisor above keeps there; it must live.
fn kept_below<'a>(
    ledger: &mut Ledger<'a>,
    line: usize,
    above: &str,
    id: &'a str,
) -> Result<&'a Child, super::Broken> {
    let Some(life) = ledger.life_at(above) else {
        let what = format!("{above} is not alive");
        return broken("nobody starts without a supervisor", line, what);
    };
    ledger.lives[life].meet(id);
    match ledger.lives[life].kid(id) {
        Some(kid) => Ok(kid.child),
        None => broken("only what is kept is started", line, format!("{above} keeps no {id}")),
    }
}

pub(super) fn failed<'a>(ledger: &mut Ledger<'a>, line: usize, path: &'a str, n: u32) -> Verdict {
    ledger.moved = true;
    if ledger.alive.contains_key(path) {
        return broken("nothing starts twice", line, format!("{path} is alive"));
    }
    attempt_is_counted(ledger, line, path, n)?;
    let (above, id) = split(path).unwrap_or(("nobody", path));
    let child = kept_below(ledger, line, above, id)?;
    if child.kind == Kind::Supervisor {
        return broken("a supervisor starts and stops, but never fails", line, path);
    }
    if !child.fails.contains(&n) {
        return broken(FAILS, line, format!("attempt {n} of {path} must not fail"));
    }
    let (life, at) = (ledger.life_at(above).expect("it keeps the child"), ledger.now());
    ledger.lives[life].failed(line, id, at);
    Ok(())
}

pub(super) fn stopped(
    ledger: &mut Ledger<'_>,
    line: usize,
    path: &str,
    reason: &'static str,
) -> Verdict {
    let is_first = !std::mem::replace(&mut ledger.moved, true);
    let Some(being) = ledger.alive.get(path).copied() else {
        return broken("only who is alive stops", line, format!("{path} is not"));
    };
    let own = match being {
        Being::Worker => own_exit(ledger, line, path, reason, is_first)?,
        Being::Supervisor(life) => supervisor_stops(ledger, line, life, reason)?,
    };
    ledger.alive.remove(path);
    let Some((life, id)) = ledger.above(path) else { return Ok(()) };
    if let (Being::Worker, false, Some(kid)) = (being, own, ledger.lives[life].kid(id))
        && let (true, Shutdown::Ms(ms)) = (kid.child.stubborn, kid.child.shutdown)
    {
        ledger.waited(ms);
    }
    let at = ledger.now();
    let has_failed = matches!(being, Being::Supervisor(life) if !ledger.lives[life].is_booted());
    match has_failed {
        true => ledger.lives[life].failed(line, id, at),
        false => ledger.lives[life].down(line, id, own, reason, at),
    }
    Ok(())
}

/// Whether this worker ends because the event says so; that is the first thing which happens.
fn own_exit(
    ledger: &Ledger<'_>,
    line: usize,
    path: &str,
    reason: &str,
    is_first: bool,
) -> Result<bool, super::Broken> {
    let Some(Event::Exit { exit, reason: wanted }) = ledger.event() else { return Ok(false) };
    if !is_first {
        return Ok(false);
    }
    if exit != path {
        return broken("an exit comes before all that it causes", line, format!("of {exit}"));
    }
    let wanted = match wanted {
        Reason::Normal => "normal",
        Reason::Shutdown => "shutdown",
        Reason::Error => "error",
        Reason::Kill => "killed",
    };
    match wanted == reason {
        true => Ok(true),
        false => broken("an exit says its own reason", line, format!("which is {wanted}")),
    }
}

/// Whether this supervisor had a cause of its own.
fn supervisor_stops(
    ledger: &mut Ledger<'_>,
    line: usize,
    life: usize,
    reason: &str,
) -> Result<bool, super::Broken> {
    let life = &mut ledger.lives[life];
    if let Some(kid) = life.kids.iter().find(|kid| kid.alive) {
        return broken("a supervisor stops last", line, format!("{} lives below", kid.id));
    }
    if reason != "shutdown" {
        return broken("a supervisor says shutdown", line, format!("not {reason}"));
    }
    life.now.ended = Some(line);
    Ok(life.ends_by_itself())
}

/// Each event is answered once, in order, and the tree is up or gone before the first.
pub(super) fn result(ledger: &Ledger<'_>, line: usize, of: usize) -> Verdict {
    if ledger.event().is_none() {
        return broken("an answer is to an event", line, "there was none");
    }
    match of == ledger.event_line() {
        true => Ok(()),
        false => {
            let what = format!("this is about line {}", ledger.event_line());
            broken("events are answered in order", line, what)
        }
    }
}

pub(super) fn last(ledger: &Ledger<'_>, line: usize, lines: usize) -> Verdict {
    if ledger.event().is_some() || ledger.lives.is_empty() || ledger.moved {
        return broken("a trace ends with what is left", line, "something is still to be told");
    }
    match line + 1 == lines {
        true => Ok(()),
        false => broken("a trace ends with what is left", line, "something follows"),
    }
}

/// Whoever is asked to stop says so; whoever does not obey, or is not asked, was killed.
pub(super) fn asked_reasons(episode: &Episode<'_, '_>) -> Verdict {
    for item in &episode.life.now.items {
        let What::Down { own: false, reason } = item.what else { continue };
        let Some(child) = episode.child(item.id) else { continue };
        let is_worker = child.kind == Kind::Worker;
        let by_force = child.shutdown == Shutdown::Word(ShutdownWord::BrutalKill);
        let expected = match is_worker && (by_force || child.stubborn || episode.killed) {
            true => "killed",
            false => "shutdown",
        };
        if reason != expected {
            let what = format!("{} was to end with {expected}", item.id);
            return broken("whoever is asked to stop says so", item.line, what);
        }
    }
    Ok(())
}
