//! What `domain::journal` promises, asked of each journal.

use std::sync::Arc;

use domain::id::{Address, Id, Kind};
use domain::journal::{
    Append, Appended, Before, Body, Claim, Claimed, Due, Epoch, Fate, Journal, Ordinal, Outgoing,
    Post, Posted, Seq, Status, Taken, Unclaimed, Undeliverable,
};
use domain::time::Timestamp;

use super::adapters::conformance;

// --- who and what ---

pub(super) fn id(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

pub(super) fn plan(number: u8) -> Address {
    Address { kind: Kind::Plan, id: id(number) }
}

pub(super) fn session(number: u8) -> Address {
    Address { kind: Kind::Session, id: id(number) }
}

pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn body(text: &str) -> Body {
    Body { name: "said".into(), version: 1, bytes: text.as_bytes().to_vec() }
}

/// As a door sends it.
pub(super) fn post(to: Address, key: &str) -> Post {
    Post { to, key: key.into(), from: None, opens: true, body: body(key), at: at(1) }
}

pub(super) fn append(entity: Address, claimed: &Claimed, number: u8) -> Append {
    let heard = b"heard".to_vec();
    let Claimed { epoch, head, .. } = *claimed;
    Append { heard, format: 1, ..Append::new(id(number), entity, epoch, head, at(2)) }
}

pub(super) async fn taken(journal: &dyn Journal, post: Post) -> Ordinal {
    match journal.post(post).await.expect("the journal works") {
        Posted::Taken(ordinal) => ordinal,
        other @ (Posted::Known(_) | Posted::Refused(_)) => panic!("not taken: {other:?}"),
    }
}

pub(super) async fn claimed(journal: &dyn Journal, entity: Address) -> Claimed {
    let claim = Claim { entity, boot: id(200), format: 1 };
    journal.claim(claim).await.expect("the journal works").expect("it is there")
}

pub(super) async fn appended(journal: &dyn Journal, append: Append) -> Appended {
    journal.append(Arc::new(append)).await.expect("the journal works")
}

pub(super) async fn refusal(journal: &dyn Journal, post: Post) -> Undeliverable {
    match journal.post(post).await.expect("the journal works") {
        Posted::Refused(refusal) => refusal,
        other @ (Posted::Taken(_) | Posted::Known(_)) => panic!("not refused: {other:?}"),
    }
}

/// The keys that wait for an entity, in their order.
pub(super) async fn waiting(journal: &dyn Journal, entity: Address) -> Vec<String> {
    let waiting = journal.inbox(entity, Ordinal(0), 100).await.expect("the journal works");
    waiting.iter().map(|waiting| waiting.post.key.to_string()).collect()
}

pub(super) async fn texts(journal: &dyn Journal, entity: Address) -> Vec<String> {
    let events = journal.history(entity, Seq(0), 100).await.expect("the journal works");
    events.iter().map(|event| String::from_utf8_lossy(&event.body.bytes).into_owned()).collect()
}

conformance! {
    async fn a_post_waits_once_however_often_it_is_sent(journal) {
        let first = taken(journal, post(plan(1), "a")).await;
        let second = taken(journal, post(plan(1), "b")).await;
        assert!(first < second);
        assert_eq!(journal.post(post(plan(1), "a")).await.ok(), Some(Posted::Known(None)));
        assert_eq!(waiting(journal, plan(1)).await, ["a", "b"]);
        let later = journal.inbox(plan(1), first, 100).await.expect("the journal works");
        assert_eq!(later.len(), 1);
        assert_eq!(later[0].ordinal, second);
        assert_eq!(later[0].post, Post { opens: false, ..post(plan(1), "b") });
        assert_eq!(waiting(journal, plan(2)).await, [""; 0]);
    }

    async fn only_a_post_that_opens_makes_an_entity(journal) {
        let stray = Post { opens: false, ..post(plan(1), "a") };
        assert_eq!(refusal(journal, stray).await, Undeliverable::Unknown(plan(1)));
        let claim = Claim { entity: plan(1), boot: id(200), format: 1 };
        let unclaimed = journal.claim(claim).await.expect("the journal works");
        assert_eq!(unclaimed, Err(Unclaimed::Undeliverable(Undeliverable::Unknown(plan(1)))));
        assert_eq!(appended(journal, append(plan(1), &NOBODY, 1)).await, Appended::Superseded);
    }

    async fn a_turn_is_recorded_as_a_whole(journal) {
        let asked = taken(journal, post(plan(1), "a")).await;
        let left = taken(journal, post(plan(1), "b")).await;
        let claim = claimed(journal, plan(1)).await;
        assert_eq!((claim.head, claim.before), (Seq(0), Before::Clean));
        let turn = Append {
            events: vec![body("one"), body("two")],
            taken: vec![Taken { ordinal: asked, fate: Fate::Heard(Some(b"yes".to_vec())) }],
            posts: vec![Outgoing { to: session(1), opens: true, body: body("done") }],
            audit: vec![b"a line".to_vec()],
            owes: 2,
            wake_at: Some(at(50)),
            ..append(plan(1), &claim, 1)
        };
        let done = Appended::Done { head: Seq(2), bells: vec![session(1)] };
        assert_eq!(appended(journal, turn).await, done);

        let events = journal.history(plan(1), Seq(0), 100).await.expect("the journal works");
        assert_eq!(texts(journal, plan(1)).await, ["one", "two"]);
        assert_eq!(events[0].heard.as_deref(), Some(&b"heard"[..]));
        assert_eq!((events[1].seq, events[1].epoch, events[1].at), (Seq(2), claim.epoch, at(2)));
        assert_eq!(events[1].heard, None);
        let later = journal.history(plan(1), Seq(1), 1).await.expect("the journal works");
        assert_eq!(later, events[1..]);

        assert_eq!(journal.answer(plan(1), "a".into()).await.ok(), Some(Some(b"yes".to_vec())));
        let known = journal.post(post(plan(1), "a")).await.ok();
        assert_eq!(known, Some(Posted::Known(Some(b"yes".to_vec()))));
        let inbox = journal.inbox(plan(1), Ordinal(0), 100).await.expect("the journal works");
        assert_eq!(inbox.iter().map(|waiting| waiting.ordinal).collect::<Vec<_>>(), [left]);
        let sent = journal.inbox(session(1), Ordinal(0), 100).await.expect("the journal works");
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].post.from, Some(plan(1)));
        assert_eq!(&*sent[0].post.key, format!("{}/2/0", plan(1)));

        let again = claimed(journal, plan(1)).await;
        let left = (again.head, again.before, again.wake_at);
        assert_eq!(left, (Seq(2), Before::Crashed, Some(at(50))));
        assert!(again.epoch > claim.epoch);
    }

    async fn a_late_writer_is_refused_and_changes_nothing(journal) {
        let asked = taken(journal, post(plan(1), "a")).await;
        let old = claimed(journal, plan(1)).await;
        let new = claimed(journal, plan(1)).await;
        let late = Append {
            events: vec![body("late")],
            taken: vec![Taken { ordinal: asked, fate: Fate::Heard(None) }],
            posts: vec![Outgoing { to: session(1), opens: true, body: body("late") }],
            status: Status::Closed,
            ..append(plan(1), &old, 1)
        };
        assert_eq!(appended(journal, late.clone()).await, Appended::Superseded);
        assert_eq!(texts(journal, plan(1)).await, [""; 0]);
        assert_eq!(waiting(journal, plan(1)).await, ["a"]);
        assert_eq!(waiting(journal, session(1)).await, [""; 0]);

        let turn = Append { events: vec![body("new")], ..append(plan(1), &new, 2) };
        let done = Appended::Done { head: Seq(1), bells: vec![] };
        assert_eq!(appended(journal, turn).await, done);
        // Of the right epoch, but it has not seen everything.
        let blind = Append { epoch: new.epoch, ..late };
        assert_eq!(appended(journal, blind).await, Appended::Superseded);
        assert_eq!(texts(journal, plan(1)).await, ["new"]);
    }

    async fn an_append_that_is_tried_again_is_in_once(journal) {
        taken(journal, post(plan(1), "a")).await;
        let claim = claimed(journal, plan(1)).await;
        let turn = Append {
            events: vec![body("once")],
            posts: vec![Outgoing { to: session(1), opens: true, body: body("once") }],
            ..append(plan(1), &claim, 1)
        };
        let done = Appended::Done { head: Seq(1), bells: vec![session(1)] };
        assert_eq!(appended(journal, turn.clone()).await, done);
        assert_eq!(appended(journal, turn).await, done);
        assert_eq!(texts(journal, plan(1)).await, ["once"]);
        assert_eq!(waiting(journal, session(1)).await.len(), 1);
        // Without events it is told from its repetition all the same.
        let quiet = Append { after: Seq(1), owes: 1, ..append(plan(1), &claim, 2) };
        let done = Appended::Done { head: Seq(1), bells: vec![] };
        assert_eq!(appended(journal, quiet.clone()).await, done);
        assert_eq!(appended(journal, quiet).await, done);
    }

    async fn unknown_closed_and_quarantined_are_three_answers(journal) {
        let entities = [
            (plan(1), Status::Closed, Undeliverable::Closed(plan(1))),
            (
                plan(2),
                Status::Quarantined("it is sick".to_owned()),
                Undeliverable::Quarantined { address: plan(2), reason: "it is sick".to_owned() },
            ),
        ];
        for (entity, status, expected) in entities {
            let ordinal = taken(journal, post(entity, "a")).await;
            let claim = claimed(journal, entity).await;
            let fate = Fate::Heard(Some(b"bye".to_vec()));
            let taken = vec![Taken { ordinal, fate }];
            let last = Append { taken, status, ..append(entity, &claim, 1) };
            let done = Appended::Done { head: Seq(0), bells: vec![] };
            assert_eq!(appended(journal, last).await, done);
            assert_eq!(refusal(journal, post(entity, "b")).await, expected);
            let claim = Claim { entity, boot: id(201), format: 1 };
            let unclaimed = journal.claim(claim).await.expect("the journal works");
            assert_eq!(unclaimed, Err(Unclaimed::Undeliverable(expected)));
            // Whoever asks again what was answered before is answered.
            let known = journal.post(post(entity, "a")).await.ok();
            assert_eq!(known, Some(Posted::Known(Some(b"bye".to_vec()))));
        }
        assert_eq!(due(journal).await, []);
    }

    async fn whoever_was_not_heard_before_the_end_is_told(journal) {
        let ordinal = taken(journal, post(plan(1), "a")).await;
        let claim = claimed(journal, plan(1)).await;
        taken(journal, post(plan(1), "b")).await;
        let taken = vec![Taken { ordinal, fate: Fate::Heard(None) }];
        let last = Append { taken, status: Status::Closed, ..append(plan(1), &claim, 1) };
        appended(journal, last).await;
        assert_eq!(journal.post(post(plan(1), "a")).await.ok(), Some(Posted::Known(None)));
        assert_eq!(refusal(journal, post(plan(1), "b")).await, Undeliverable::Closed(plan(1)));
    }

    async fn what_is_sent_to_nobody_is_a_dead_letter_and_holds_up_nothing(journal) {
        taken(journal, post(plan(1), "a")).await;
        let claim = claimed(journal, plan(1)).await;
        let turn = Append {
            events: vec![body("sent")],
            posts: vec![
                Outgoing { to: session(9), opens: false, body: body("hello?") },
                Outgoing { to: session(1), opens: true, body: body("hello") },
            ],
            ..append(plan(1), &claim, 1)
        };
        let done = Appended::Done { head: Seq(1), bells: vec![session(1)] };
        assert_eq!(appended(journal, turn).await, done);
        assert_eq!(waiting(journal, session(9)).await, [""; 0]);
    }

    async fn a_dead_letter_waits_no_more(journal) {
        let ordinal = taken(journal, post(plan(1), "a")).await;
        let claim = claimed(journal, plan(1)).await;
        let taken = vec![Taken { ordinal, fate: Fate::Dead("it panicked".to_owned()) }];
        let turn = Append { taken, ..append(plan(1), &claim, 1) };
        let done = Appended::Done { head: Seq(0), bells: vec![] };
        assert_eq!(appended(journal, turn).await, done);
        assert_eq!(waiting(journal, plan(1)).await, [""; 0]);
        assert_eq!(journal.post(post(plan(1), "a")).await.ok(), Some(Posted::Known(None)));
    }

    async fn what_a_newer_program_wrote_is_left_to_it(journal) {
        taken(journal, post(plan(1), "a")).await;
        let claim = claimed(journal, plan(1)).await;
        let turn = Append { events: vec![body("new")], format: 3, ..append(plan(1), &claim, 1) };
        appended(journal, turn).await;
        for (format, expected) in [(2, false), (3, true), (4, true)] {
            let claim = Claim { entity: plan(1), boot: id(201), format };
            let claimed = journal.claim(claim).await.expect("the journal works");
            assert_eq!(claimed.is_ok(), expected, "{claimed:?}");
        }
    }

    async fn whoever_has_something_to_do_is_found(journal) {
        // Owes something; wakes up later; has a post waiting; has nothing.
        for number in 1..=4 {
            let ordinal = taken(journal, post(plan(number), "a")).await;
            let claim = claimed(journal, plan(number)).await;
            let heard = vec![Taken { ordinal, fate: Fate::Heard(None) }];
            let turn = Append {
                taken: if number == 3 { vec![] } else { heard },
                owes: u32::from(number == 1),
                wake_at: (number <= 2).then_some(at(70)),
                ..append(plan(number), &claim, number)
            };
            appended(journal, turn).await;
        }
        let all = [(plan(1), None), (plan(2), Some(at(70))), (plan(3), None)];
        assert_eq!(due(journal).await, all.map(|(entity, at)| Due { entity, at }));
        let page = journal.due(Id::from_bytes([0; 16]), Some(plan(1)), 1).await.expect("the journal works");
        assert_eq!(page, [Due { entity: plan(2), at: Some(at(70)) }]);
    }

    async fn an_inbox_has_a_bound(journal) {
        for number in 0..1_024 {
            taken(journal, post(plan(1), &number.to_string())).await;
        }
        assert_eq!(refusal(journal, post(plan(1), "more")).await, Undeliverable::Full(plan(1)));
        assert_eq!(journal.post(post(plan(1), "7")).await.ok(), Some(Posted::Known(None)));
    }
}

/// Of an entity that was never claimed.
const NOBODY: Claimed =
    Claimed { epoch: Epoch(0), head: Seq(0), before: Before::Clean, wake_at: None };

async fn due(journal: &dyn Journal) -> Vec<Due> {
    journal.due(Id::from_bytes([0; 16]), None, 100).await.expect("the journal works")
}
