//! Finds handlers that hold their thread, by the work the thread did and not by silence.
//!
//! A poll only changes two numbers of its thread. A plain thread looks at them; when it sees the
//! same poll again it begins to count what the kernel says about that thread: time on a processor,
//! and looks at which it was blocked. A thread that merely waits for a processor on a busy machine
//! does neither, so nobody is fenced for the sake of a slow machine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::signals;

use crate::incarnation::Incarnation;
use crate::mailbox::Post;
use crate::node::Shared;
use crate::supervisor::Note;
use crate::threads::Slot;

/// How often it looks within one threshold.
const LOOKS_PER_THRESHOLD: u32 = 32;

pub(crate) struct Watchdog {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    #[expect(clippy::disallowed_methods, reason = "the watchdog must not depend on any runtime")]
    pub(crate) fn start(node: &Arc<Shared>, threshold: Duration) -> std::io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let round = Round {
            node: Arc::downgrade(node),
            threshold,
            pause: (threshold / LOOKS_PER_THRESHOLD).max(Duration::from_millis(1)),
            sightings: HashMap::new(),
            suspects: Vec::new(),
        };
        let until = Arc::clone(&ending);
        let thread = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || round.walk(&until))?;
        Ok(Watchdog { ending, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
        }
    }
}

struct Round {
    node: Weak<Shared>,
    threshold: Duration,
    pause: Duration,
    sightings: HashMap<u32, Sighting>,
    suspects: Vec<Suspect>,
}

/// An actor that had been woken when a thread was lost. If it is the one whose turn that thread
/// would have given next, no other thread can: tokio lets nobody take it.
struct Suspect {
    serial: u64,
    /// At its mailbox; a supervisor has none, and was asked for a sign of life.
    looks: u32,
    since: Instant,
}

/// One poll that was under way at two looks in a row.
struct Sighting {
    sequence: u64,
    since: Instant,
    seen: Instant,
    /// Time on a processor when it was first seen.
    ran_before: Option<Duration>,
    blocked: Duration,
}

impl Round {
    #[expect(clippy::disallowed_methods, reason = "judges real threads, so it reads real time")]
    fn walk(mut self, ending: &AtomicBool) {
        while !ending.load(Ordering::Acquire) {
            std::thread::park_timeout(self.pause);
            let Some(node) = self.node.upgrade() else { return };
            let now = Instant::now();
            for slot in node.threads.live_slots() {
                self.look_at(&node, &slot, now);
            }
            self.look_at_suspects(&node, now);
        }
    }

    fn look_at(&mut self, node: &Arc<Shared>, slot: &Arc<Slot>, now: Instant) {
        let sequence = slot.sequence.load(Ordering::Acquire);
        if sequence.is_multiple_of(2) {
            self.sightings.remove(&slot.thread);
            return came_back(node, slot);
        }
        let sighting = self.sightings.entry(slot.thread).or_insert(Sighting {
            sequence,
            since: now,
            seen: now,
            ran_before: None,
            blocked: Duration::ZERO,
        });
        if sighting.sequence != sequence {
            let (since, blocked) = (now, Duration::ZERO);
            *sighting = Sighting { sequence, since, seen: now, ran_before: None, blocked };
            return came_back(node, slot);
        }
        if slot.lost.load(Ordering::Acquire) {
            return;
        }
        let ran = time_on_processor(slot.thread);
        let ran_before = *sighting.ran_before.get_or_insert(ran);
        if is_blocked(slot.thread) {
            sighting.blocked += now.duration_since(sighting.seen);
        }
        sighting.seen = now;
        // The first looks cost up to two pauses of what the poll has really used.
        let enough = self.threshold.saturating_sub(self.pause * 2);
        let used = ran.saturating_sub(ran_before) + sighting.blocked;
        let held = now.duration_since(sighting.since);
        if held + self.pause >= self.threshold && used >= enough {
            let serial = slot.serial.load(Ordering::Acquire);
            if slot.sequence.load(Ordering::Acquire) == sequence {
                write_off(node, slot, serial, held);
                self.suspect(node, slot.crew.number(), now);
            }
        }
    }

    /// Remembers who was on the point of running on the crew that lost a thread.
    fn suspect(&mut self, node: &Arc<Shared>, crew: u32, since: Instant) {
        node.find(&mut |incarnation| {
            if incarnation.crew() != crew {
                return;
            }
            let seat = &incarnation.seat;
            let overdue = match seat.spec.post() {
                Some(post) => post.overdue(),
                None => seat.ping(),
            };
            if let Some(looks) = overdue {
                self.suspects.push(Suspect { serial: incarnation.serial, looks, since });
            }
        });
    }

    /// Cuts off whoever has had a whole threshold to run on the threads that are left, and has not.
    fn look_at_suspects(&mut self, node: &Arc<Shared>, now: Instant) {
        if self.suspects.is_empty() {
            return;
        }
        let mut suspects = std::mem::take(&mut self.suspects);
        node.find(&mut |incarnation| {
            let suspect = suspects.iter().position(|suspect| suspect.serial == incarnation.serial);
            let Some(suspect) = suspect.map(|place| suspects.swap_remove(place)) else { return };
            let seat = &incarnation.seat;
            let overdue = seat.spec.post().map_or_else(|| seat.pongs(), Post::overdue);
            if overdue != Some(suspect.looks) {
                return;
            }
            let held = now.duration_since(suspect.since);
            if self.threshold <= held {
                cut_off(node, incarnation, held, false);
            } else {
                self.suspects.push(suspect);
            }
        });
    }
}

fn came_back(node: &Shared, slot: &Slot) {
    if slot.lost.load(Ordering::Acquire) {
        node.threads.win_back(slot);
        tracing::info!(event = signals::THREAD_RETURNED, thread = slot.thread);
    }
}

/// Fences whoever holds the thread, and everybody who could only run there.
fn write_off(node: &Arc<Shared>, slot: &Slot, serial: u64, held: Duration) {
    let stranded_crew = node.threads.lose(slot);
    node.find(&mut |incarnation| {
        let culprit = incarnation.serial == serial;
        let stranded = stranded_crew.is_some_and(|crew| incarnation.crew() == crew);
        if !culprit && !stranded {
            return;
        }
        cut_off(node, incarnation, held, culprit);
    });
    node.threads_were_lost(node.threads.lost());
}

fn cut_off(node: &Shared, incarnation: &Incarnation, held: Duration, culprit: bool) {
    incarnation.fence();
    let seat = &incarnation.seat;
    let held_ms = u64::try_from(held.as_millis()).unwrap_or(u64::MAX);
    tracing::error!(event = signals::ACTOR_FENCED, actor = seat.path(), held_ms, culprit);
    match seat.keeper() {
        Some(keeper) => {
            let _ = keeper.send_message(Note::Cut(seat.key, incarnation.life));
        }
        None => node.give_up("the root itself was cut off by the watchdog".to_owned()),
    }
}

/// The kernel's number of the calling thread; 0 where it cannot be told.
pub(crate) fn own_thread_id() -> u32 {
    let link = std::fs::read_link("/proc/thread-self").ok();
    let number = link.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How long this thread has been on a processor.
fn time_on_processor(thread: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"));
    let nanos = text.ok().and_then(|text| text.split(' ').next()?.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Whether this thread sleeps in the kernel instead of running or waiting for its turn.
fn is_blocked(thread: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    // The name stands in parentheses and may hold anything; the state follows the last one.
    let state = text.ok().and_then(|text| text.rsplit_once(") ")?.1.chars().next());
    matches!(state, Some('S' | 'D'))
}

#[cfg(test)]
mod tests;
