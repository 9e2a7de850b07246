//! The journal: what every entity has recorded, and what waits for it. The one truth of the house.
//!
//! An entity has one writer at a time, by epoch: a claim raises it, every append carries it, and a
//! late writer is refused. An append is everything one turn of an entity decided, durable as a
//! whole or not at all. A post is a command on its way to an entity: a row that survives everybody.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::blob::{self, Blob};
use crate::id::{Address, Id, Kind};
use crate::time::Timestamp;
use crate::{BoxError, BoxFuture};

/// Counts the claims of one entity; whoever writes under an older one is superseded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Counts the events of one entity, from 1; 0 is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Counts posts in the order in which a store took them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(pub i64);

/// Names one run of one node: another start is another boot.
pub type Boot = Id;

/// Something that was serialized: its name and version choose the type that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub name: Cow<'static, str>,
    pub version: u16,
    pub bytes: Vec<u8>,
}

/// One event, as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub seq: Seq,
    pub epoch: Epoch,
    pub at: Timestamp,
    pub body: Body,
    /// What was heard in the turn that recorded this, if it is the first event of that turn.
    pub heard: Option<Vec<u8>>,
}

/// A command on its way to an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub to: Address,
    /// The same key twice is one command with one answer.
    pub key: Arc<str>,
    /// The entity that sent it; a door sends in nobody's name.
    pub from: Option<Address>,
    /// Whether it makes the entity if there is none.
    pub opens: bool,
    pub body: Body,
    pub at: Timestamp,
}

/// A post that waits in the inbox of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub ordinal: Ordinal,
    pub post: Post,
}

/// What became of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It is durable, and waits.
    Taken(Ordinal),
    /// The same key came before; with the answer, if there is one by now.
    Known(Option<Vec<u8>>),
    /// Also of one that came before, and that its entity had not heard when it ended.
    Refused(Undeliverable),
}

/// Why an entity can be sent nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undeliverable {
    #[error("there is no {0}: {instead}", instead = instead(.0.kind).0)]
    Unknown(Address),
    #[error("{0} has ended: {instead}", instead = instead(.0.kind).1)]
    Closed(Address),
    #[error(
        "{address} is quarantined ({reason}): look at it with `lares quarantine show`, then release \
         or discard it"
    )]
    Quarantined { address: Address, reason: String },
    #[error("{0} has as much waiting as it may: try again later")]
    Full(Address),
}

/// What somebody can do who asked for one that there is none of, and for one that has ended.
fn instead(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Plan => {
            ("`lares runs` lists those that there are", "begin another one with `lares run PLAN`")
        }
        Kind::Session => (
            "look at the id that the answer to its first turn has named",
            "say it without a session, and another one begins",
        ),
    }
}

/// The entity is to be this boot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub entity: Address,
    pub boot: Boot,
    /// The highest format of events the claimer can read.
    pub format: u16,
}

/// What the claimer of an entity has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub epoch: Epoch,
    pub head: Seq,
    pub before: Before,
    pub wake_at: Option<Timestamp>,
}

/// How the entity was left by whoever had it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Owing nothing, or by nobody.
    Clean,
    /// With something owed, by an earlier boot that cannot be at it any more.
    Crashed,
    /// With something owed, by a node that may still be at it.
    TakenOver,
}

/// Why an entity could not be claimed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclaimed {
    #[error(transparent)]
    Undeliverable(#[from] Undeliverable),
    #[error("{entity} holds events of format {format}, which this program is too old to read")]
    TooNew { entity: Address, format: u16 },
    #[error("{0} is another node's, and that one lives: it is not to be had")]
    Held(Address),
}

/// Everything one turn of an entity decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Tells "already in" from "superseded" when the answer to a commit was lost.
    pub id: Id,
    pub entity: Address,
    pub epoch: Epoch,
    /// The last event this turn has seen.
    pub after: Seq,
    pub at: Timestamp,
    pub events: Vec<Body>,
    /// What was heard, so that the turn can be decided again: kept with its first event.
    pub heard: Vec<u8>,
    pub taken: Vec<Taken>,
    /// To others; the journal gives each the key (this entity, sequence, index).
    pub posts: Vec<Outgoing>,
    pub audit: Vec<Vec<u8>>,
    /// Those that the events name, each kept before: they stay for as long as the entity does.
    pub blobs: Vec<Blob>,
    /// How many children, permits and wakes are owed from now on.
    pub owes: u32,
    pub wake_at: Option<Timestamp>,
    /// Whether it waits for a person.
    pub asks: bool,
    pub status: Status,
    /// The highest format among the events.
    pub format: u16,
}

impl Append {
    /// Of a writer that has nothing to say, and leaves the entity open and owing nothing.
    pub fn new(id: Id, entity: Address, epoch: Epoch, after: Seq, at: Timestamp) -> Self {
        Append {
            id,
            entity,
            epoch,
            after,
            at,
            events: Vec::new(),
            heard: Vec::new(),
            taken: Vec::new(),
            posts: Vec::new(),
            audit: Vec::new(),
            blobs: Vec::new(),
            owes: 0,
            wake_at: None,
            asks: false,
            status: Status::Open,
            format: 0,
        }
    }
}

/// A post that this turn has dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub ordinal: Ordinal,
    pub fate: Fate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Heard; whoever asked gets this answer, now and whenever the same key comes again.
    Heard(Option<Vec<u8>>),
    /// It could not be handled, for this reason: a dead letter.
    Dead(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub to: Address,
    pub opens: bool,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Open,
    /// Its last turn: it takes no posts any more.
    Closed,
    Quarantined(String),
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Durable; whom bells are to be rung for.
    Done { head: Seq, bells: Vec<Address> },
    /// Somebody else has claimed the entity since: the end of this writer, and a normal one.
    Superseded,
}

/// An entity that has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub entity: Address,
    /// When, if nothing waits for it before.
    pub at: Option<Timestamp>,
}

/// The port. Every method returns after what it did is durable, or not at all.
pub trait Journal: Send + Sync + 'static {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>>;

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>>;

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Result<Appended, Error>>;

    /// The events after this one, oldest first, no more than so many.
    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>>;

    /// What waits for an entity after this ordinal, oldest first, no more than so many.
    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>>;

    /// The answer that was kept with a post; nothing while there is none.
    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>>;

    /// Open entities after `after` that owe something, are waited for, or wake at some time; in
    /// the order of their addresses, no more than so many. Not those that another boot than this
    /// one has, and lives.
    fn due(
        &self,
        boot: Boot,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, Error>>;

    /// Keeps bytes under the name they have by what they are. Until an append names them they are
    /// spare, and go when they have been so for long; keeping them again makes them young again.
    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>>;

    /// The bytes that were kept under this name, and no others; nothing if there are none.
    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>>;
}

/// Why the journal could not say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{entity} has a history that cannot be read at event {}: {what}", seq.0)]
    Unreadable { entity: Address, seq: Seq, what: String },
    #[error("the blob {blob} cannot be read: {what}")]
    Spoiled { blob: Blob, what: String },
    /// Nothing was recorded: the append names what was never kept, or was spare for too long.
    #[error("there is no blob {0}: keep its bytes before an append names it")]
    Unkept(Blob),
    #[error("a blob of {0} bytes is too big: the most is {max}", max = blob::BYTES_MAX)]
    TooBig(usize),
    /// Nothing was recorded; the same again may succeed.
    #[error("the journal cannot record now: {0}")]
    Unavailable(String),
    #[error("the journal failed")]
    Store(#[source] BoxError),
}
