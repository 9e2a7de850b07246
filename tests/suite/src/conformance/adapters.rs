//! Every journal there is, each new and empty.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use domain::journal::Journal;
use domain::lease::Leases;
use domain::records::Records;
use kit::journal::FakeJournal;
use store::Sqlite;
use store::postgres::{self, Place, Postgres};

use crate::server::schema;

/// Whatever keeps a journal keeps its records as well: one thing behind two ports.
pub(super) trait Both: Journal + Records + Leases {}

impl<T: Journal + Records + Leases> Both for T {}

pub(super) type Test = fn(Arc<dyn Both>) -> Pin<Box<dyn Future<Output = ()>>>;

/// Asks each of them the same.
pub(super) fn check(test: Test) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ask = |name: &str, both: Arc<dyn Both>| {
        eprintln!("{name}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test(both));
    };
    ask("fake", Arc::new(FakeJournal::default()));
    ask("sqlite", Arc::new(sqlite(folder.path())));
    ask("postgres", Arc::new(postgres()));
}

fn sqlite(folder: &Path) -> Sqlite {
    Sqlite::open(folder, &store::Options::default()).expect("a journal")
}

fn postgres() -> Postgres {
    Postgres::open(&place(), &lossy()).expect("a journal")
}

/// The server of tests forgets what it has acknowledged, should its machine crash.
pub(super) fn lossy() -> postgres::Options {
    postgres::Options { accepts_loss: true, ..postgres::Options::default() }
}

pub(super) fn place() -> Place {
    Place::new(&schema()).expect("a place")
}

macro_rules! conformance {
    ($(async fn $name:ident($both:ident) $body:block)*) => { $(
        #[test]
        fn $name() {
            $crate::conformance::adapters::check(|both| Box::pin(async move {
                let $both: &dyn $crate::conformance::adapters::Both = &*both;
                $body
            }));
        }
    )* };
}

pub(super) use conformance;
