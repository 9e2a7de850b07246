//! Mailboxes: what is taken, what is refused, what survives, and when it closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::tree::State;
use futures::future::{Either, join, select};
use runtime::core::Refusal;
use runtime::spec::{Restart, Shutdown, Strategy};
use runtime::{Bounds, Exit, Handle, Next, Options, Reply, Unanswered, Why};

use crate::stage::{
    Do, Gate, Held, LONG, Leash, Log, act, at_once, crash, done, end_with, fail, hang, kill, life,
    node, node_with, note, panic_now, ping, plain, plant, root, soon, state, stop, wait_at,
};

const ROOM_FOR_3: Bounds = Bounds { messages_max: 3, bytes_max: 1 << 20 };
const ROOM_FOR_1: Bounds = Bounds { messages_max: 1, bytes_max: 1 << 20 };

fn why(told: Result<(), runtime::Refused<Do>>) -> Option<Why> {
    told.err().map(|refused| refused.why)
}

#[tokio::test]
async fn at_the_bound_in_messages_the_sender_gets_its_message_back() {
    let (node, _) = node();
    let (child, handle) = plain("a").mailbox(ROOM_FOR_3).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let gate = Gate::closed();
    for _ in 0..3 {
        handle.tell(wait_at(&gate)).expect("there is room for three");
    }
    let refused = handle.tell(wait_at(&gate).weighing(77)).expect_err("there is no fourth place");
    assert_eq!((refused.why, refused.message.bytes), (Why::Full, 77));
    assert_eq!(handle.depth(), 3);
    gate.open(3);
    soon("the fourth", handle.tell_within(ping_nobody(), LONG)).await.expect("now there is room");
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

fn ping_nobody() -> Do {
    at_once(|_| Ok(Next::Go))
}

#[tokio::test]
async fn at_the_bound_in_bytes_the_sender_gets_its_message_back() {
    let (node, _) = node();
    let bounds = Bounds { messages_max: 100, bytes_max: 1_000 };
    let (child, handle) = plain("a").mailbox(bounds).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let gate = Gate::closed();
    handle.tell(wait_at(&gate).weighing(600)).expect("600 of 1000 bytes");
    assert_eq!(why(handle.tell(ping_nobody().weighing(401))), Some(Why::Full));
    handle.tell(ping_nobody().weighing(400)).expect("1000 of 1000 bytes");
    assert_eq!(why(handle.tell(ping_nobody().weighing(1))), Some(Why::Full));
    gate.open(1);
    soon("room", handle.tell_within(ping_nobody().weighing(1_000), LONG)).await.expect("all of it");
}

#[tokio::test]
async fn a_message_larger_than_the_mailbox_is_refused_at_once_and_holds_up_no_other_sender() {
    let (node, _) = node();
    let bounds = Bounds { messages_max: 1, bytes_max: 1_000 };
    let (child, handle) = plain("a").mailbox(bounds).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let gate = Gate::closed();
    handle.tell(wait_at(&gate)).expect("there is room for one");
    let too_large = handle.tell_within(ping_nobody().weighing(1_001), LONG);
    let small = handle.tell_within(ping_nobody(), LONG);
    let opened = async { gate.open(1) };
    let (too_large, (small, ())) = soon("both senders", join(too_large, join(small, opened))).await;
    assert_eq!(why(too_large), Some(Why::Full));
    assert_eq!(why(small), None);
}

#[tokio::test]
async fn the_ceiling_of_the_node_refuses_and_wakes_who_waits_for_it() {
    let options = Options { mailbox_bytes_max: 1 << 16, ..Options::default() };
    let (node, _) = node_with(&options);
    let (a, hoarder) = plain("a").on(&node);
    let (b, other) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    let gate = Gate::closed();
    hoarder.tell(wait_at(&gate).weighing(60_000)).expect("below the ceiling");
    let refused = other.tell(ping_nobody().weighing(8_000)).expect_err("above the ceiling");
    assert_eq!((refused.why, refused.message.bytes), (Why::NodeFull, 8_000));
    let late = other.tell_within(ping_nobody().weighing(8_000), Duration::from_millis(5)).await;
    assert_eq!(why(late), Some(Why::Late));
    let waiting = other.tell_within(ping_nobody().weighing(8_000), LONG);
    let opened = async { gate.open(1) };
    let (told, ()) = soon("room below the ceiling", join(waiting, opened)).await;
    assert_eq!(why(told), None);
}

#[tokio::test]
async fn whoever_waits_is_let_in_when_there_is_room_and_gets_the_message_back_at_the_deadline() {
    let (node, log) = node();
    let (child, handle) = plain("a").mailbox(ROOM_FOR_1).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let gate = Gate::closed();
    handle.tell(wait_at(&gate)).expect("there is room for one");
    let refused =
        handle.tell_within(note(&log, "late").weighing(5), Duration::from_millis(20)).await;
    let refused = refused.expect_err("nobody leaves");
    assert_eq!((refused.why, refused.message.bytes), (Why::Late, 5));
    let opened = async { gate.open(1) };
    let waiting = handle.tell_within(note(&log, "let in"), LONG);
    let (told, ()) = soon("room", join(waiting, opened)).await;
    assert_eq!(why(told), None);
    log.saw("let in").await;
    assert!(!log.has("late"));
}

#[tokio::test]
async fn many_who_wait_are_all_let_in() {
    let (node, log) = node();
    let (child, handle) = plain("a").mailbox(ROOM_FOR_1).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let waiting = (0..200).map(|_| handle.tell_within(note(&log, "let in"), LONG));
    let told = soon("two hundred turns", futures::future::join_all(waiting)).await;
    assert!(told.into_iter().all(|told| told.is_ok()));
    log_count(&log, "let in", 200).await;
}

async fn log_count(log: &Arc<crate::stage::Log>, line: &str, count: usize) {
    soon(line, log.until(|| log.count(line) == count)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_flood_what_is_accepted_and_what_is_refused_is_what_was_sent() {
    const SENDERS: u64 = 4;
    const EACH: u64 = 250_000;
    let (node, _) = node();
    let bounds = Bounds { messages_max: 64, bytes_max: 1 << 20 };
    let (child, handle) = plain("a").mailbox(bounds).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let handled = Arc::new(AtomicU64::new(0));
    let flood = |handle: Handle<Do>, handled: Arc<AtomicU64>| {
        move || {
            let (mut accepted, mut refused) = (0_u64, 0_u64);
            for _ in 0..EACH {
                let handled = Arc::clone(&handled);
                let counts = at_once(move |_| {
                    handled.fetch_add(1, Ordering::Relaxed);
                    Ok(Next::Go)
                });
                match handle.tell(counts) {
                    Ok(()) => accepted += 1,
                    Err(full) => refused += u64::from(full.why == Why::Full),
                }
                assert!(handle.depth() <= 64, "never more than the bound");
            }
            (accepted, refused)
        }
    };
    let (accepted, refused) = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..SENDERS)
            .map(|_| scope.spawn(flood(handle.clone(), Arc::clone(&handled))))
            .collect();
        floods.into_iter().map(|flood| flood.join().expect("no sender panics")).fold(
            (0, 0),
            |(accepted, refused), (more_accepted, more_refused)| {
                (accepted + more_accepted, refused + more_refused)
            },
        )
    });
    assert_eq!(accepted + refused, SENDERS * EACH);
    soon("the last one", until(|| handled.load(Ordering::Relaxed) == accepted)).await;
    soon("an empty mailbox", until(|| handle.depth() == 0)).await;
    assert_eq!(handled.load(Ordering::Relaxed), accepted);
}

#[tokio::test]
async fn what_waits_survives_a_crash_and_the_crashed_message_alone_is_dropped() {
    for (way, crashes) in [("error", fail as fn() -> Do), ("panic", panic_now)] {
        let (node, log) = node();
        let (child, handle) = plain("a").on(&node);
        plant(&node, &root(Strategy::OneForOne).child(child)).await;
        let gate = Gate::closed();
        handle.tell(wait_at(&gate)).expect("room");
        handle.tell(note(&log, "before")).expect("room");
        handle.tell(crashes()).expect("room");
        handle.tell(note(&log, "after")).expect("room");
        gate.open(1);
        assert_eq!(life(&handle).await, 2, "{way}");
        assert_eq!((log.count("before"), log.count("after")), (1, 1), "{way}");
        assert!(log.place("before") < log.place("stopped root/a error"), "{way}");
        assert!(log.place("stopped root/a error") < log.place("after"), "{way}");
        soon("an empty mailbox", until(|| handle.depth() == 0)).await;
    }
}

#[tokio::test]
async fn what_waits_survives_a_kill() {
    let (node, log) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    hang(&handle).await;
    handle.tell(note(&log, "after")).expect("room");
    assert_eq!(kill(&handle).await, Exit::Killed);
    assert_eq!(life(&handle).await, 2);
    assert!(log.has("after"));
}

#[tokio::test]
async fn what_waits_survives_a_restart_caused_by_a_sibling() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let (node, log) = node();
        let (a, culprit) = plain("a").on(&node);
        let shutdown = Shutdown::Deadline(Duration::from_millis(10));
        let (b, sibling) = plain("b").shutdown(shutdown).on(&node);
        plant(&node, &root(strategy).child(a).child(b)).await;
        hang(&sibling).await;
        sibling.tell(note(&log, "waited")).expect("room");
        let question = sibling.ask(ping, LONG);
        let (answer, _) = soon("the answer", join(question, crash(&culprit))).await;
        assert_eq!(answer, Ok(2), "{strategy:?}");
        assert_eq!(log.count("waited"), 1, "{strategy:?}");
        assert!(log.place("stopped root/b killed") < log.place("waited"), "{strategy:?}");
    }
}

#[tokio::test]
async fn what_waits_below_a_supervisor_survives_its_restart_by_a_sibling() {
    let (node, _) = node();
    let (a, culprit) = plain("a").on(&node);
    let (b, nephew) = plain("b").shutdown(Shutdown::Brutal).on(&node);
    let sup = runtime::Supervisor::new("sup", Strategy::OneForOne).child(b);
    plant(&node, &root(Strategy::OneForAll).child(a).child(sup.as_child())).await;
    hang(&nephew).await;
    let question = nephew.ask(ping, LONG);
    let (answer, _) = soon("the answer", join(question, crash(&culprit))).await;
    assert_eq!(answer, Ok(2), "the second incarnation answers what the first left waiting");
}

#[tokio::test]
async fn the_asker_of_a_crashed_message_is_told_at_once() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let asks: [fn(Reply<u32>) -> Do; 3] = [
        |reply| {
            at_once(move |_| {
                let _reply = reply;
                Err("in vain".into())
            })
        },
        |reply| {
            at_once(move |_| {
                let _reply = reply;
                panic!("in vain")
            })
        },
        |reply| {
            at_once(move |_| {
                drop(reply);
                Ok(Next::Go)
            })
        },
    ];
    for question in asks {
        let answer = soon("the bad news", handle.ask(question, LONG)).await;
        assert_eq!(answer, Err(Unanswered::Lost));
    }
    let began = Gate::closed();
    let begins = began.clone();
    let hangs = |reply: Reply<u32>| {
        act(move |_, _| {
            begins.open(1);
            Box::pin(async move {
                let _reply = reply;
                std::future::pending().await
            })
        })
    };
    let killed = async {
        began.pass().await;
        kill(&handle).await
    };
    let (answer, _) = soon("the bad news", join(handle.ask(hangs, LONG), killed)).await;
    assert_eq!(answer, Err(Unanswered::Lost));
}

/// Tells that it was dropped, and uses the mailbox it was asked through.
struct Curtain(Handle<Do>, Arc<Log>);

impl Drop for Curtain {
    fn drop(&mut self) {
        let _ = self.0.tell(ping_nobody());
        self.1.note("dropped");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_dropped_at_once_and_under_nobodys_lock() {
    let (node, log) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let gate = Gate::closed();
    let (door, curtain) = (gate.clone(), Curtain(handle.clone(), Arc::clone(&log)));
    let question = move |reply: Reply<Curtain>| {
        act(move |_, _| {
            Box::pin(async move {
                door.pass().await;
                reply.send(curtain);
                Ok(Next::Go)
            })
        })
    };
    let answer = handle.ask(question, Duration::from_millis(20)).await;
    assert_eq!(answer.err(), Some(Unanswered::Late));
    gate.open(1);
    log.saw("dropped").await;
    assert_eq!(life(&handle).await, 1);
}

#[tokio::test]
async fn a_question_without_an_answer_ends_at_its_deadline() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    hang(&handle).await;
    let answer = handle.ask(ping, Duration::from_millis(20)).await;
    assert_eq!(answer, Err(Unanswered::Late));
}

#[tokio::test]
async fn terminate_closes_the_mailbox_and_a_restart_opens_it_for_the_same_handle() {
    let (node, log) = node();
    let soon_killed = Shutdown::Deadline(Duration::from_millis(10));
    let (child, handle) = plain("a").shutdown(soon_killed).mailbox(ROOM_FOR_3).on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    hang(&handle).await;
    let sup = root.handle();
    let asked = join(handle.ask(ping, LONG), sup.terminate("a"));
    assert_eq!(soon("the end", asked).await, (Err(Unanswered::Lost), Ok(())));
    assert_eq!(why(handle.tell(ping_nobody())), Some(Why::Closed));
    let waits = soon("the refusal", handle.tell_within(ping_nobody(), LONG)).await;
    assert_eq!(why(waits), Some(Why::Closed));
    assert_eq!(handle.ask(ping, LONG).await, Err(Unanswered::Refused(Why::Closed)));
    assert_eq!(handle.depth(), 0);
    sup.restart("a").await.expect("it is down");
    assert_eq!(life(&handle).await, 2);
    soon("an empty mailbox", until(|| handle.depth() == 0)).await;
    assert_eq!(log.count("started root/a"), 2);
    for _ in 0..3 {
        handle.tell(ping_nobody()).expect("all three places are free again");
    }
}

#[tokio::test]
async fn a_polite_stop_is_taken_after_the_message_at_hand_and_before_those_that_wait() {
    let (node, log) = node();
    let (child, handle) = plain("a").on(&node);
    let other = runtime::Supervisor::new("other", Strategy::OneForOne);
    let root = root(Strategy::OneForOne).child(child).child(other.as_child());
    plant(&node, &root).await;
    let (began, gate) = (Gate::closed(), Gate::closed());
    let (begins, waits) = (began.clone(), gate.clone());
    let at_hand = act(move |_, _| {
        Box::pin(async move {
            begins.open(1);
            waits.pass().await;
            Ok(Next::Go)
        })
    });
    handle.tell(at_hand).expect("room");
    soon("the handler", began.pass()).await;
    handle.tell(note(&log, "waited")).expect("room");
    let asked = async {
        until(|| state(&node, "root/a") == Some(State::Stopping)).await;
        // All supervisors share a thread: when another one has answered, this one has asked.
        assert_eq!(other.handle().terminate("nobody").await, Err(Refusal::NotFound));
        gate.open(1);
    };
    let sup = root.handle();
    let (terminated, ()) = soon("the end", join(sup.terminate("a"), asked)).await;
    assert_eq!((terminated, log.has("waited")), (Ok(()), false));
}

#[tokio::test]
async fn whoever_waits_for_room_is_told_when_the_mailbox_closes() {
    let (node, _) = node();
    let (child, handle) = plain("a").shutdown(Shutdown::Brutal).mailbox(ROOM_FOR_1).on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    hang(&handle).await;
    let sup = root.handle();
    let waiting = (0..3).map(|_| handle.tell_within(ping_nobody(), LONG));
    let waiting = join(futures::future::join_all(waiting), sup.terminate("a"));
    let (told, terminated) = soon("the end", waiting).await;
    assert_eq!(terminated, Ok(()));
    // The place of the killed handler is free for a moment before the mailbox closes.
    let refused = told.into_iter().filter_map(why).collect::<Vec<_>>();
    assert!(refused.len() >= 2 && refused.iter().all(|why| *why == Why::Closed), "{refused:?}");
    assert_eq!(handle.depth(), 0);
}

#[tokio::test]
async fn a_supervisor_that_gives_up_closes_the_mailboxes_below() {
    let (node, log) = node();
    let (a, crasher) = plain("a").on(&node);
    let (b, sibling) = plain("b").shutdown(Shutdown::Brutal).on(&node);
    let root = runtime::Supervisor::new("root", Strategy::OneForOne)
        .intensity(runtime::spec::Intensity { restarts_max: 0, period_s: 5 })
        .child(a)
        .child(b);
    plant(&node, &root).await;
    hang(&sibling).await;
    let gives_up = join(crash(&crasher), node.reached(runtime::Phase::Ready));
    let (answer, (_, phase)) = soon("the end", join(sibling.ask(ping, LONG), gives_up)).await;
    assert_eq!((answer, phase), (Err(Unanswered::Lost), runtime::Phase::GaveUp));
    for handle in [crasher, sibling] {
        assert_eq!(why(handle.tell(ping_nobody())), Some(Why::Closed));
    }
    assert!(log.has("stopped root shutdown"));
}

#[tokio::test]
async fn the_final_end_of_a_child_closes_its_mailbox() {
    for restart in [Restart::Transient, Restart::Temporary] {
        let (node, _) = node();
        let (child, handle) = plain("a").restart(restart).on(&node);
        plant(&node, &root(Strategy::OneForOne).child(child)).await;
        let gate = Gate::closed();
        handle.tell(wait_at(&gate)).expect("room");
        handle.tell(done()).expect("room");
        let asked = handle.ask(ping, LONG);
        let opened = async { gate.open(1) };
        let (answer, ()) = soon("the end", join(asked, opened)).await;
        assert_eq!(answer, Err(Unanswered::Lost), "{restart:?}");
        let refused = handle.ask(ping, LONG).await;
        assert_eq!(refused, Err(Unanswered::Refused(Why::Closed)), "{restart:?}");
    }
}

#[tokio::test]
async fn a_node_that_stops_closes_every_mailbox() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    assert_eq!(stop(&node).await, runtime::Phase::Stopped);
    assert_eq!(why(handle.tell(ping_nobody())), Some(Why::Closed));
}

#[tokio::test]
async fn a_node_that_is_dropped_closes_every_mailbox() {
    let (node, _) = node();
    let (child, handle) = plain("a").mailbox(ROOM_FOR_1).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    hang(&handle).await;
    let mut waiting = Box::pin(handle.tell_within(ping_nobody(), LONG));
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(node);
    assert_eq!(why(soon("the refusal", waiting).await), Some(Why::Closed));
    assert_eq!(why(handle.tell(ping_nobody())), Some(Why::Closed));
}

#[tokio::test]
async fn the_bytes_of_unread_messages_count_until_they_are_gone() {
    let options = Options { mailbox_bytes_max: 1 << 16, ..Options::default() };
    let (node, _) = node_with(&options);
    let (a, hoarder) = plain("a").shutdown(Shutdown::Brutal).on(&node);
    let (b, other) = plain("b").on(&node);
    let root = root(Strategy::OneForOne).child(a).child(b);
    plant(&node, &root).await;
    hang(&hoarder).await;
    let leash = Leash::default();
    let clings = Clinging(leash.held());
    let heavy = at_once(move |_| {
        drop(clings);
        Ok(Next::Go)
    });
    hoarder.tell(heavy.weighing(60_000)).expect("below the ceiling");
    assert_eq!(soon("the end", root.handle().terminate("a")).await, Ok(()));
    let refused = other.tell(ping_nobody().weighing(8_000)).expect_err("it is still there");
    assert_eq!(refused.why, Why::NodeFull);
    let waiting = other.tell_within(ping_nobody().weighing(8_000), LONG);
    let let_go = async { leash.let_go() };
    let (told, ()) = soon("room below the ceiling", join(waiting, let_go)).await;
    assert_eq!(why(told), None);
}

/// Takes its time to be dropped.
struct Clinging(Held);

impl Drop for Clinging {
    fn drop(&mut self) {
        self.0.block();
    }
}

#[tokio::test]
async fn a_large_message_that_finds_the_node_full_leaves_its_turn_to_a_smaller_one() {
    let options = Options { mailbox_bytes_max: 1 << 16, ..Options::default() };
    let (node, _) = node_with(&options);
    let (a, hoarder) = plain("a").on(&node);
    let (b, handle) = plain("b").mailbox(ROOM_FOR_1).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    let (gate, never) = (Gate::closed(), Gate::closed());
    hoarder.tell(wait_at(&never).weighing(60_000)).expect("below the ceiling");
    handle.tell(wait_at(&gate)).expect("room for one");
    let mut large = Box::pin(handle.tell_within(ping_nobody().weighing(8_000), LONG));
    let mut small = Box::pin(handle.tell_within(ping_nobody(), LONG));
    assert!(futures::poll!(&mut large).is_pending());
    assert!(futures::poll!(&mut small).is_pending());
    gate.open(1);
    match soon("the smaller one", select(small, large)).await {
        Either::Left((told, _)) => assert_eq!(why(told), None),
        Either::Right(_) => panic!("the node has no room for the large one"),
    }
}

#[tokio::test]
async fn room_that_is_too_little_for_the_first_who_waits_is_offered_to_the_others() {
    let (node, _) = node();
    let bounds = Bounds { messages_max: 100, bytes_max: 1_000 };
    let (child, handle) = plain("a").mailbox(bounds).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let (gate, never) = (Gate::closed(), Gate::closed());
    handle.tell(wait_at(&gate).weighing(300)).expect("room");
    handle.tell(wait_at(&never).weighing(700)).expect("room");
    let mut large = Box::pin(handle.tell_within(ping_nobody().weighing(500), LONG));
    let mut small = Box::pin(handle.tell_within(ping_nobody().weighing(100), LONG));
    assert!(futures::poll!(&mut large).is_pending());
    assert!(futures::poll!(&mut small).is_pending());
    gate.open(1);
    match soon("the smaller one", select(small, large)).await {
        Either::Left((told, _)) => assert_eq!(why(told), None),
        Either::Right(_) => panic!("there is no room for the large one"),
    }
}

#[tokio::test]
async fn what_waits_for_somebody_who_is_never_started_counts_no_longer_than_it_is_held() {
    let options = Options { mailbox_bytes_max: 1 << 16, ..Options::default() };
    let (node, _) = node_with(&options);
    let (child, handle) = plain("a").on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    for _ in 0..20 {
        let (twin, to_it) = plain("a").on(&node);
        let told = to_it.tell_within(ping_nobody().weighing(8_192), LONG);
        assert_eq!(why(soon("room below the ceiling", told).await), None);
        assert_eq!(root.handle().start(twin).await, Err(Refusal::AlreadyStarted));
    }
    let room = handle.tell_within(ping_nobody().weighing(60_000), LONG);
    assert_eq!(why(soon("room below the ceiling", room).await), None);
}

#[tokio::test]
async fn the_place_of_a_message_is_free_when_its_handler_has_ended_and_not_before() {
    let (node, _) = node();
    let (child, handle) = plain("a").mailbox(ROOM_FOR_1).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let (began, gate) = (Gate::closed(), Gate::closed());
    let (begins, waits) = (began.clone(), gate.clone());
    let message = act(move |_, _| {
        Box::pin(async move {
            begins.open(1);
            waits.pass().await;
            Ok(Next::Go)
        })
    });
    handle.tell(message).expect("room");
    soon("the handler", began.pass()).await;
    assert_eq!(handle.depth(), 1, "it has left the queue, and still counts");
    assert_eq!(why(handle.tell(ping_nobody())), Some(Why::Full));
    gate.open(1);
    soon("room", handle.tell_within(ping_nobody(), LONG)).await.expect("the handler has ended");
}

#[tokio::test]
async fn a_crashed_message_gives_its_place_back() {
    let (node, _) = node();
    let (child, handle) = plain("a").mailbox(ROOM_FOR_1).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    for crashes in [fail, panic_now] {
        end_with(&handle, crashes()).await;
        assert_eq!(handle.depth(), 0);
    }
    assert_eq!(life(&handle).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_never_starves_a_stop() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    let leash = Leash::default();
    let over = std::thread::scope(|scope| {
        for _ in 0..2 {
            let (handle, held) = (handle.clone(), leash.held());
            scope.spawn(move || {
                while !held.is_let_go() {
                    let _ = handle.tell(ping_nobody());
                }
            });
        }
        let sup = root.handle();
        let terminated = futures::executor::block_on(sup.terminate("a"));
        leash.let_go();
        terminated
    });
    assert_eq!(over, Ok(()));
    assert_eq!(why(handle.tell(ping_nobody())), Some(Why::Closed));
}
