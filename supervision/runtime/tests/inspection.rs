//! The tree as a value, and monitors: what others see of an actor, while it is busy.

use domain::tree::State;
use expect_test::expect;
use futures::future::{join3, ready};
use runtime::spec::{Restart, Strategy};
use runtime::{Bounds, Exit, Next, Supervisor};

use crate::stage::{
    Gate, Leash, VirtualClock, act, at, at_once, crash, done, end_with, fail, hang, kill, life,
    node, node_here, panic_now, plain, plant, root, soon, spin, stop, wait_at, watch,
};
use domain::time::Clock;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn the_tree_shows_everybody_with_all_fields() {
    let (node, _) = node_here();
    let bounds = Bounds { messages_max: 7, bytes_max: 1 << 10 };
    let (a, busy) = plain("a").mailbox(bounds).on(&node);
    let (b, crasher) = plain("b").on(&node);
    let sup = Supervisor::new("sup", Strategy::OneForOne).child(b);
    plant(&node, &root(Strategy::OneForOne).child(a).child(sup.as_child())).await;
    let clock = VirtualClock::new();
    clock.sleep(Duration::from_millis(1_500)).await;
    crash(&crasher).await;
    assert_eq!(life(&crasher).await, 2);
    hang(&busy).await;
    for _ in 0..4 {
        busy.tell(done()).expect("room");
    }
    clock.sleep(Duration::from_millis(500)).await;
    let tree = serde_json::to_string_pretty(&node.census().tree()).expect("a value");
    expect![[r#"
        {
          "id": "root",
          "kind": "supervisor",
          "state": "running",
          "incarnation": 1,
          "restarts": 0,
          "mailbox": {
            "depth": 0,
            "bound": 1024
          },
          "age_ms": 2000,
          "last_error": null,
          "children": [
            {
              "id": "a",
              "kind": "puppet",
              "state": "running",
              "incarnation": 1,
              "restarts": 0,
              "mailbox": {
                "depth": 5,
                "bound": 7
              },
              "age_ms": 2000,
              "last_error": null,
              "children": []
            },
            {
              "id": "sup",
              "kind": "supervisor",
              "state": "running",
              "incarnation": 1,
              "restarts": 0,
              "mailbox": {
                "depth": 0,
                "bound": 1024
              },
              "age_ms": 2000,
              "last_error": null,
              "children": [
                {
                  "id": "b",
                  "kind": "puppet",
                  "state": "running",
                  "incarnation": 2,
                  "restarts": 1,
                  "mailbox": {
                    "depth": 0,
                    "bound": 256
                  },
                  "age_ms": 500,
                  "last_error": "failed: as it was told",
                  "children": []
                }
              ]
            }
          ]
        }"#]]
    .assert_eq(&tree);
}

#[tokio::test]
async fn the_depth_is_what_waits_and_what_is_handled() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let gate = Gate::closed();
    for depth in 1..=200 {
        handle.tell(wait_at(&gate)).expect("room");
        assert_eq!(at(&node, "root/a").mailbox.depth, depth);
        assert_eq!(u64::from(handle.depth()), depth);
    }
    gate.open(150);
    soon("the first 150", async {
        while at(&node, "root/a").mailbox.depth != 50 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_look_stops_nobody_and_waits_for_nobody() {
    let (node, _) = node();
    let (a, spinner) = plain("a").on(&node);
    let (b, slow) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    hang(&slow).await;
    let leash = Leash::default();
    spinner.tell(spin(&leash)).expect("room");
    for _ in 0..1_000 {
        assert_eq!(at(&node, "root").children.len(), 2);
    }
    assert_eq!(at(&node, "root/b").state, State::Running);
    leash.let_go();
}

#[tokio::test]
async fn the_last_error_stays_until_there_is_a_later_one() {
    let (node, _) = node();
    let (child, handle) = plain("a").restart(Restart::Permanent).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    assert_eq!(at(&node, "root/a").last_error, None);
    let rows: [(runtime::Exit, Option<&str>); 3] = [
        (end_with(&handle, done()).await, None),
        (end_with(&handle, fail()).await, Some("failed: as it was told")),
        (end_with(&handle, done()).await, Some("failed: as it was told")),
    ];
    for (exit, _) in &rows {
        assert!(matches!(exit, Exit::Normal | Exit::Failed(_)), "{exit:?}");
    }
    assert_eq!(life(&handle).await, 4);
    let actor = at(&node, "root/a");
    assert_eq!(actor.last_error.as_deref(), rows[2].1);
    assert_eq!((actor.incarnation, actor.restarts), (4, 3));
    let nested = at_once(|_| {
        let inner = std::io::Error::other("the disk is full");
        Err(Box::new(Outer(inner)) as domain::BoxError)
    });
    end_with(&handle, nested).await;
    assert_eq!(life(&handle).await, 5);
    let error = at(&node, "root/a").last_error;
    assert_eq!(error.as_deref(), Some("failed: cannot save: the disk is full"), "the whole chain");
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot save")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_start_that_was_wished_for_is_no_restart() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    assert_eq!(root.handle().terminate("a").await, Ok(()));
    let actor = at(&node, "root/a");
    assert_eq!((actor.state, actor.age_ms, actor.last_error), (State::Stopped, 0, None));
    assert_eq!(root.handle().restart("a").await, Ok(()));
    crash(&handle).await;
    assert_eq!(life(&handle).await, 3);
    let actor = at(&node, "root/a");
    assert_eq!((actor.incarnation, actor.restarts), (3, 1));
}

// --- monitors ---

#[tokio::test]
async fn every_monitor_hears_how_the_incarnation_ended() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    assert_eq!(end_with(&handle, done()).await, Exit::Normal);
    assert_eq!(end_with(&handle, at_once(|_| Ok(Next::Shutdown))).await, Exit::Shutdown);
    assert_eq!(end_with(&handle, fail()).await, Exit::Failed("as it was told".to_owned()));
    let exit = end_with(&handle, panic_now()).await;
    assert!(
        matches!(&exit, Exit::Panicked(text) if text.starts_with("as it was told")),
        "{exit:?}"
    );
    assert_eq!(kill(&handle).await, Exit::Killed);
    let first = watch(&handle).await;
    let second = watch(&handle).await;
    let (first, second, terminated) =
        soon("the end", join3(first, second, root.handle().terminate("a"))).await;
    assert_eq!((first, second, terminated), (Exit::Shutdown, Exit::Shutdown, Ok(())));
}

#[tokio::test]
async fn a_monitor_of_nobody_is_told_so_at_once() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    assert_eq!(handle.ended().await, None, "it has never lived");
    assert!(!handle.kill());
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    stop(&node).await;
    assert_eq!(handle.ended().await, None, "it is over");
}

#[tokio::test]
async fn a_monitor_is_told_when_the_incarnation_is_over_and_not_before() {
    let (node, _) = node();
    let (child, handle) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let leash = Leash::default();
    let (held, began) = (leash.held(), Gate::closed());
    let begins = began.clone();
    let blocks = act(move |_, cx| {
        Box::pin(async move {
            let work = move || {
                begins.open(1);
                held.spin();
            };
            let _ = cx.blocking(work).await;
            Ok(Next::Go)
        })
    });
    let mut ended = std::pin::pin!(watch(&handle).await);
    handle.tell(blocks).expect("room");
    soon("the blocking work", began.pass()).await;
    assert!(handle.kill());
    // The handler is gone; the work it left behind is not.
    for _ in 0..50 {
        assert_eq!(at(&node, "root").state, State::Running);
        assert!(futures::poll!(&mut ended).is_pending());
        ready(()).await;
    }
    leash.let_go();
    assert_eq!(soon("the end", ended).await, Exit::Killed);
}
