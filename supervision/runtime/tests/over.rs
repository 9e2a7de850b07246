//! The old one is over, or fenced, before the new one starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::time::{Clock as _, Dice as _};
use runtime::spec::{Shutdown, Strategy};
use runtime::{Bounds, Exit, Handle, Next, Options, Supervisor, Unserved, Why};

use crate::stage::{
    Dice, Do, Gate, Held, LONG, Leash, Log, Script, VirtualClock, act, at_once, crash, end_with,
    fail, life, node, node_here, node_with, note, patient, plain, plant, root, soon, stop, watch,
};

/// Timers round up, and one follows the other.
const SLACK: Duration = Duration::from_millis(50);

/// What an incarnation may still have in hand when its handler is gone.
#[derive(Debug, Clone, Copy)]
enum InHand {
    Blocking,
    TaskInDrop,
    PortCall,
}

const ALL: [InHand; 3] = [InHand::Blocking, InHand::TaskInDrop, InHand::PortCall];

/// Holds on in its drop, like a file that is flushed.
struct Clinging(Box<dyn FnMut() + Send>);

impl Drop for Clinging {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Takes something in hand that ends when `held` is let go, and tells `log` at its begin and end.
fn take_in_hand(
    what: InHand,
    held: Held,
    log: &Arc<Log>,
    last: impl FnOnce() + Send + 'static,
) -> Do {
    let log = Arc::clone(log);
    let mut last = Some(last);
    let mut work = move || {
        log.note("began");
        held.block();
        if let Some(last) = last.take() {
            last();
        }
        log.note("ended");
    };
    act(move |_, cx| {
        Box::pin(async move {
            match what {
                InHand::Blocking => {
                    let _ = cx.blocking(work).await;
                }
                InHand::TaskInDrop => {
                    let began = Gate::closed();
                    let begins = began.clone();
                    cx.spawn(async move {
                        let _clinging = Clinging(Box::new(work));
                        begins.open(1);
                        std::future::pending::<()>().await;
                    });
                    began.pass().await;
                    return Err("the task is left behind".into());
                }
                InHand::PortCall => {
                    let _ = cx.call(LONG, async move { work() }).await;
                }
            }
            Ok(Next::Go)
        })
    })
}

async fn began(what: InHand, handle: &Handle<Do>, log: &Log) {
    log.saw("began").await;
    if !matches!(what, InHand::TaskInDrop) {
        assert!(handle.kill(), "its handler waits");
    }
}

#[tokio::test]
async fn the_replacement_starts_when_the_old_one_has_nothing_in_hand_any_more() {
    for what in ALL {
        let (node, log) = node();
        let lives = Arc::clone(&log);
        let script = Script::default().init(move |life, _| {
            lives.note(format!("life {life}"));
            Box::pin(async { Ok(()) })
        });
        let (child, handle) = script.worker("a").on(&node);
        plant(&node, &root(Strategy::OneForOne).child(child)).await;
        let leash = Leash::default();
        let ended = watch(&handle).await;
        handle.tell(take_in_hand(what, leash.held(), &log, || {})).expect("room");
        began(what, &handle, &log).await;
        leash.let_go();
        soon("the end", ended).await;
        assert_eq!(life(&handle).await, 2, "{what:?}");
        assert!(log.place("ended") < log.place("life 2"), "{what:?}: {:?}", log.lines());
    }
}

#[tokio::test]
async fn who_does_not_let_go_within_a_second_is_fenced_and_can_do_nothing_any_more() {
    for what in ALL {
        let (node, log) = node();
        let (ledger, book) = plain("ledger").on(&node);
        let claims = Script::default().init(|_, cx| {
            let claimed = cx.claim("the name");
            Box::pin(async move { Ok(claimed?) })
        });
        let (child, handle) = claims.worker("a").on(&node);
        plant(&node, &root(Strategy::OneForOne).child(ledger).child(child)).await;
        let leash = Leash::default();
        let ended = watch(&handle).await;
        let (told, told_log, book_too) = (Gate::closed(), Arc::clone(&log), book.clone());
        let tells = told.clone();
        let last = move || {
            let refused = book_too.tell(note(&told_log, "a message of the fenced one"));
            told_log.note(format!("told: {:?}", refused.err().map(|refused| refused.why)));
            tells.open(1);
        };
        handle.tell(take_in_hand(what, leash.held(), &log, last)).expect("room");
        began(what, &handle, &log).await;
        soon("the fence", ended).await;
        assert_eq!(life(&handle).await, 2, "{what:?}: it has claimed the name again");
        assert!(!log.has("ended"), "{what:?}");
        leash.let_go();
        soon("the last words", told.pass()).await;
        assert!(log.has(&format!("told: {:?}", Some(Why::Fenced))), "{what:?}: {:?}", log.lines());
        life(&book).await;
        assert!(!log.has("a message of the fenced one"), "{what:?}");
        assert!(node.find::<Do>("the name").is_some(), "{what:?}: the name is the new one's");
    }
}

#[tokio::test]
async fn a_name_is_kept_until_whoever_has_it_is_over() {
    let (node, log) = node();
    let claims = Script::default().init(|_, cx| {
        let claimed = cx.claim("the name");
        Box::pin(async move { Ok(claimed?) })
    });
    let (child, handle) = claims.worker("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let leash = Leash::default();
    let ended = watch(&handle).await;
    let node = Arc::new(node);
    let (looks, looks_log) = (Arc::downgrade(&node), Arc::clone(&log));
    let last = move || {
        let holds = looks.upgrade().is_some_and(|node| node.find::<Do>("the name").is_some());
        looks_log.note(format!("holds the name: {holds}"));
    };
    handle.tell(take_in_hand(InHand::TaskInDrop, leash.held(), &log, last)).expect("room");
    log.saw("began").await;
    leash.let_go();
    soon("the end", ended).await;
    assert!(log.has("holds the name: true"), "{:?}", log.lines());
    assert_eq!(life(&handle).await, 2);
}

#[tokio::test]
async fn a_port_call_ends_at_its_deadline() {
    let (node, log) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let told = Arc::clone(&log);
    let calls = act(move |_, cx| {
        Box::pin(async move {
            let late = cx.call(Duration::from_millis(20), std::future::pending::<()>()).await;
            assert!(matches!(late, Err(Unserved::Late(_))), "{late:?}");
            assert_eq!(cx.call(LONG, async { 7 }).await.ok(), Some(7));
            told.note("both calls");
            Ok(Next::Go)
        })
    });
    handle.tell(calls).expect("room");
    log.saw("both calls").await;
    assert_eq!(life(&handle).await, 1);
}

#[tokio::test]
async fn a_port_call_goes_on_when_its_actor_is_killed() {
    let (node, log) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let (gate, began, done) = (Gate::closed(), Gate::closed(), Arc::clone(&log));
    let (inside, begins) = (gate.clone(), began.clone());
    let calls = act(move |_, cx| {
        Box::pin(async move {
            let call = async move {
                begins.open(1);
                inside.pass().await;
                done.note("call done");
            };
            let _ = cx.call(LONG, call).await;
            Ok(Next::Go)
        })
    });
    let ended = watch(&handle).await;
    handle.tell(calls).expect("room");
    soon("the call", began.pass()).await;
    assert!(handle.kill());
    gate.open(1);
    assert_eq!(soon("the end", ended).await, Exit::Killed);
    assert_eq!(life(&handle).await, 2);
    assert!(log.place("call done") < log.place("stopped root/a killed"));
}

#[tokio::test(start_paused = true)]
async fn a_port_call_keeps_its_killed_actor_from_being_over_until_its_own_deadline() {
    // How long the call takes, its deadline, and when the actor is over; joined for 1 s otherwise.
    let rows = [(3_000, 5_000, 3_000), (60_000, 5_000, 5_000), (200, 5_000, 200)];
    for (takes_ms, deadline_ms, over_ms) in rows {
        let (node, log) = node_here();
        let (child, handle) = plain("a").on(&node);
        plant(&node, &root(Strategy::OneForOne).child(child)).await;
        let told = Arc::clone(&log);
        let calls = act(move |_, cx| {
            let call = cx.clock().sleep(Duration::from_millis(takes_ms));
            Box::pin(async move {
                told.note("calls");
                let _ = cx.call(Duration::from_millis(deadline_ms), call).await;
                Ok(Next::Go)
            })
        });
        let clock = VirtualClock::new();
        handle.tell(calls).expect("room");
        log.saw("calls").await;
        let ended = watch(&handle).await;
        assert!(handle.kill());
        assert_eq!(soon("the end", ended).await, Exit::Killed);
        let over = clock.monotonic();
        let expected = Duration::from_millis(over_ms);
        assert!((expected..expected + SLACK).contains(&over), "{takes_ms} ms: {over:?}");
        assert_eq!(life(&handle).await, 2);
    }
}

#[tokio::test]
async fn blocking_work_beyond_the_bound_of_the_node_waits_for_its_turn() {
    let (node, log) = node_with(&Options { blocking_max: 1, ..Options::default() });
    let (a, first) = plain("a").on(&node);
    let (b, second) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    let leash = Leash::default();
    first.tell(take_in_hand(InHand::Blocking, leash.held(), &log, || {})).expect("room");
    log.saw("began").await;
    let asked = Arc::clone(&log);
    let blocks = act(move |_, cx| {
        Box::pin(async move {
            asked.note("asked");
            let done = Arc::clone(&asked);
            cx.blocking(move || done.note("second")).await?;
            Ok(Next::Go)
        })
    });
    second.tell(blocks).expect("room");
    log.saw("asked").await;
    assert!(!log.has("second"));
    leash.let_go();
    log.saw("second").await;
    assert!(log.place("ended") < log.place("second"));
}

#[tokio::test]
async fn one_task_too_many_is_a_crash() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let spawns = |count: usize| {
        at_once(move |cx| {
            for _ in 0..count {
                cx.spawn(std::future::pending());
            }
            Ok(Next::Go)
        })
    };
    handle.tell(spawns(256)).expect("room");
    assert_eq!(life(&handle).await, 1);
    let exit = end_with(&handle, spawns(1)).await;
    assert!(matches!(&exit, Exit::Panicked(text) if text.contains("256 tasks")), "{exit:?}");
    assert_eq!(life(&handle).await, 2);
}

#[tokio::test]
async fn tasks_end_with_their_actor() {
    let (node, log) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let dropped = Arc::clone(&log);
    let spawns = at_once(move |cx| {
        let clinging = Clinging(Box::new(move || dropped.note("task dropped")));
        cx.spawn(async move {
            let _clinging = clinging;
            std::future::pending::<()>().await;
        });
        Ok(Next::Go)
    });
    handle.tell(spawns).expect("room");
    crash(&handle).await;
    assert_eq!(life(&handle).await, 2);
    assert!(log.place("task dropped") < log.place("stopped root/a error"), "{:?}", log.lines());
}

#[tokio::test]
async fn a_killed_supervisor_is_replaced_when_its_whole_subtree_is_over() {
    let (node, log) = node();
    let (leaf, deep) = plain("leaf").on(&node);
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(leaf);
    let outer = Supervisor::new("outer", Strategy::OneForOne)
        .shutdown(Shutdown::Brutal)
        .child(inner.as_child());
    let (culprit, crasher) = plain("z").on(&node);
    plant(&node, &root(Strategy::OneForAll).child(outer.as_child()).child(culprit)).await;
    let leash = Leash::default();
    deep.tell(take_in_hand(InHand::Blocking, leash.held(), &log, || {})).expect("room");
    log.saw("began").await;
    let ended = watch(&deep).await;
    crash(&crasher).await;
    leash.let_go();
    soon("the end below", ended).await;
    assert_eq!(life(&crasher).await, 2);
    let lines = log.lines();
    let again = lines.iter().rposition(|line| line == "started root/outer").expect("it is back");
    for before in ["ended", "stopped root/outer/inner shutdown", "stopped root/outer shutdown"] {
        assert!(log.place(before) < again, "{before}: {lines:#?}");
    }
    assert_eq!(life(&deep).await, 2);
}

#[tokio::test]
async fn a_subtree_that_does_not_let_go_is_fenced_as_a_whole() {
    let (node, log) = node();
    let (ledger, book) = plain("ledger").on(&node);
    let (leaf, deep) = plain("leaf").on(&node);
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(leaf);
    let outer = Supervisor::new("outer", Strategy::OneForOne)
        .shutdown(Shutdown::Brutal)
        .child(inner.as_child());
    let root = root(Strategy::OneForOne).child(ledger).child(outer.as_child());
    plant(&node, &root).await;
    let leash = Leash::default();
    let (told, told_log) = (Gate::closed(), Arc::clone(&log));
    let tells = told.clone();
    let last = move || {
        let refused = book.tell(note(&told_log, "a message of the fenced one")).err();
        assert_eq!(refused.map(|refused| refused.why), Some(Why::Fenced));
        tells.open(1);
    };
    deep.tell(take_in_hand(InHand::Blocking, leash.held(), &log, last)).expect("room");
    log.saw("began").await;
    assert_eq!(soon("the end", root.handle().terminate("outer")).await, Ok(()));
    assert_eq!(deep.ended().await, None, "nobody lives there");
    leash.let_go();
    soon("the last words", told.pass()).await;
    assert_eq!(deep.tell(fail()).map_err(|refused| refused.why), Err(Why::Closed));
    assert_eq!(root.handle().restart("outer").await, Ok(()));
    assert_eq!(life(&deep).await, 2);
}

/// Knows who is able to act: whoever says something after a younger one did is one too many.
#[derive(Default)]
struct Ledger {
    youngest: [AtomicU32; 8],
    overlaps: AtomicU32,
    entries: AtomicU32,
}

impl Ledger {
    fn enter(&self, actor: usize, life: u32) {
        let youngest = self.youngest[actor].fetch_max(life, Ordering::SeqCst);
        self.overlaps.fetch_add(u32::from(life < youngest), Ordering::SeqCst);
        self.entries.fetch_add(1, Ordering::SeqCst);
    }
}

/// Writes into the ledger as only somebody who is able to act can: by message.
fn write(ledger: &Arc<Ledger>, book: &Handle<Do>, actor: usize, life: u32) {
    let ledger = Arc::clone(ledger);
    let entry = at_once(move |_| {
        ledger.enter(actor, life);
        Ok(Next::Go)
    });
    // A full book loses an entry, and a fenced one is refused.
    let _ = book.tell(entry);
}

#[tokio::test]
async fn in_thousands_of_crashes_two_incarnations_are_never_both_able_to_act() {
    const CRASHES: u32 = 2_500;
    let threshold = Duration::from_millis(100);
    let options =
        Options { watchdog_threshold: threshold, lost_threads_max: 64, ..Options::default() };
    let (node, _) = node_with(&options);
    let ledger = Arc::new(Ledger::default());
    let spacious = Bounds { messages_max: 100_000, bytes_max: 16 << 20 };
    let (child, book) = plain("book").mailbox(spacious).on(&node);
    let books = Supervisor::new("books", Strategy::OneForOne).child(child);
    let mut crew = Supervisor::new("crew", Strategy::OneForOne).intensity(patient());
    let mut handles = Vec::new();
    for actor in 0..8 {
        let (ledger, book) = (Arc::clone(&ledger), book.clone());
        let script = Script::default().init(move |life, _| {
            write(&ledger, &book, actor, life);
            Box::pin(async { Ok(()) })
        });
        let (child, handle) = script.worker(&format!("a{actor}")).on(&node);
        crew = crew.child(child);
        handles.push(handle);
    }
    plant(&node, &root(Strategy::OneForOne).child(books.as_child()).child(crew.as_child())).await;
    let dice = Dice::new(0xC0FFEE);
    let (mut spins, mut ends) = (0, Vec::new());
    for round in 0..CRASHES {
        let actor = dice.below(8) as usize;
        let handle = &handles[actor];
        let roll = dice.roll() % 100;
        // A few spin for longer than the threshold; each of them costs a thread for a while.
        let spins_long = roll == 99 && spins < 4;
        spins += u32::from(spins_long);
        let ended = watch(handle).await;
        let mischief = mischief(if spins_long { 99 } else { roll % 99 }, actor, &ledger, &book);
        handle.tell(mischief).expect("room");
        if roll.is_multiple_of(3) {
            handle.kill();
        }
        ends.push(ended);
        if round % 8 == 7 {
            for ended in ends.drain(..) {
                soon("one of many ends", ended).await;
            }
        }
    }
    for handle in &handles {
        life(handle).await;
    }
    life(&book).await;
    assert_eq!(ledger.overlaps.load(Ordering::SeqCst), 0);
    assert!(ledger.entries.load(Ordering::SeqCst) > CRASHES);
    stop(&node).await;
}

/// Something that goes on acting for as long as it can, and ends in a crash.
fn mischief(roll: u64, actor: usize, ledger: &Arc<Ledger>, book: &Handle<Do>) -> Do {
    let (ledger, book) = (Arc::clone(ledger), book.clone());
    act(move |puppet, cx| {
        let life = puppet.life;
        write(&ledger, &book, actor, life);
        Box::pin(async move {
            match roll {
                0..30 => Err("as the dice fell".into()),
                30..45 => panic!("as the dice fell"),
                45..70 => {
                    let blocking = cx.blocking(move || {
                        for _ in 0..20 {
                            write(&ledger, &book, actor, life);
                            std::thread::yield_now();
                        }
                    });
                    let _ = blocking.await;
                    Err("after blocking work".into())
                }
                70..98 => {
                    cx.spawn(async move {
                        for _ in 0..20 {
                            write(&ledger, &book, actor, life);
                            tokio::task::yield_now().await;
                        }
                        panic!("a task, as the dice fell");
                    });
                    Ok(Next::Go)
                }
                98 => cx
                    .call(LONG, async move { write(&ledger, &book, actor, life) })
                    .await
                    .map_err(Into::into)
                    .and_then(|()| Err("after a port call".into())),
                _ => {
                    for _ in 0..40 {
                        burn(Duration::from_millis(10));
                        write(&ledger, &book, actor, life);
                    }
                    Err("after a long spin".into())
                }
            }
        })
    })
}

/// Holds a processor for this long.
#[expect(clippy::disallowed_methods, reason = "the fault that is injected takes real time")]
fn burn(time: Duration) {
    let began = std::time::Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}
