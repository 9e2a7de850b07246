//! What `domain::journal` promises of blobs, asked of each journal.

use std::sync::Arc;
use std::time::Duration;

use domain::blob::{BYTES_MAX, Blob};
use domain::journal::{Append, Appended, Error, Fate, Seq, Status, Taken};
use domain::records::Retention;

use super::adapters::{Both, conformance};
use super::journal::{append, appended, at, body, claimed, plan, post, taken, texts};

async fn kept(both: &dyn Both, bytes: &[u8], millis: u64) -> Blob {
    both.keep(bytes.to_vec(), at(millis)).await.expect("the journal works")
}

async fn read(both: &dyn Both, blob: Blob) -> Option<Vec<u8>> {
    both.blob(blob).await.expect("the journal works")
}

/// Everything that is spare for longer than ten milliseconds goes.
async fn tidy(both: &dyn Both, millis: u64) {
    let retention = Retention { spare_age_min: Duration::from_millis(10), ..Retention::default() };
    while both.tidy(at(millis), retention.clone()).await.expect("the journal works").more {}
}

conformance! {
    async fn bytes_are_named_by_what_they_are(both) {
        // A fingerprint that anybody can compute.
        let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let blob = kept(both, b"abc", 1).await;
        assert_eq!(blob.to_string(), name);
        assert_eq!(kept(both, b"abc", 2).await, blob);
        assert_eq!(read(both, blob).await.as_deref(), Some(&b"abc"[..]));
        let empty = kept(both, b"", 1).await;
        assert_eq!(read(both, empty).await.as_deref(), Some(&b""[..]));
        assert_eq!(read(both, Blob::from_hash([7; 32])).await, None);
    }

    async fn a_blob_of_any_size_up_to_the_bound_comes_back(both) {
        for size in [1, 262_143, 262_144, 262_145, 1_000_000, BYTES_MAX] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let blob = kept(both, &bytes, 1).await;
            assert!(read(both, blob).await == Some(bytes), "{size}");
        }
        let refused = both.keep(vec![0; BYTES_MAX + 1], at(1)).await;
        assert!(matches!(refused, Err(Error::TooBig(size)) if size == BYTES_MAX + 1));
    }

    async fn a_spare_blob_goes_when_it_is_old_and_is_young_again_when_it_is_kept_again(both) {
        let (old, again) = (kept(both, &[1; 300_000], 1).await, kept(both, b"again", 1).await);
        kept(both, b"again", 15).await;
        tidy(both, 11).await;
        assert!(read(both, old).await.is_some(), "it is not older than it may be");
        tidy(both, 20).await;
        assert_eq!(read(both, old).await, None);
        assert!(read(both, again).await.is_some());
        assert_eq!(kept(both, &[1; 300_000], 21).await, old);
        assert!(read(both, old).await.is_some());
    }

    async fn a_blob_that_is_named_stays_for_as_long_as_its_entities(both) {
        let blob = kept(both, b"picture", 1).await;
        for number in [1, 2] {
            taken(both, post(plan(number), "a")).await;
            let claim = claimed(both, plan(number)).await;
            let events = vec![body("shown")];
            let turn = Append {
                events,
                blobs: vec![blob, blob],
                status: Status::Closed,
                ..append(plan(number), &claim, number)
            };
            appended(both, turn).await;
        }
        taken(both, post(plan(3), "a")).await;
        let claim = claimed(both, plan(3)).await;
        appended(both, Append { events: vec![body("on")], ..append(plan(3), &claim, 3) }).await;
        tidy(both, 1_000).await;
        assert!(read(both, blob).await.is_some());
        let other = kept(both, b"another", 1).await;
        for (number, blob, expected) in
            [(1, blob, true), (2, blob, true), (3, blob, false), (1, other, false), (4, blob, false)]
        {
            let named = both.names(plan(number), blob).await.expect("the journal works");
            assert_eq!(named, expected, "{number} {blob}");
        }
        for (closed_count_max, expected) in [(1, true), (0, false)] {
            let spare_age_min = Duration::from_millis(10);
            let retention = Retention { closed_count_max, spare_age_min, ..Retention::default() };
            // The blob is found to be spare by the portion after the one that takes its entity.
            for _ in 0..2 {
                both.tidy(at(1_000), retention.clone()).await.expect("the journal works");
            }
            assert_eq!(read(both, blob).await.is_some(), expected);
        }
    }

    async fn an_append_that_names_what_is_not_kept_does_nothing(both) {
        let ordinal = taken(both, post(plan(1), "a")).await;
        let claim = claimed(both, plan(1)).await;
        let (there, missing) = (kept(both, b"there", 1).await, Blob::from_hash([7; 32]));
        let heard = vec![Taken { ordinal, fate: Fate::Heard(None) }];
        let turn = Append { events: vec![body("a")], taken: heard, ..append(plan(1), &claim, 1) };
        let blind = Append { blobs: vec![there, missing], ..turn.clone() };
        let refused = both.append(Arc::new(blind)).await;
        assert!(matches!(refused, Err(Error::Unkept(blob)) if blob == missing), "{refused:?}");
        assert_eq!(texts(both, plan(1)).await, [""; 0]);
        let done = Appended::Done { head: Seq(1), bells: vec![] };
        assert_eq!(appended(both, Append { blobs: vec![there], ..turn }).await, done);
    }
}
