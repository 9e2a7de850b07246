//! What people look at and mend: the list of entities, dead letters, quarantine, the audit.
//!
//! It is the journal once more, seen from outside. Nothing here is on the way of a turn, so it may
//! be slow, and it is asked in pages.

pub mod shown;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::BoxFuture;
use crate::blob::Blob;
use crate::id::{Address, Kind};
use crate::journal::{Body, Error, Ordinal, Seq, Undeliverable};
use crate::time::Timestamp;

/// Where an entity stands in the list of all: later ones were made later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub i64);

/// Counts dead letters; a number is never given again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Letter(pub i64);

/// Counts the lines of the audit, from 1 and without gaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// How an entity stands, without the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Open,
    Closed,
    Quarantined,
}

impl State {
    /// As people see it.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Closed => "closed",
            State::Quarantined => "quarantined",
        }
    }
}

// --- entities ---

/// Which entities to list. The default lists the newest of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query {
    pub kind: Option<Kind>,
    pub state: Option<State>,
    /// Only those that wait for a person, if it says so.
    pub asks: bool,
    /// Only those made before this one: the last of the page before.
    pub before: Option<Place>,
}

/// One line of the list of entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub place: Place,
    pub entity: Address,
    pub state: State,
    /// Why it is quarantined, or was when it was discarded.
    pub reason: Option<String>,
    pub head: Seq,
    pub owes: u32,
    pub wake_at: Option<Timestamp>,
    /// When the post that made it was sent.
    pub opened_at: Timestamp,
    /// When it last recorded, or was mended.
    pub changed_at: Timestamp,
}

/// Why an entity cannot be mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmended {
    #[error("there is no {0}: `lares quarantine list` shows who is put aside")]
    Unknown(Address),
    #[error("{address} is {}, and not quarantined: it needs no mending", state.name())]
    Sound { address: Address, state: State },
}

// --- dead letters ---

/// A post that could not be handled, as it was sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub letter: Letter,
    pub to: Address,
    pub key: Arc<str>,
    /// The entity that sent it; a door sends in nobody's name.
    pub from: Option<Address>,
    pub body: Body,
    pub story: String,
    pub sent_at: Timestamp,
    pub died_at: Timestamp,
}

/// One line of the list of dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub letter: Letter,
    pub to: Address,
    pub from: Option<Address>,
    /// Of its body.
    pub name: String,
    pub story: String,
    pub died_at: Timestamp,
}

/// What became of a dead letter that was to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It waits once more, and is a dead letter no more; ring for whom it is for.
    Posted { to: Address, ordinal: Ordinal },
    /// There is no such letter: it was sent again or discarded before.
    Unknown(Letter),
    /// It stays a dead letter.
    Refused(Undeliverable),
}

// --- the audit ---

/// One line of the audit, with the links to its neighbours.
///
/// `hash` is the SHA-256 of `before`, the address as text, `at` in milliseconds (eight bytes, the
/// lowest first) and the line; so a dump can be checked by whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub position: Position,
    pub entity: Address,
    pub at: Timestamp,
    pub line: Vec<u8>,
    /// The hash of the line before this one; nothing before the first.
    pub before: Vec<u8>,
    pub hash: Vec<u8>,
}

/// An audit whose every link holds.
///
/// The end of a chain cannot tell that lines were cut off behind it: compare it with one that was
/// written down elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    pub lines: u64,
    /// The hash of the last line; nothing if there is none.
    pub head: Vec<u8>,
}

/// What people have mended: a line of the audit of whom it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Mended {
    Released,
    Discarded,
    LetterReplayed { letter: i64 },
    LetterDiscarded { letter: i64 },
}

impl Mended {
    pub fn line(self) -> Vec<u8> {
        serde_json::to_vec(&self).expect("a line is plain data")
    }
}

/// The first link that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the audit is broken at line {}: {}", position.0, fault.name())]
pub struct Broken {
    pub position: Position,
    pub fault: Fault,
}

/// What differs at a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Missing,
    /// It does not name the hash of the line before it.
    Before,
    /// Its own text is not what was hashed.
    Hash,
    /// It cannot be read at all.
    Unreadable,
}

impl Fault {
    /// As people see it.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Missing => "it is missing",
            Fault::Before => "it does not follow the line before it",
            Fault::Hash => "it is not what was written",
            Fault::Unreadable => "it cannot be read",
        }
    }
}

// --- what goes ---

/// For how long what is over is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// A door's key is known for so long after its post was dealt with; beyond it the same key is a
    /// new command.
    pub key_age_max: Duration,
    /// A closed entity stays for so long after its last turn.
    pub closed_age_max: Duration,
    /// Closed entities that stay; the oldest go.
    pub closed_count_max: u64,
    /// Bytes of the events of closed entities that stay; the oldest go.
    pub closed_bytes_max: u64,
    /// A blob that no event names stays for so long after it was last kept. It must exceed the time
    /// between keeping bytes and appending what names them.
    pub spare_age_min: Duration,
    /// Rows that go in one portion, which holds the writer.
    pub portion_max: u32,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

impl Default for Retention {
    fn default() -> Self {
        Retention {
            key_age_max: HOUR * 24 * 7,
            closed_age_max: HOUR * 24 * 30,
            closed_count_max: 100_000,
            closed_bytes_max: 4 * 1024 * 1024 * 1024,
            spare_age_min: HOUR,
            portion_max: 256,
        }
    }
}

/// What one portion has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    pub keys: u32,
    /// Entities that nobody finds any more; their rows may go in later portions.
    pub entities: u32,
    /// Events, inbox rows and names of blobs, of entities that went.
    pub rows: u32,
    pub blobs: u32,
    /// There may be another portion at once.
    pub more: bool,
}

/// The port. Every method returns after what it did is durable, or not at all.
pub trait Records: Send + Sync + 'static {
    /// The newest first, no more than so many.
    fn entities(&self, query: Query, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, Error>>;

    /// How one entity stands; nothing if there is none.
    fn entity(&self, entity: Address) -> BoxFuture<'_, Result<Option<Entry>, Error>>;

    /// Whether something that an entity has recorded names this blob.
    fn names(&self, entity: Address, blob: Blob) -> BoxFuture<'_, Result<bool, Error>>;

    /// Dead letters, the newest first, older than `before`, no more than so many.
    fn dead_letters(
        &self,
        before: Option<Letter>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Summary>, Error>>;

    fn dead_letter(&self, letter: Letter) -> BoxFuture<'_, Result<Option<DeadLetter>, Error>>;

    /// Sends a dead letter again, under a key that nobody has used.
    fn replay(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Result<Replayed, Error>>;

    /// Removes a dead letter for good. Tells whether there was one.
    fn discard_letter(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Result<bool, Error>>;

    /// Opens a quarantined entity again. Its history stays, whoever had it before can write no
    /// more, and it is due at once as one that was left in a crash.
    fn release(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>>;

    /// Closes a quarantined entity for good; the reason stays, and what waits for it becomes dead
    /// letters.
    fn discard(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>>;

    /// Lines after this one, oldest first, no more than so many.
    fn audit(&self, after: Position, limit: u32) -> BoxFuture<'_, Result<Vec<Line>, Error>>;

    /// Walks the whole chain; it takes as long as reading all of it.
    fn verify_audit(&self) -> BoxFuture<'_, Result<Result<Chain, Broken>, Error>>;

    /// Removes one portion of what has been kept for long enough.
    fn tidy(&self, now: Timestamp, retention: Retention) -> BoxFuture<'_, Result<Tidied, Error>>;
}
