//! Whatever keeps a journal keeps its records as well: one thing behind two ports.

use std::pin::Pin;
use std::sync::Arc;

use domain::journal::Journal;
use domain::records::Records;
use kit::journal::FakeJournal;

use super::journal::{run, sqlite};

pub(super) trait Both: Journal + Records {}

impl<T: Journal + Records> Both for T {}

pub(super) type Test = fn(Arc<dyn Both>) -> Pin<Box<dyn Future<Output = ()>>>;

/// Asks each of them the same.
pub(super) fn check(test: Test) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all: [(&str, Arc<dyn Both>); 2] =
        [("fake", Arc::new(FakeJournal::default())), ("sqlite", Arc::new(sqlite(folder.path())))];
    for (name, both) in all {
        eprintln!("{name}");
        run(test(both));
    }
}

macro_rules! conformance {
    ($(async fn $name:ident($both:ident) $body:block)*) => { $(
        #[test]
        fn $name() {
            $crate::conformance::both::check(|both| Box::pin(async move {
                let $both: &dyn $crate::conformance::both::Both = &*both;
                $body
            }));
        }
    )* };
}

pub(super) use conformance;
