//! A panic ends one incarnation and nothing else, wherever it happens.

use std::sync::Arc;
use std::time::Duration;

use domain::tree::State;
use futures::future::join;
use runtime::spec::{Intensity, Shutdown, Strategy};
use runtime::{
    Actor, Context, Exit, Handle, Message, Next, Node, Options, Phase, Supervisor, Why, Worker,
};

use crate::stage::{
    Do, Held, LONG, Leash, Log, Outcome, Script, act, at, at_once, crash, end_with, kill, life,
    node, node_with, panic_now, plain, plant, root, soon, stop,
};

/// A node with a neighbour who must not notice anything.
async fn stage_with(child: runtime::Child, node: &Node) -> (Supervisor, Handle<Do>) {
    let (neighbour, handle) = plain("neighbour").on(node);
    let root = root(Strategy::OneForOne).child(neighbour).child(child);
    plant(node, &root).await;
    (root, handle)
}

async fn nobody_noticed(node: &Node, neighbour: &Handle<Do>) {
    assert_eq!(life(neighbour).await, 1);
    assert_eq!(at(node, "root").incarnation, 1);
    assert_eq!(stop(node).await, Phase::Stopped);
}

fn last_error(node: &Node, path: &str) -> String {
    at(node, path).last_error.expect("it did not end well")
}

fn says_where(error: &str, text: &str) {
    let begins = format!("panicked: {text} (");
    assert!(error.starts_with(&begins) && error.contains("panics.rs:"), "{error}");
}

#[tokio::test]
async fn in_a_handler() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    let exit = end_with(&handle, at_once(|_| panic!("in a {}", "handler"))).await;
    assert!(matches!(exit, Exit::Panicked(_)), "{exit:?}");
    assert_eq!(life(&handle).await, 2);
    says_where(&last_error(&node, "root/a"), "in a handler");
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_an_init() {
    let (node, log) = node();
    let script = Script::default().init(|life, _| {
        Box::pin(async move {
            assert!(life != 2, "in an init");
            Ok(())
        })
    });
    let (child, handle) = script.worker("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    crash(&handle).await;
    assert_eq!(life(&handle).await, 3);
    assert_eq!(log.count("failed root/a"), 1);
    says_where(&last_error(&node, "root/a"), "in an init");
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_the_making_of_an_incarnation() {
    let (node, log) = node();
    let makes = std::sync::atomic::AtomicU32::new(0);
    let worker = Worker::new("a", "doer", move || {
        let made = makes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        assert!(made != 2, "in a factory");
        Doer
    });
    let (child, handle) = worker.on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    handle.tell(Deed::Fail).expect("room");
    log.saw("failed root/a").await;
    soon("the third", async {
        while log.count("started root/a") < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    says_where(&last_error(&node, "root/a"), "in a factory");
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_a_leave() {
    let (node, _) = node();
    let script = Script::default().leave(|_, _| Box::pin(async { panic!("in a leave") }));
    let (child, handle) = script.worker("a").on(&node);
    let (root, neighbour) = stage_with(child, &node).await;
    let (exit, terminated) =
        soon("the end", join(handle.ended(), root.handle().terminate("a"))).await;
    assert_eq!(terminated, Ok(()));
    assert!(matches!(exit, Some(Exit::Panicked(_))), "{exit:?}");
    says_where(&last_error(&node, "root/a"), "in a leave");
    assert_eq!(root.handle().restart("a").await, Ok(()));
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_a_task() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    let spawns = at_once(|cx| {
        cx.spawn(async { panic!("in a task") });
        Ok(Next::Go)
    });
    let exit = end_with(&handle, spawns).await;
    assert!(matches!(exit, Exit::Panicked(_)), "{exit:?}");
    assert_eq!(life(&handle).await, 2);
    says_where(&last_error(&node, "root/a"), "in a task");
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_a_task_of_an_actor_that_has_only_just_begun() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    for round in 1..=200 {
        let spawns = act(|_, cx| {
            cx.spawn(async { panic!("in a task") });
            Box::pin(std::future::pending())
        });
        // What waits is heard in the first moment of the next life.
        handle.tell(panic_now()).expect("room");
        handle.tell(spawns).expect("room");
        assert_eq!(life(&handle).await, 2 * round + 1);
    }
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_blocking_work_and_in_a_port_call() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    let blocks = act(|_, cx| {
        Box::pin(async move {
            let _ = cx.blocking(|| panic!("in blocking work")).await;
            Ok(Next::Go)
        })
    });
    end_with(&handle, blocks).await;
    assert_eq!(life(&handle).await, 2);
    says_where(&last_error(&node, "root/a"), "in blocking work");
    let calls = act(|_, cx| {
        Box::pin(async move {
            let _ = cx.call(LONG, async { panic!("in a port call") }).await;
            Ok(Next::Go)
        })
    });
    end_with(&handle, calls).await;
    assert_eq!(life(&handle).await, 3);
    says_where(&last_error(&node, "root/a"), "in a port call");
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn with_something_that_is_no_text() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    end_with(&handle, at_once(|_| std::panic::panic_any(7_u32))).await;
    assert_eq!(life(&handle).await, 2);
    assert!(last_error(&node, "root/a").starts_with("panicked: "));
    nobody_noticed(&node, &neighbour).await;
}

/// An actor whose messages and whose own end may be loud.
struct Doer;

#[derive(Debug)]
enum Deed {
    Fail,
    Nothing,
    Hang(Option<Loud>),
    Carry(#[expect(dead_code, reason = "held for its drop")] Loud),
}

/// Panics when it is dropped.
struct Loud(Arc<Log>);

impl std::fmt::Debug for Loud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("something loud")
    }
}

impl Drop for Loud {
    fn drop(&mut self) {
        self.0.note("dropped");
        if !std::thread::panicking() {
            panic!("in a drop");
        }
    }
}

impl Message for Deed {}

impl Actor for Doer {
    type Message = Deed;

    async fn handle(&mut self, deed: Deed, _cx: &mut Context<Deed>) -> Outcome {
        match deed {
            Deed::Fail => Err("as it was told".into()),
            Deed::Nothing | Deed::Carry(_) => Ok(Next::Go),
            Deed::Hang(_loud) => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn in_the_drop_of_a_message_that_was_handled() {
    let (node, log) = node();
    let (child, handle) = Worker::new("a", "doer", || Doer).on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    handle.tell(Deed::Carry(Loud(Arc::clone(&log)))).expect("room");
    log.saw("stopped root/a error").await;
    says_where(&last_error(&node, "root/a"), "in a drop");
    nobody_noticed(&node, &neighbour).await;
}

#[tokio::test]
async fn in_the_drop_of_messages_that_nobody_will_read() {
    let (node, log) = node();
    let worker = Worker::new("a", "doer", || Doer).shutdown(Shutdown::Brutal);
    let (child, handle) = worker.on(&node);
    let (root, neighbour) = stage_with(child, &node).await;
    handle.tell(Deed::Hang(None)).expect("room");
    for _ in 0..3 {
        handle.tell(Deed::Carry(Loud(Arc::clone(&log)))).expect("room");
    }
    assert_eq!(soon("the end", root.handle().terminate("a")).await, Ok(()));
    soon("the drop of each of them", log.until(|| log.count("dropped") == 3)).await;
    assert_eq!(handle.tell(Deed::Nothing).map_err(|refused| refused.why), Err(Why::Closed));
    nobody_noticed(&node, &neighbour).await;
}

/// A message that takes its time to be dropped.
struct Clinging(#[expect(dead_code, reason = "held for its drop")] Slow);

impl Message for Clinging {}

/// Hears nothing to its end.
struct Deaf;

impl Actor for Deaf {
    type Message = Clinging;

    async fn handle(&mut self, _message: Clinging, _cx: &mut Context<Clinging>) -> Outcome {
        std::future::pending().await
    }
}

#[tokio::test]
async fn unread_messages_that_take_their_time_to_be_dropped_hold_up_no_supervisor() {
    let (node, _) = node();
    let worker = Worker::new("a", "deaf", || Deaf).shutdown(Shutdown::Brutal);
    let (child, handle) = worker.on(&node);
    let (root, neighbour) = stage_with(child, &node).await;
    let leash = Leash::default();
    assert!(handle.tell(Clinging(Slow(Leash::freed()))).is_ok());
    assert!(handle.tell(Clinging(Slow(leash.held()))).is_ok());
    assert_eq!(soon("the end", root.handle().terminate("a")).await, Ok(()));
    crash(&neighbour).await;
    assert_eq!(life(&neighbour).await, 2, "their supervisor is at work");
    assert_eq!(at(&node, "root").incarnation, 1);
}

#[tokio::test]
async fn in_what_a_killed_handler_held() {
    let (node, log) = node();
    let (child, handle) = Worker::new("a", "doer", || Doer).on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    handle.tell(Deed::Hang(Some(Loud(Arc::clone(&log))))).expect("room");
    soon("the kill", async {
        while !log.has("dropped") {
            handle.kill();
            tokio::task::yield_now().await;
        }
    })
    .await;
    soon("the replacement", log.until(|| at(&node, "root/a").state == State::Running)).await;
    nobody_noticed(&node, &neighbour).await;
}

/// Has something loud in its own state.
struct Heavy {
    #[expect(dead_code, reason = "held for its drop")]
    loud: Loud,
}

impl Actor for Heavy {
    type Message = Deed;

    async fn handle(&mut self, deed: Deed, _cx: &mut Context<Deed>) -> Outcome {
        match deed {
            Deed::Fail => Err("as it was told".into()),
            Deed::Nothing | Deed::Carry(_) | Deed::Hang(_) => Ok(Next::Go),
        }
    }
}

#[tokio::test]
async fn in_the_drop_of_the_actor_itself() {
    type Way = fn(&Handle<Deed>);
    let ways: [(&str, Way); 2] = [
        ("error", |handle| handle.tell(Deed::Fail).expect("room")),
        ("kill", |handle| assert!(handle.kill())),
    ];
    for (way, end) in ways {
        let (node, log) = node();
        let own = Arc::clone(&log);
        let worker = Worker::new("a", "heavy", move || Heavy { loud: Loud(Arc::clone(&own)) });
        let (child, handle) = worker.on(&node);
        let (_, neighbour) = stage_with(child, &node).await;
        end(&handle);
        log.saw("dropped").await;
        soon(way, log.until(|| log.count("started root/a") == 2)).await;
        assert_eq!(life(&neighbour).await, 1, "{way}");
        assert_eq!(at(&node, "root").incarnation, 1, "{way}");
    }
}

/// Takes its time to be dropped.
struct Slow(Held);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.block();
    }
}

impl Actor for Slow {
    type Message = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Outcome {
        Ok(Next::Go)
    }
}

#[tokio::test]
async fn a_killed_actor_that_takes_its_time_to_be_dropped_holds_up_only_its_own_replacement() {
    let options = Options { watchdog_threshold: Duration::from_millis(100), ..Options::default() };
    let (node, log) = node_with(&options);
    let leash = Leash::default();
    let held = leash.held();
    let (child, handle) = Worker::new("a", "slow", move || Slow(held.clone())).on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    assert!(handle.kill());
    log.saw("stopped root/a killed").await;
    crash(&neighbour).await;
    assert_eq!(life(&neighbour).await, 2, "their supervisor is at work");
    assert_eq!(at(&node, "root").incarnation, 1);
    leash.let_go();
}

#[tokio::test]
async fn only_the_intensity_of_the_root_ends_a_node() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let root = Supervisor::new("root", Strategy::OneForOne)
        .intensity(Intensity { restarts_max: 2, period_s: 3_600 })
        .child(child);
    plant(&node, &root).await;
    for _ in 0..2 {
        end_with(&handle, panic_now()).await;
        life(&handle).await;
    }
    end_with(&handle, panic_now()).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert!(node.why().contains("panicked: as it was told"), "{}", node.why());
}

#[tokio::test]
async fn a_kill_of_an_idle_actor_is_one_too() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let (_, neighbour) = stage_with(child, &node).await;
    assert_eq!(kill(&handle).await, Exit::Killed);
    assert_eq!(life(&handle).await, 2);
    assert_eq!(last_error(&node, "root/a"), "killed");
    nobody_noticed(&node, &neighbour).await;
}
