//! What was acknowledged, written down by whoever it was said to: the client of a node, and the
//! node at the border of its store. Each is one line of a file, so a kill spoils none.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use domain::BoxFuture;
use domain::approval::Verdict;
use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{
    Append, Appended, Boot, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded,
    Seq, Unclaimed, Waiting,
};
use domain::time::Timestamp;

/// What one line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// To a client: its plan is accepted, under this ordinal where the post was new. A client may
    /// open it again under another key.
    Accepted { again: bool, ordinal: Option<i64> },
    /// To a writer: the entity is its own, under this epoch.
    Claimed(u64),
    /// To a writer: what it has recorded up to this event is on the disk.
    Recorded { epoch: u64, head: u64 },
    /// To a person: what became of this approval of the plan, and whether it was they.
    Told { number: u32, by: u32, verdict: Verdict, is_first: bool },
}

/// The file, which grows while processes come and go.
pub(crate) struct Trail(File);

impl Trail {
    pub(crate) fn open(file: &Path) -> std::io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(file).map(Trail)
    }

    /// In one call, so that a line is there as a whole or not at all.
    pub(crate) fn write(&self, to: Address, said: Said) {
        let line = match said {
            Said::Accepted { again, ordinal } => {
                let ordinal = ordinal.map_or("known".to_owned(), |ordinal| ordinal.to_string());
                format!("{to} accepted {again} {ordinal}\n")
            }
            Said::Claimed(epoch) => format!("{to} claimed {epoch}\n"),
            Said::Recorded { epoch, head } => format!("{to} recorded {epoch} {head}\n"),
            Said::Told { number, by, verdict, is_first } => {
                format!("{to} told {number} {by} {} {is_first}\n", verdict.word())
            }
        };
        (&self.0).write_all(line.as_bytes()).expect("a trail can be written");
    }
}

pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<(Address, Said)>> {
    let text = std::fs::read_to_string(file).context("the trail")?;
    let said = |line| parse(line).ok_or_else(|| anyhow!("the trail says `{line}`"));
    text.lines().map(said).collect()
}

const VERDICTS: [Verdict; 4] = [Verdict::Granted, Verdict::Denied, Verdict::Expired, Verdict::Void];

fn parse(line: &str) -> Option<(Address, Said)> {
    let words: Vec<&str> = line.split(' ').collect();
    let said = match words[1..] {
        ["accepted", again, ordinal] => {
            Said::Accepted { again: again.parse().ok()?, ordinal: ordinal.parse().ok() }
        }
        ["claimed", epoch] => Said::Claimed(epoch.parse().ok()?),
        ["recorded", epoch, head] => {
            Said::Recorded { epoch: epoch.parse().ok()?, head: head.parse().ok()? }
        }
        ["told", number, by, verdict, is_first] => Said::Told {
            number: number.parse().ok()?,
            by: by.parse().ok()?,
            verdict: VERDICTS.into_iter().find(|known| known.word() == verdict)?,
            is_first: is_first.parse().ok()?,
        },
        _ => return None,
    };
    Some((words[0].parse().ok()?, said))
}

/// A journal that leaves a trail of what it has acknowledged.
pub(crate) struct Trailed {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) trail: Trail,
}

impl Journal for Trailed {
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        Box::pin(async move {
            let claimed = self.journal.claim(claim).await;
            if let Ok(Ok(Claimed { epoch, .. })) = &claimed {
                self.trail.write(claim.entity, Said::Claimed(epoch.0));
            }
            claimed
        })
    }

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Result<Appended, Error>> {
        Box::pin(async move {
            let (entity, epoch) = (append.entity, append.epoch.0);
            let appended = self.journal.append(append).await;
            if let Ok(Appended::Done { head, .. }) = &appended {
                self.trail.write(entity, Said::Recorded { epoch, head: head.0 });
            }
            appended
        })
    }

    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        self.journal.post(post)
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        self.journal.history(entity, after, limit)
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        self.journal.inbox(entity, after, limit)
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.journal.answer(entity, key)
    }

    fn due(
        &self,
        boot: Boot,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        self.journal.due(boot, after, limit)
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        self.journal.keep(bytes, at)
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.journal.blob(blob)
    }
}
