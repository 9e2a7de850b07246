//! What is true of a row whatever keeps it.

use std::fmt::Display;

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{Append, Before, Body, Epoch, Error, Recorded, Seq};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

/// The row of an entity in its table.
pub(crate) type EntityRow = i64;

/// What one row holds of a blob: some milliseconds of a slow disk.
pub(crate) const PART_BYTES: usize = 256 * 1024;

pub(crate) const OPEN: u8 = 0;
pub(crate) const CLOSED: u8 = 1;
pub(crate) const QUARANTINED: u8 = 2;

/// How an entity is found. A boot that is not known any more is over; of one whose lease has ended
/// nobody can tell.
pub(crate) fn before(owes: u64, other_lives: Option<bool>) -> Before {
    match (owes, other_lives) {
        (0, _) => Before::Clean,
        (_, None) => Before::Crashed,
        (_, Some(_)) => Before::TakenOver,
    }
}

/// What bytes are called by what they are.
pub(crate) fn name(bytes: &[u8]) -> Blob {
    Blob::from_hash(Sha256::digest(bytes).into())
}

/// What the events of an append weigh.
pub(crate) fn bytes(append: &Append) -> usize {
    let bodies: usize = append.events.iter().map(|body| body.bytes.len()).sum();
    bodies + append.heard.len()
}

/// What a disk that forgets or flips a bit would not reproduce. SQLite's pages have none, and those
/// of a server only if it was made so.
pub(crate) fn checksum(
    entity: Address,
    seq: Seq,
    epoch: Epoch,
    at: Timestamp,
    body: &Body,
    heard: Option<&[u8]>,
) -> i64 {
    let mut hash = Sha256::new();
    hash.update(entity.kind.prefix());
    hash.update(entity.id.to_bytes());
    hash.update(seq.0.to_le_bytes());
    hash.update(epoch.0.to_le_bytes());
    hash.update(at.as_millis().to_le_bytes());
    // Lengths first, so that no two rows of bytes are the same when they are put together.
    let heard = heard.unwrap_or_default();
    for part in [body.name.as_bytes(), &body.version.to_le_bytes(), &body.bytes, heard] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    i64::from_le_bytes(std::array::from_fn(|at| digest[at]))
}

/// As a server and a file count.
pub(crate) fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The events of an entity as they are read, in their order and without gaps.
pub(crate) struct Walk {
    entity: Address,
    expected: Seq,
    events: Vec<Recorded>,
}

impl Walk {
    pub(crate) fn after(entity: Address, after: Seq) -> Self {
        Walk { entity, expected: Seq(after.0 + 1), events: Vec::new() }
    }

    /// The next one; nothing if it is not what was written.
    pub(crate) fn take<E: Display>(
        &mut self,
        read: Result<Option<Recorded>, E>,
    ) -> Result<(), Error> {
        let event = read.map_err(|error| self.unreadable(&error.to_string()))?;
        let event = event.ok_or_else(|| self.unreadable("its checksum differs"))?;
        if event.seq != self.expected {
            return Err(self.unreadable("it is missing"));
        }
        self.expected.0 += 1;
        self.events.push(event);
        Ok(())
    }

    /// No more than so many were asked for, of as many as the entity says that it has.
    pub(crate) fn end(self, head: Seq, limit: u32) -> Result<Vec<Recorded>, Error> {
        let is_whole_page = self.events.len() as u64 == u64::from(limit);
        match !is_whole_page && self.expected <= head {
            true => Err(self.unreadable("it is missing")),
            false => Ok(self.events),
        }
    }

    fn unreadable(&self, what: &str) -> Error {
        Error::Unreadable { entity: self.entity, seq: self.expected, what: what.to_owned() }
    }
}
