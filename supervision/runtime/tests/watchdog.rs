//! Handlers that hold their thread are found, cut off and replaced; nobody else is.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{join, join3};
use runtime::core::Refusal;
use runtime::spec::Strategy;
use runtime::{
    Bounds, Child, Class, Exit, Handle, Next, Node, Options, Phase, Reply, SupervisorHandle,
    Unanswered, Unserved, Why,
};

use crate::stage::{
    Do, Gate, LONG, Leash, Log, Script, act, at, at_once, hang, life, node_with, note, ping, plain,
    plant, root, soon, spin, stop, watch,
};

/// A threshold that tests can wait for.
fn vigilant() -> Options {
    Options {
        watchdog_threshold: Duration::from_millis(100),
        worker_threads: 2,
        ..Options::default()
    }
}

#[tokio::test]
async fn who_spins_is_fenced_and_replaced_while_the_neighbours_answer() {
    let (node, log) = node_with(&vigilant());
    let (a, spinner) = plain("a").on(&node);
    let (b, neighbour) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    let leash = Leash::default();
    let ended = watch(&spinner).await;
    spinner.tell(spin(&leash)).expect("room");
    // The neighbours share the threads, and one of them is held.
    for _ in 0..20 {
        assert_eq!(life(&neighbour).await, 1);
    }
    assert_eq!(soon("the fence", ended).await, Exit::Fenced);
    assert_eq!(life(&spinner).await, 2, "its replacement answers while it still spins");
    assert_eq!(life(&neighbour).await, 1);
    assert!(log.has("stopped root/a fenced"));
    let error = at(&node, "root/a").last_error.expect("it was cut off");
    assert!(error.starts_with("fenced"), "{error}");
}

#[tokio::test]
async fn who_blocks_its_thread_in_the_kernel_is_fenced_too() {
    let (node, _) = node_with(&vigilant());
    let (child, blocker) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let leash = Leash::default();
    let held = leash.held();
    let ended = watch(&blocker).await;
    let blocks = at_once(move |_| {
        held.block();
        Ok(Next::Go)
    });
    blocker.tell(blocks).expect("room");
    assert_eq!(soon("the fence", ended).await, Exit::Fenced);
    assert_eq!(life(&blocker).await, 2);
}

#[tokio::test]
async fn who_spins_in_its_init_or_its_leave_or_a_task_is_fenced_too() {
    for place in ["init", "leave", "task"] {
        let (node, log) = node_with(&vigilant());
        let leash = Leash::default();
        let (in_init, in_leave, in_task) = (leash.held(), leash.held(), leash.held());
        let script = Script::default()
            .init(move |life, cx| {
                match (place, life) {
                    ("init", 2) => in_init.spin(),
                    ("task", 1) => {
                        let held = in_task.clone();
                        cx.spawn(async move { held.spin() });
                    }
                    _ => {}
                }
                Box::pin(async { Ok(()) })
            })
            .leave(move |_, _| {
                if place == "leave" {
                    in_leave.spin();
                }
                Box::pin(async {})
            });
        let (child, handle) = script.worker("a").on(&node);
        plant(&node, &root(Strategy::OneForOne).child(child)).await;
        match place {
            "init" => handle.tell(crate::stage::fail()).expect("room"),
            "leave" => handle.tell(crate::stage::done()).expect("room"),
            _ => {}
        }
        let replaced = async {
            while script.lives() < if place == "init" { 3 } else { 2 } {
                tokio::task::yield_now().await;
            }
        };
        soon(place, replaced).await;
        soon(place, log.until(|| node.is_settled())).await;
        let error = at(&node, "root/a").last_error.expect("it was cut off");
        assert!(error.starts_with("fenced"), "{place}: {error}");
        leash.let_go();
    }
}

#[tokio::test]
async fn a_fenced_start_that_succeeds_after_all_takes_nothing_from_its_replacement() {
    let (node, log) = node_with(&vigilant());
    let leash = Leash::default();
    let (in_init, told) = (leash.held(), Arc::clone(&log));
    let script = Script::default().init(move |life, _| {
        if life == 2 {
            in_init.spin();
            told.note("it is up at last");
        }
        Box::pin(async { Ok(()) })
    });
    let (child, handle) = script.worker("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    handle.tell(crate::stage::fail()).expect("room");
    assert_eq!(life(&handle).await, 3);
    leash.let_go();
    log.saw("it is up at last").await;
    for _ in 0..200 {
        assert_eq!(life(&handle).await, 3);
    }
}

#[tokio::test]
async fn who_is_idle_or_awaits_is_never_fenced() {
    let (node, log) = node_with(&vigilant());
    let (a, idle) = plain("idle").on(&node);
    let (b, awaiting) = plain("awaiting").on(&node);
    let (c, blocking) = plain("blocking").on(&node);
    let (d, spinner) = plain("spinner").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b).child(c).child(d)).await;
    hang(&awaiting).await;
    let leash = Leash::default();
    let held = leash.held();
    let blocks = act(move |_, cx| {
        Box::pin(async move {
            cx.blocking(move || held.spin()).await?;
            Ok(Next::Go)
        })
    });
    blocking.tell(blocks).expect("room");
    // As long as it takes to find somebody out three times.
    let measure = Leash::default();
    for _ in 0..3 {
        let ended = watch(&spinner).await;
        spinner.tell(spin(&measure)).expect("room");
        assert_eq!(soon("the fence", ended).await, Exit::Fenced);
    }
    assert_eq!(life(&idle).await, 1);
    leash.let_go();
    assert_eq!(life(&blocking).await, 1, "blocking work takes as long as it takes");
    let ends = log.lines().into_iter().filter(|line| line.starts_with("stopped"));
    assert_eq!(ends.collect::<Vec<_>>(), ["stopped root/spinner fenced"; 3]);
}

#[tokio::test]
async fn who_only_waits_for_a_processor_is_not_fenced() {
    let (node, log) = node_with(&vigilant());
    let (a, first) = plain("a").on(&node);
    let (b, second) = plain("b").on(&node);
    let mut root = root(Strategy::OneForOne).child(a).child(b);
    let mut rivals = Vec::new();
    for number in 0..8 {
        let (rival, handle) = plain(&format!("rival{number}")).on(&node);
        root = root.child(rival);
        rivals.push(handle);
    }
    plant(&node, &root).await;
    let leash = Leash::default();
    for rival in &rivals {
        let held = leash.held();
        let spins_elsewhere = act(move |_, cx| {
            Box::pin(async move {
                cx.blocking(move || held.spin()).await?;
                Ok(Next::Go)
            })
        });
        rival.tell(spins_elsewhere).expect("room");
    }
    for _ in 0..5 {
        // Far below the threshold by what it takes, and above it by how long that takes here.
        for busy in [&first, &second] {
            let burns = at_once(|_| {
                burn_processor_time(Duration::from_millis(40));
                Ok(Next::Go)
            });
            busy.tell(burns).expect("room");
        }
        assert_eq!(join(life(&first), life(&second)).await, (1, 1));
    }
    leash.let_go();
    assert!(!log.lines().iter().any(|line| line.starts_with("stopped")), "{:?}", log.lines());
}

/// Computes until this thread has been on a processor for this much longer.
fn burn_processor_time(time: Duration) {
    let used = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
        Duration::from_nanos(nanos.expect("the kernel tells"))
    };
    let until = used() + time;
    while used() < until {
        for _ in 0..10_000 {
            std::hint::spin_loop();
        }
    }
}

#[tokio::test]
async fn who_was_fenced_can_do_nothing_when_it_wakes_up() {
    let (node, log) = node_with(&vigilant());
    let (ledger, book) = plain("ledger").on(&node);
    let (child, sleeper) = plain("a").on(&node);
    let (extra, _) = plain("extra").on(&node);
    let root = root(Strategy::OneForOne).child(ledger).child(child);
    plant(&node, &root).await;
    let leash = Leash::default();
    let ended = watch(&sleeper).await;
    let woke = Gate::closed();
    let report = Arc::new(std::sync::Mutex::new(Vec::new()));
    let question = |reply: Reply<u32>| {
        let wakes = Wakes {
            held: leash.held(),
            book: book.clone(),
            keeper: root.handle(),
            extra,
            log: Arc::clone(&log),
            reply,
            report: Arc::clone(&report),
            woke: woke.clone(),
        };
        wakes.after_a_long_spin()
    };
    let asked = sleeper.ask(question, LONG);
    let story = async {
        assert_eq!(soon("the fence", ended).await, Exit::Fenced);
        leash.let_go();
        woke.pass().await;
    };
    let (answer, ()) = soon("the awakening", join(asked, story)).await;
    let said = report.lock().expect("nobody panics").clone();
    let expected = [
        format!("tell: {:?}", Some(Why::Fenced)),
        "claim: refused".to_owned(),
        format!("start: {:?}", Err::<(), _>(Refusal::Fenced)),
        "kill: false".to_owned(),
        "call: fenced".to_owned(),
    ];
    assert_eq!(said, expected);
    assert_eq!(answer, Err(Unanswered::Lost), "a late answer is none");
    assert_eq!(life(&book).await, 1);
    assert_eq!(life(&sleeper).await, 2);
    assert!(!log.has("from the fenced one"));
    assert!(node.find::<Do>("late").is_none());
    assert_eq!(root.handle().which().len(), 2);
}

/// What a fenced one tries when it wakes up.
struct Wakes {
    held: crate::stage::Held,
    book: Handle<Do>,
    keeper: SupervisorHandle,
    extra: Child,
    log: Arc<Log>,
    reply: Reply<u32>,
    report: Arc<std::sync::Mutex<Vec<String>>>,
    woke: Gate,
}

impl Wakes {
    fn after_a_long_spin(self) -> Do {
        act(move |_, cx| {
            Box::pin(async move {
                self.held.spin();
                let say = |line: String| self.report.lock().expect("nobody panics").push(line);
                let told = self.book.tell(note(&self.log, "from the fenced one"));
                say(format!("tell: {:?}", told.err().map(|refused| refused.why)));
                let claimed = cx.claim("late").is_ok();
                say(format!("claim: {}", if claimed { "taken" } else { "refused" }));
                say(format!("start: {:?}", self.keeper.start(self.extra).await));
                say(format!("kill: {}", self.book.kill()));
                let called = cx.call(LONG, async {}).await;
                let fenced = matches!(called, Err(Unserved::Fenced));
                say(format!("call: {}", if fenced { "fenced" } else { "done" }));
                self.reply.send(1);
                self.woke.open(1);
                Ok(Next::Go)
            })
        })
    }
}

#[tokio::test]
async fn the_place_of_a_message_whose_handler_was_fenced_is_free_again() {
    let options = Options { mailbox_bytes_max: 1 << 16, ..vigilant() };
    let (node, _) = node_with(&options);
    let bounds = Bounds { messages_max: 1, bytes_max: 1 << 16 };
    let (child, handle) = plain("a").mailbox(bounds).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let leash = Leash::default();
    let ended = watch(&handle).await;
    handle.tell(spin(&leash).weighing(1 << 16)).expect("room");
    assert_eq!(soon("the fence", ended).await, Exit::Fenced);
    assert_eq!(handle.depth(), 0);
    let heavy = at_once(|_| Ok(Next::Go)).weighing(1 << 16);
    soon("room", handle.tell_within(heavy, LONG)).await.expect("nothing counts any more");
    leash.let_go();
    // When it wakes up it gives nothing back twice.
    let emptied = async {
        while handle.depth() > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("an empty mailbox", emptied).await;
    assert_eq!(life(&handle).await, 2);
}

#[tokio::test]
async fn the_asker_of_a_fenced_handler_is_told_with_the_fence_and_later_askers_are_answered() {
    let (node, _) = node_with(&vigilant());
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let leash = Leash::default();
    let held = leash.held();
    let question = move |reply: Reply<u32>| {
        at_once(move |_| {
            held.spin();
            reply.send(1);
            Ok(Next::Go)
        })
    };
    let ended = watch(&handle).await;
    let asked = handle.ask(question, LONG);
    let later = handle.ask(ping, LONG);
    let (answer, later, exit) = soon("the fence", join3(asked, later, ended)).await;
    assert_eq!((answer, exit), (Err(Unanswered::Lost), Exit::Fenced));
    assert_eq!(later, Ok(2), "what waited behind it is its replacement's");
}

#[tokio::test]
async fn when_every_thread_is_lost_at_once_everybody_is_restarted_elsewhere_and_answers() {
    let (node, _) = node_with(&vigilant());
    let mut root = root(Strategy::OneForOne);
    let mut handles = Vec::new();
    for number in 0..20 {
        let (child, handle) = plain(&format!("a{number}")).on(&node);
        root = root.child(child);
        handles.push(handle);
    }
    let (adapter, other_class) = plain("adapter").class(Class::Adapter).on(&node);
    plant(&node, &root.child(adapter)).await;
    let leash = Leash::default();
    for spinner in &handles[..2] {
        spinner.tell(spin(&leash)).expect("room");
    }
    for handle in &handles {
        assert_eq!(life(handle).await, 2, "those who spin, and those who were stranded");
    }
    assert_eq!(life(&other_class).await, 1, "adapters have threads of their own");
}

#[tokio::test]
async fn as_many_lost_threads_as_may_be_and_the_root_gives_up() {
    let options = Options { lost_threads_max: 3, ..vigilant() };
    let (node, _) = node_with(&options);
    let (a, first) = plain("a").on(&node);
    let (b, _) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    let leash = Leash::default();
    for lost in 1..=3 {
        let ended = watch(&first).await;
        first.tell(spin(&leash)).expect("room");
        assert_eq!(soon("the fence", ended).await, Exit::Fenced);
        assert!(lost == 3 || node.why().is_empty(), "{lost}: {}", node.why());
    }
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert!(node.why().starts_with("3 threads are lost"), "{}", node.why());
    leash.let_go();
    assert_eq!(stop(&node).await, Phase::GaveUp, "what it gave up it does not take back");
    soon("the tree is down", emptied(&node)).await;
}

async fn emptied(node: &Node) {
    while at(node, "root").state != domain::tree::State::Stopped {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_was_told_something_just_before_a_thread_was_held_answers_all_the_same() {
    let (node, _) = node_with(&vigilant());
    let (a, spinner) = plain("a").on(&node);
    let (b, neighbour) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    let leash = Leash::default();
    let (held, told) = (leash.held(), neighbour.clone());
    let tells_and_spins = at_once(move |_| {
        told.tell(at_once(|_| Ok(Next::Go))).expect("room");
        held.spin();
        Ok(Next::Go)
    });
    let ended = watch(&spinner).await;
    spinner.tell(tells_and_spins).expect("room");
    assert_eq!(soon("the fence", ended).await, Exit::Fenced);
    // Its turn is the one that thread would give next, and no other thread can give it, unless
    // the neighbour was on another one at that moment: then it need not be restarted.
    assert!([1, 2].contains(&life(&neighbour).await));
    leash.let_go();
}
