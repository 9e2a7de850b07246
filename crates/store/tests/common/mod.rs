//! Who writes in these tests, and what.

#![allow(dead_code, reason = "each test program uses its part")]

use std::path::Path;
use std::sync::Arc;

use domain::id::{Address, Id, Kind};
use domain::journal::{Append, Appended, Body, Claim, Claimed, Error, Journal, Post, Seq};
use domain::time::Timestamp;
use store::{Options, Sqlite};

pub(crate) fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work)
}

pub(crate) fn open(folder: &Path) -> Sqlite {
    Sqlite::open(folder, &Options::default()).expect("it can be opened")
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn plan(number: u8) -> Address {
    Address { kind: Kind::Plan, id: Id::from_bytes([number; 16]) }
}

/// Of the append of this entity that follows so many events.
pub(crate) fn id(entity: u8, after: u64) -> Id {
    let number = u128::from(after) << 8 | u128::from(entity) | 1 << 100;
    Id::from_bytes(number.to_be_bytes())
}

pub(crate) fn body(size: usize) -> Body {
    Body { name: "said".into(), version: 1, bytes: vec![7; size] }
}

/// Makes an entity, if there is none, and claims it.
pub(crate) async fn begin(journal: &Sqlite, entity: Address) -> Claimed {
    let first = Post {
        to: entity,
        key: "first".into(),
        from: None,
        opens: true,
        body: body(10),
        at: at(1),
    };
    journal.post(first).await.expect("it is taken");
    let claim = Claim { entity, boot: id(0, 0), format: 1 };
    journal.claim(claim).await.expect("it works").expect("it is there")
}

/// One turn with two events of this size.
pub(crate) async fn turn(
    journal: &Sqlite,
    number: u8,
    claimed: &Claimed,
    after: Seq,
    size: usize,
) -> Result<Seq, Error> {
    let append = Append {
        events: vec![body(size), body(size)],
        ..Append::new(id(number, after.0), plan(number), claimed.epoch, after, at(2))
    };
    match journal.append(Arc::new(append)).await? {
        Appended::Done { head, .. } => Ok(head),
        Appended::Superseded => panic!("nobody else writes"),
    }
}
