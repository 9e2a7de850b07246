//! One turn, from what was heard to one append: pure, and the same whenever it is decided again.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{Before, Body, Fate, Ordinal, Outgoing, Post, Status, Taken, Waiting};
use domain::policy::Act;
use domain::time::Timestamp;
use domain::wire::Written;
use serde::{Deserialize, Serialize};

use super::entity::{Admission, Decision, Draft, Due, Ended, Entity, Gate, Heard, Moment, Owed};
use super::lanes::Lane;
use crate::incarnation::panic_text;

/// Rounds of `settle` that one turn takes up, so that an append has a bound.
const ROUNDS_MAX: usize = 256;
/// Until what is left of that goes on, if it is not there any more that would go on at once.
const SOON: Duration = Duration::from_millis(1);

/// What came in, not yet heard.
pub(super) enum Came<E: Entity> {
    Post(Waiting),
    Ended(E::Key, Ended<E::Outcome>),
    Due,
    Reborn(Before),
}

/// What a turn has decided, before anybody knows.
pub(super) struct Turn<E: Entity> {
    pub(super) state: E::State,
    pub(super) events: Vec<Body>,
    pub(super) minutes: Vec<u8>,
    pub(super) taken: Vec<Taken>,
    pub(super) posts: Vec<Outgoing>,
    pub(super) audit: Vec<Vec<u8>>,
    pub(super) blobs: Vec<Blob>,
    pub(super) due: Due<E>,
    pub(super) status: Status,
    /// Whether more follows by itself than one turn takes up.
    pub(super) goes_on: bool,
}

impl<E: Entity> Turn<E> {
    /// Whether there is nothing to record.
    pub(super) fn is_empty(&self) -> bool {
        let is_quiet = self.events.is_empty() && self.audit.is_empty();
        is_quiet && self.taken.is_empty() && self.posts.is_empty()
    }
}

/// What was heard in a turn, so that it can be decided again: nothing else goes into a decision.
#[derive(Serialize, Deserialize)]
struct Minutes<K, O> {
    now: Timestamp,
    heard: Vec<Minute<K, O>>,
    /// What the gate said, in the order in which it was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    admitted: Vec<Admission>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Minute<K, O> {
    Posted { from: Option<Address>, name: String, version: u16, body: Bytes },
    Ended { key: K, ended: Ended<O> },
    Due,
    Reborn { before: Before },
}

/// Bytes as bytes, and not as a list of numbers.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<Error>(self, bytes: &[u8]) -> Result<Bytes, Error> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// What a recorded turn has heard, to be heard again.
pub(super) struct Heed<E: Entity> {
    pub(super) now: Timestamp,
    pub(super) came: Vec<Came<E>>,
    pub(super) gate: Recalled,
}

pub(super) fn read_minutes<E: Entity>(
    minutes: &[u8],
    me: Address,
) -> Result<Heed<E>, rmp_serde::decode::Error> {
    let Minutes { now, heard, admitted } =
        rmp_serde::from_slice::<Minutes<E::Key, E::Outcome>>(minutes)?;
    let came = heard.into_iter().map(|minute| match minute {
        Minute::Posted { from, name, version, body: Bytes(bytes) } => {
            let body = Body { name: name.into(), version, bytes };
            let post = Post { to: me, key: "".into(), from, opens: false, body, at: now };
            Came::Post(Waiting { ordinal: Ordinal(0), post })
        }
        Minute::Ended { key, ended } => Came::Ended(key, ended),
        Minute::Due => Came::Due,
        Minute::Reborn { before } => Came::Reborn(before),
    });
    Ok(Heed { now, came: came.collect(), gate: Recalled(admitted.into()) })
}

/// The gate as it answered then.
pub(super) struct Recalled(VecDeque<Admission>);

impl<E: Entity> Gate<E> for Recalled {
    fn admit(&mut self, _key: &E::Key, _act: &Act<'_>, _lanes: Arc<[Lane]>) -> Admission {
        // Asked more often than then, it is a difference that the events will show.
        self.0.pop_front().unwrap_or(Admission::Wait)
    }
}

/// Writes down what a gate says.
struct Noted<'a, E: Entity> {
    gate: &'a mut dyn Gate<E>,
    said: Vec<Admission>,
}

impl<E: Entity> Gate<E> for Noted<'_, E> {
    fn admit(&mut self, key: &E::Key, act: &Act<'_>, lanes: Arc<[Lane]>) -> Admission {
        let admission = self.gate.admit(key, act, lanes);
        self.said.push(admission.clone());
        admission
    }
}

/// Hears everything in its order, folds as it goes, and lets follow what follows by itself.
pub(super) fn take<E: Entity>(
    state: E::State,
    came: Vec<Came<E>>,
    moment: &Moment,
    running: &dyn Fn(&E::Key) -> bool,
    gate: &mut dyn Gate<E>,
) -> Turn<E> {
    let mut desk = Desk::<E> {
        state,
        gate: Noted { gate, said: Vec::new() },
        events: Vec::new(),
        taken: Vec::new(),
        posts: Vec::new(),
        audit: Vec::new(),
        blobs: Vec::new(),
        closes: false,
    };
    let mut heard = Vec::with_capacity(came.len());
    for came in came {
        heard.extend(desk.hear(came, moment));
    }
    let goes_on = desk.settle(moment);
    let mut owed = Owed::<E>::new(running);
    if !desk.closes {
        E::owed(&desk.state, moment, &mut owed);
    }
    if goes_on {
        owed.wake(moment.now.plus(SOON));
    }
    let minutes = Minutes { now: moment.now, heard, admitted: desk.gate.said };
    // More than most turns hear of.
    let mut written = Vec::with_capacity(256);
    rmp_serde::encode::write_named(&mut written, &minutes).expect("minutes are plain data");
    Turn {
        state: desk.state,
        events: desk.events,
        minutes: written,
        taken: desk.taken,
        posts: desk.posts,
        audit: desk.audit,
        blobs: desk.blobs,
        due: owed.due,
        status: if desk.closes { Status::Closed } else { Status::Open },
        goes_on,
    }
}

struct Desk<'a, E: Entity> {
    state: E::State,
    gate: Noted<'a, E>,
    events: Vec<Body>,
    taken: Vec<Taken>,
    posts: Vec<Outgoing>,
    audit: Vec<Vec<u8>>,
    blobs: Vec<Blob>,
    closes: bool,
}

impl<E: Entity> Desk<'_, E> {
    /// Returns what the minutes say of it; nothing of a post that could not be handled.
    fn hear(&mut self, came: Came<E>, moment: &Moment) -> Option<Minute<E::Key, E::Outcome>> {
        match came {
            Came::Post(waiting) => self.hear_post(waiting, moment),
            Came::Ended(key, ended) => {
                let minute = Minute::Ended { key: key.clone(), ended: ended.clone() };
                self.decide(Heard::Ended(key, ended), moment);
                Some(minute)
            }
            Came::Due => {
                self.decide(Heard::Due, moment);
                Some(Minute::Due)
            }
            Came::Reborn(before) => {
                self.decide(Heard::Reborn(before), moment);
                Some(Minute::Reborn { before })
            }
        }
    }

    fn hear_post(
        &mut self,
        waiting: Waiting,
        moment: &Moment,
    ) -> Option<Minute<E::Key, E::Outcome>> {
        let Waiting { ordinal, post } = waiting;
        let heard = match E::Post::read(&post.body) {
            Ok(heard) => Heard::Posted(post.from, heard),
            Err(unread) => {
                self.bury(ordinal, unread.to_string());
                return None;
            }
        };
        // It sees the state and cannot change it, so its panic spoils this post and nothing else.
        let said = self.gate.said.len();
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let mut decision = Decision::new(&mut self.gate);
            E::decide(&self.state, heard, moment, &mut decision);
            decision.draft
        }));
        match decided {
            Ok(mut draft) => {
                let answer = draft.answer.take();
                self.taken.push(Taken { ordinal, fate: Fate::Heard(answer) });
                self.fold(draft);
                let Body { name, version, bytes } = post.body;
                let name = name.to_string();
                Some(Minute::Posted { from: post.from, name, version, body: Bytes(bytes) })
            }
            Err(panic) => {
                // Permits that it has taken go back after the turn: nothing follows from them.
                self.gate.said.truncate(said);
                self.bury(ordinal, format!("its decider panicked: {}", panic_text(&*panic)));
                None
            }
        }
    }

    fn bury(&mut self, ordinal: Ordinal, story: String) {
        self.taken.push(Taken { ordinal, fate: Fate::Dead(story) });
    }

    fn decide(&mut self, heard: Heard<E>, moment: &Moment) {
        let mut decision = Decision::new(&mut self.gate);
        E::decide(&self.state, heard, moment, &mut decision);
        let draft = decision.draft;
        self.fold(draft);
    }

    /// Tells whether there is more that follows: it is taken up in a turn of its own.
    fn settle(&mut self, moment: &Moment) -> bool {
        for _ in 0..ROUNDS_MAX {
            if self.closes {
                return false;
            }
            let mut decision = Decision::new(&mut self.gate);
            E::settle(&self.state, moment, &mut decision);
            let draft = decision.draft;
            let is_last = draft.events.is_empty();
            self.fold(draft);
            if is_last {
                return false;
            }
        }
        !self.closes
    }

    fn fold(&mut self, draft: Draft<E>) {
        for event in draft.events {
            E::apply(&mut self.state, &event);
            self.events.push(event.write());
        }
        self.posts.extend(draft.posts);
        self.audit.extend(draft.audit);
        self.blobs.extend(draft.blobs);
        self.closes |= draft.closes;
    }
}
