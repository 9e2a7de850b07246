//! What `domain::records` promises, asked of whatever keeps a journal.

use std::sync::Arc;
use std::time::Duration;

use domain::id::{Address, Kind};
use domain::journal::{
    Append, Appended, Before, Claimed, Epoch, Fate, Ordinal, Outgoing, Post, Posted, Seq, Status,
    Taken, Undeliverable,
};
use domain::records::{
    Chain, DeadLetter, Entry, Letter, Line, Place, Position, Query, Replayed, Retention, State,
    Summary, Tidied, Unmended,
};

use super::adapters::{Both, conformance};
use super::journal::{
    append, appended, at, body, claimed, id, plan, post, refusal, session, taken, texts, waiting,
};

// --- what was there before ---

/// One turn of an entity, which is made for it and hears what waits for it, late.
async fn turn(both: &dyn Both, entity: Address, change: impl FnOnce(Append) -> Append) {
    let ordinal = taken(both, post(entity, "first")).await;
    let claim = claimed(both, entity).await;
    let taken = vec![Taken { ordinal, fate: Fate::Heard(Some(b"yes".to_vec())) }];
    let turn = Append { taken, events: vec![body("one")], ..append(entity, &claim, 1) };
    appended(both, change(turn)).await;
}

async fn closed(both: &dyn Both, entity: Address, millis: u64) {
    turn(both, entity, |turn| Append { status: Status::Closed, at: at(millis), ..turn }).await;
}

/// With a post of a door and one of an entity waiting for it.
async fn quarantined(both: &dyn Both, entity: Address) {
    let sick = Status::Quarantined("it is sick".to_owned());
    let ordinal = taken(both, post(entity, "first")).await;
    taken(both, post(entity, "door")).await;
    let posts = vec![Outgoing { to: entity, opens: false, body: body("from a friend") }];
    turn(both, session(9), |turn| Append { posts, ..turn }).await;
    let claim = claimed(both, entity).await;
    let taken = vec![Taken { ordinal, fate: Fate::Heard(None) }];
    let events = vec![body("one")];
    appended(both, Append { taken, events, status: sick, ..append(entity, &claim, 1) }).await;
}

/// A dead letter of a door, for an entity that lives.
async fn dead(both: &dyn Both, entity: Address, key: &str) -> Letter {
    let ordinal = taken(both, post(entity, key)).await;
    let claim = claimed(both, entity).await;
    let taken = vec![Taken { ordinal, fate: Fate::Dead("it panicked".to_owned()) }];
    appended(both, Append { taken, at: at(7), ..append(entity, &claim, key.len() as u8) }).await;
    both.dead_letters(None, 1).await.expect("it works").first().expect("it died").letter
}

async fn list(both: &dyn Both, query: Query, limit: u32) -> Vec<Entry> {
    both.entities(query, limit).await.expect("the records work")
}

async fn names(both: &dyn Both, query: Query, limit: u32) -> Vec<Address> {
    list(both, query, limit).await.iter().map(|entry| entry.entity).collect()
}

/// All portions, as one.
async fn audited(both: &dyn Both) -> Vec<String> {
    let lines = both.audit(Position(0), 9).await.expect("the records work");
    lines.into_iter().map(|line| String::from_utf8_lossy(&line.line).into_owned()).collect()
}

async fn tidied(both: &dyn Both, millis: u64, retention: &Retention) -> Tidied {
    let mut all = Tidied::default();
    loop {
        let one = both.tidy(at(millis), retention.clone()).await.expect("the records work");
        all.keys += one.keys;
        all.entities += one.entities;
        all.rows += one.rows;
        all.blobs += one.blobs;
        if !one.more {
            return all;
        }
    }
}

conformance! {
    // --- entities ---

    async fn entities_are_listed_the_newest_first_and_page_by_page(both) {
        for entity in [plan(1), session(2), plan(3), session(4)] {
            taken(both, post(entity, "a")).await;
        }
        let all = Query::default();
        assert_eq!(names(both, all, 9).await, [session(4), plan(3), session(2), plan(1)]);
        let page = list(both, all, 2).await;
        let next = Query { before: Some(page[1].place), ..all };
        assert_eq!(names(both, next, 2).await, [session(2), plan(1)]);
        let plans = Query { kind: Some(Kind::Plan), ..all };
        assert_eq!(names(both, plans, 9).await, [plan(3), plan(1)]);
        let plans = Query { before: Some(page[1].place), ..plans };
        assert_eq!(names(both, plans, 9).await, [plan(1)]);
        assert_eq!(names(both, Query { before: Some(Place(0)), ..all }, 9).await, []);
    }

    async fn those_that_wait_for_a_person_are_found_among_many(both) {
        turn(both, plan(1), |turn| turn).await;
        turn(both, plan(2), |turn| Append { asks: true, ..turn }).await;
        turn(both, session(3), |turn| Append { asks: true, ..turn }).await;
        let asking = Query { asks: true, ..Query::default() };
        assert_eq!(names(both, asking, 9).await, [session(3), plan(2)]);
        let plans = Query { kind: Some(Kind::Plan), ..asking };
        assert_eq!(names(both, plans, 9).await, [plan(2)]);
        let claim = claimed(both, plan(2)).await;
        appended(both, append(plan(2), &claim, 2)).await;
        assert_eq!(names(both, plans, 9).await, []);
    }

    async fn what_an_entity_has_sent_to_one_that_ended_is_a_dead_letter(both) {
        let ordinal = taken(both, post(plan(1), "first")).await;
        let posts = vec![Outgoing { to: plan(1), opens: false, body: body("from a friend") }];
        turn(both, session(9), |turn| Append { posts, ..turn }).await;
        let claim = claimed(both, plan(1)).await;
        let taken = vec![Taken { ordinal, fate: Fate::Heard(None) }];
        let last = Append { taken, status: Status::Closed, ..append(plan(1), &claim, 1) };
        appended(both, last).await;
        assert_eq!(waiting(both, plan(1)).await, [""; 0]);
        let dead = both.dead_letters(None, 9).await.expect("the records work");
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].to, dead[0].from), (plan(1), Some(session(9))));
    }

    async fn an_entity_is_listed_with_how_it_stands(both) {
        let query = |state| Query { state: Some(state), ..Query::default() };
        turn(both, plan(1), |turn| Append { owes: 2, wake_at: Some(at(70)), ..turn }).await;
        closed(both, plan(2), 5).await;
        let sick = Status::Quarantined("it is sick".to_owned());
        turn(both, plan(3), |turn| Append { status: sick, at: at(6), ..turn }).await;
        let open = Entry {
            place: list(both, query(State::Open), 9).await[0].place,
            entity: plan(1),
            state: State::Open,
            reason: None,
            head: Seq(1),
            owes: 2,
            wake_at: Some(at(70)),
            opened_at: at(1),
            changed_at: at(2),
        };
        let found = both.entity(plan(1)).await.expect("the records work");
        assert_eq!(found.as_ref(), Some(&open));
        assert_eq!(list(both, query(State::Open), 9).await, [open]);
        assert_eq!(both.entity(plan(9)).await.expect("the records work"), None);
        let closed = list(both, query(State::Closed), 9).await;
        assert_eq!(closed.len(), 1);
        assert_eq!((closed[0].entity, closed[0].changed_at), (plan(2), at(5)));
        let sick = list(both, query(State::Quarantined), 9).await;
        assert_eq!(sick.len(), 1);
        assert_eq!((sick[0].entity, sick[0].state), (plan(3), State::Quarantined));
        assert_eq!(sick[0].reason.as_deref(), Some("it is sick"));
        let sessions = Query { kind: Some(Kind::Session), ..query(State::Closed) };
        assert_eq!(names(both, sessions, 9).await, []);
    }

    // --- dead letters ---

    async fn a_dead_letter_is_kept_as_it_was_sent_with_its_story(both) {
        let letter = dead(both, plan(1), "a").await;
        let expected = DeadLetter {
            letter,
            to: plan(1),
            key: "a".into(),
            from: None,
            body: body("a"),
            story: "it panicked".to_owned(),
            sent_at: at(1),
            died_at: at(7),
        };
        assert_eq!(both.dead_letter(letter).await.ok(), Some(Some(expected)));
        assert_eq!(both.dead_letter(Letter(99)).await.ok(), Some(None));
        let posts = vec![Outgoing { to: session(9), opens: false, body: body("hello?") }];
        turn(both, plan(2), |turn| Append { posts, ..turn }).await;
        let page = both.dead_letters(None, 1).await.expect("the records work");
        let stray = Summary {
            letter: page[0].letter,
            to: session(9),
            from: Some(plan(2)),
            name: "said".into(),
            story: Undeliverable::Unknown(session(9)).to_string(),
            died_at: at(2),
        };
        assert_eq!(page, [stray]);
        let page = both.dead_letters(Some(page[0].letter), 9).await.expect("the records work");
        assert_eq!(page.iter().map(|summary| summary.letter).collect::<Vec<_>>(), [letter]);
    }

    async fn a_dead_letter_is_sent_again_once(both) {
        let letter = dead(both, plan(1), "a").await;
        let replayed = both.replay(letter, at(8)).await.expect("the records work");
        let Replayed::Posted { to, ordinal } = replayed else { panic!("{replayed:?}") };
        assert_eq!(to, plan(1));
        let waiting = both.inbox(plan(1), Ordinal(0), 9).await.expect("it works");
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].ordinal, ordinal);
        let key = Arc::clone(&waiting[0].post.key);
        assert_ne!(&*key, "a", "its old key was answered");
        let again = Post { opens: false, key, at: at(8), ..post(plan(1), "a") };
        assert_eq!(waiting[0].post, again);
        let gone = Replayed::Unknown(letter);
        assert_eq!(both.replay(letter, at(9)).await.ok(), Some(gone));
        assert_eq!(both.dead_letters(None, 9).await.ok(), Some(vec![]));
        assert_eq!(audited(both).await, [r#"{"what":"letter_replayed","letter":1}"#]);
        // The number of a letter, and so its key, is never given again.
        assert!(dead(both, plan(2), "bb").await > letter);
    }

    async fn a_dead_letter_for_whom_nothing_can_be_sent_stays(both) {
        let posts = vec![Outgoing { to: session(1), opens: false, body: body("hello?") }];
        turn(both, plan(1), |turn| Append { posts: posts.clone(), ..turn }).await;
        let letter = both.dead_letters(None, 9).await.expect("the records work")[0].letter;
        let replayed = both.replay(letter, at(8)).await.expect("the records work");
        assert_eq!(replayed, Replayed::Refused(Undeliverable::Unknown(session(1))));
        closed(both, session(1), 9).await;
        let replayed = both.replay(letter, at(10)).await.expect("the records work");
        assert_eq!(replayed, Replayed::Refused(Undeliverable::Closed(session(1))));
        assert_eq!(both.dead_letters(None, 9).await.expect("the records work").len(), 1);
        assert_eq!(both.discard_letter(letter, at(9)).await.ok(), Some(true));
        assert_eq!(both.discard_letter(letter, at(9)).await.ok(), Some(false));
        assert_eq!(audited(both).await, [r#"{"what":"letter_discarded","letter":1}"#]);
        assert_eq!(both.dead_letters(None, 9).await.ok(), Some(vec![]));
    }

    // --- quarantine ---

    async fn whoever_is_released_goes_on_where_it_was(both) {
        quarantined(both, plan(1)).await;
        let refused = refusal(both, post(plan(1), "b")).await;
        assert!(matches!(refused, Undeliverable::Quarantined { .. }), "{refused:?}");
        assert_eq!(both.release(plan(1), at(9)).await.ok(), Some(Ok(())));
        assert_eq!(audited(both).await, [r#"{"what":"released"}"#]);
        let due = both.due(id(250), None, 9).await.expect("the journal works");
        assert!(due.iter().any(|due| due.entity == plan(1) && due.at.is_none()), "{due:?}");
        // Whoever had it before writes no more.
        let before = Claimed {
            epoch: Epoch(1),
            head: Seq(1),
            before: Before::Clean,
            wake_at: None,
        };
        let late = Append { events: vec![body("late")], ..append(plan(1), &before, 9) };
        assert_eq!(appended(both, late).await, Appended::Superseded);
        let claim = claimed(both, plan(1)).await;
        assert_eq!((claim.head, claim.before), (Seq(1), Before::Crashed));
        assert_eq!(texts(both, plan(1)).await, ["one"]);
        assert_eq!(waiting(both, plan(1)).await.len(), 2);
        let entry = &list(both, Query::default(), 9).await;
        let entry = entry.iter().find(|entry| entry.entity == plan(1)).expect("it is listed");
        assert_eq!((entry.state, &entry.reason, entry.changed_at), (State::Open, &None, at(9)));
    }

    async fn whoever_is_discarded_is_closed_and_what_waited_is_dead(both) {
        quarantined(both, plan(1)).await;
        assert_eq!(both.discard(plan(1), at(9)).await.ok(), Some(Ok(())));
        assert_eq!(audited(both).await, [r#"{"what":"discarded"}"#]);
        assert_eq!(refusal(both, post(plan(1), "b")).await, Undeliverable::Closed(plan(1)));
        let closed = Query { state: Some(State::Closed), ..Query::default() };
        let entries = list(both, closed, 9).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].reason.as_deref(), Some("it is sick"));
        assert_eq!((entries[0].owes, entries[0].wake_at), (0, None));
        assert_eq!(texts(both, plan(1)).await, ["one"]);
        assert_eq!(waiting(both, plan(1)).await, [""; 0]);
        let dead = both.dead_letters(None, 9).await.expect("the records work");
        let froms: Vec<_> = dead.iter().map(|summary| summary.from).collect();
        assert_eq!(froms, [Some(session(9)), None]);
        let door = both.dead_letter(dead[1].letter).await.expect("it works").expect("it is there");
        assert_eq!((&*door.key, door.body, door.died_at), ("door", body("door"), at(9)));
        // A door that asks again is told that it is known, and gets no answer.
        assert_eq!(both.post(post(plan(1), "door")).await.ok(), Some(Posted::Known(None)));
    }

    async fn only_what_is_quarantined_can_be_mended(both) {
        turn(both, plan(1), |turn| turn).await;
        closed(both, plan(2), 5).await;
        let sound = |address, state| Unmended::Sound { address, state };
        let rows = [
            (plan(1), sound(plan(1), State::Open)),
            (plan(2), sound(plan(2), State::Closed)),
            (plan(3), Unmended::Unknown(plan(3))),
        ];
        for (entity, expected) in rows {
            let released = both.release(entity, at(9)).await.expect("the records work");
            assert_eq!(released, Err(expected.clone()));
            let discarded = both.discard(entity, at(9)).await.expect("the records work");
            assert_eq!(discarded, Err(expected));
        }
    }

    // --- the audit ---

    async fn the_audit_is_one_chain_that_anybody_can_check(both) {
        assert_eq!(both.verify_audit().await.ok(), Some(Ok(Chain::default())));
        let lines = ["a", "b"].map(|line| line.as_bytes().to_vec()).to_vec();
        turn(both, plan(1), |turn| Append { audit: lines, ..turn }).await;
        turn(both, plan(2), |turn| Append { audit: vec![b"c".to_vec()], ..turn }).await;
        let lines = both.audit(Position(0), 9).await.expect("the records work");
        let plain: Vec<_> =
            lines.iter().map(|line| (line.position.0, line.entity, &line.line[..])).collect();
        let expected =
            [(1, plan(1), &b"a"[..]), (2, plan(1), &b"b"[..]), (3, plan(2), &b"c"[..])];
        assert_eq!(plain, expected);
        let page = both.audit(Position(1), 1).await.expect("the records work");
        assert_eq!(page, [Line { before: lines[0].hash.clone(), ..lines[1].clone() }]);
        let chain = both.verify_audit().await.expect("the records work").expect("it is whole");
        assert_eq!(chain, Chain { lines: 3, head: lines[2].hash.clone() });
        // Whoever computes it by another hand comes to this as well.
        let head: String = chain.head.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(head, HEAD);
    }

    // --- what goes ---

    async fn a_key_is_known_for_a_window_after_its_answer(both) {
        turn(both, plan(1), |turn| Append { at: at(50), ..turn }).await;
        taken(both, post(plan(1), "waits")).await;
        let retention =
            Retention { key_age_max: Duration::from_millis(10), ..Retention::default() };
        assert_eq!(tidied(both, 60, &retention).await, Tidied::default());
        let known = both.post(post(plan(1), "first")).await.expect("the journal works");
        assert_eq!(known, Posted::Known(Some(b"yes".to_vec())));
        let gone = Tidied { keys: 1, ..Tidied::default() };
        assert_eq!(tidied(both, 61, &retention).await, gone);
        assert_eq!(waiting(both, plan(1)).await, ["waits"]);
        taken(both, post(plan(1), "first")).await;
    }

    async fn closed_entities_go_when_they_are_too_old_too_many_or_too_big(both) {
        let keep = Retention {
            closed_age_max: Duration::from_millis(1_000),
            closed_count_max: 4,
            closed_bytes_max: 40,
            ..Retention::default()
        };
        // Each weighs eight bytes: what it said, and what it heard.
        for number in 1..=4 {
            closed(both, plan(number), u64::from(number) * 100).await;
        }
        turn(both, plan(9), |turn| Append { at: at(1), ..turn }).await;
        assert_eq!(tidied(both, 1_100, &keep).await, Tidied::default());
        let gone = Tidied { entities: 1, rows: 1, ..Tidied::default() };
        assert_eq!(tidied(both, 1_101, &keep).await, gone);
        let left = Query { state: Some(State::Closed), ..Query::default() };
        assert_eq!(names(both, left, 9).await, [plan(4), plan(3), plan(2)]);
        assert_eq!(texts(both, plan(1)).await, [""; 0]);
        let stray = Post { opens: false, ..post(plan(1), "first") };
        assert_eq!(refusal(both, stray).await, Undeliverable::Unknown(plan(1)));
        let few = Retention { closed_count_max: 2, ..keep.clone() };
        assert_eq!(tidied(both, 1_101, &few).await, gone);
        assert_eq!(names(both, left, 9).await, [plan(4), plan(3)]);
        let small = Retention { closed_bytes_max: 15, ..keep };
        assert_eq!(tidied(both, 1_101, &small).await, gone);
        assert_eq!(names(both, left, 9).await, [plan(4)]);
        assert_eq!(texts(both, plan(9)).await, ["one"], "open ones stay, however old");
    }

    async fn a_key_is_known_for_as_long_when_its_entity_has_gone(both) {
        closed(both, plan(1), 5).await;
        turn(both, plan(2), |turn| turn).await;
        let retention = Retention {
            closed_count_max: 0,
            key_age_max: Duration::from_millis(100),
            ..Retention::default()
        };
        let gone = Tidied { entities: 1, rows: 1, ..Tidied::default() };
        assert_eq!(tidied(both, 100, &retention).await, gone);
        let known = both.post(post(plan(1), "first")).await.expect("the journal works");
        assert_eq!(known, Posted::Known(Some(b"yes".to_vec())));
        let stray = Post { opens: false, ..post(plan(1), "first") };
        assert_eq!(refusal(both, stray).await, Undeliverable::Unknown(plan(1)));
        // That of the open one has gone with it.
        let gone = Tidied { keys: 2, ..Tidied::default() };
        assert_eq!(tidied(both, 106, &retention).await, gone);
        tidied(both, 107, &retention).await;
        taken(both, post(plan(1), "first")).await;
    }

    async fn whoever_is_made_again_inherits_nothing(both) {
        closed(both, plan(1), 5).await;
        turn(both, plan(2), |turn| turn).await;
        let none = Retention { closed_count_max: 0, ..Retention::default() };
        assert_eq!(tidied(both, 100, &none).await.entities, 1);
        taken(both, post(plan(1), "another")).await;
        let claim = claimed(both, plan(1)).await;
        assert_eq!((claim.head, claim.before), (Seq(0), Before::Clean));
        assert_eq!(texts(both, plan(1)).await, [""; 0]);
    }
}

/// Of the chain `a`, `b`, `c` above.
const HEAD: &str = "e0d953b0dbb8a368c82eeac0e78249cf31e62157f8ae9f90b304e30523f0934d";
