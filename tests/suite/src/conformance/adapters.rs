//! Every journal there is, each new and empty.

use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::journal::Journal;
use domain::records::Records;
use kit::journal::FakeJournal;
use store::Sqlite;
use store::postgres::{self, Place, Postgres};

/// Whatever keeps a journal keeps its records as well: one thing behind two ports.
pub(super) trait Both: Journal + Records {}

impl<T: Journal + Records> Both for T {}

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

/// A schema of its own on the server that all tests share.
pub(super) fn place() -> Place {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let missing = "no server is said: run this with tests/with-postgres before it";
    let server = std::env::var("LARES_TEST_POSTGRES").expect(missing);
    let bin = std::env::var("LARES_TEST_POSTGRES_BIN").expect(missing);
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{number}", std::process::id());
    let mut psql = Command::new(Path::new(&bin).join("psql"));
    psql.args(["-q", "-c", &format!("CREATE SCHEMA {schema}"), &server]);
    assert!(psql.status().expect("psql begins").success());
    let url = format!("{server}?options[search_path]={schema}");
    Place::new(&url).expect("a place")
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
