//! Strategies, intensity, restart types, starts that fail, and ends in order.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::time::Clock;
use domain::tree::State;
use expect_test::{Expect, expect};
use futures::future::join;
use runtime::spec::{AutoShutdown, Intensity, Restart, Shutdown, Strategy};
use runtime::{Error, Exit, Leave, Next, Node, Phase, Supervisor, Why};

use crate::stage::{
    Do, Gate, Log, Script, VirtualClock, at, at_once, crash, done, end_with, fail, hang, kill,
    life, node, node_here, panic_now, plain, plant, root, soon, state, stop,
};

fn intensity(restarts_max: u32) -> Intensity {
    Intensity { restarts_max, period_s: 3_600 }
}

/// Everything noted since the last look, once all is quiet.
async fn trace(node: &Node, log: &Log) -> String {
    soon("quiet", log.until(|| node.is_settled())).await;
    log.take().join("\n")
}

fn same(expect: &Expect, trace: &str) {
    expect.assert_eq(trace);
}

async fn after_a_crash_of_b(strategy: Strategy, expect: Expect) {
    let (node, log) = node();
    let (a, _) = plain("a").on(&node);
    let (b, culprit) = plain("b").on(&node);
    let (c, _) = plain("c").on(&node);
    let (d, _) = plain("d").restart(Restart::Temporary).on(&node);
    plant(&node, &root(strategy).child(a).child(b).child(c).child(d)).await;
    assert_eq!(
        trace(&node, &log).await,
        "started root\nstarted root/a\nstarted root/b\nstarted root/c\nstarted root/d"
    );
    assert_eq!(crash(&culprit).await, Exit::Failed("as it was told".to_owned()));
    assert_eq!(life(&culprit).await, 2);
    same(&expect, &trace(&node, &log).await);
    assert_eq!(stop(&node).await, Phase::Stopped);
}

#[tokio::test]
async fn one_for_one_restarts_the_culprit_alone() {
    after_a_crash_of_b(
        Strategy::OneForOne,
        expect![[r#"
        stopped root/b error
        started root/b"#]],
    )
    .await;
}

#[tokio::test]
async fn one_for_all_stops_everybody_from_right_to_left_and_starts_them_from_left_to_right() {
    after_a_crash_of_b(
        Strategy::OneForAll,
        expect![[r#"
        stopped root/b error
        stopped root/d shutdown
        stopped root/c shutdown
        stopped root/a shutdown
        started root/a
        started root/b
        started root/c"#]],
    )
    .await;
}

#[tokio::test]
async fn rest_for_one_restarts_the_culprit_and_whoever_started_after_it() {
    after_a_crash_of_b(
        Strategy::RestForOne,
        expect![[r#"
        stopped root/b error
        stopped root/d shutdown
        stopped root/c shutdown
        started root/b
        started root/c"#]],
    )
    .await;
}

#[tokio::test]
async fn who_comes_back_depends_on_the_restart_type_and_on_how_it_ended() {
    let shut = || at_once(|_| Ok(Next::Shutdown));
    type Way = (&'static str, fn() -> Do, bool);
    let ways: [Way; 4] = [
        ("done", done, true),
        ("shutdown", shut, true),
        ("error", fail, false),
        ("panic", panic_now, false),
    ];
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        for (way, message, is_clean) in ways {
            let (node, log) = node();
            let (child, handle) = plain("a").restart(restart).on(&node);
            let root = root(Strategy::OneForOne).child(child);
            plant(&node, &root).await;
            end_with(&handle, message()).await;
            let comes_back = match restart {
                Restart::Permanent => true,
                Restart::Transient => !is_clean,
                Restart::Temporary => false,
            };
            let label = format!("{restart:?} after {way}");
            soon(&label, log.until(|| node.is_settled())).await;
            assert_eq!(log.count("started root/a"), 1 + usize::from(comes_back), "{label}");
            let is_listed = !root.handle().which().is_empty();
            assert_eq!(is_listed, restart != Restart::Temporary, "{label}");
        }
    }
}

#[tokio::test]
async fn one_restart_too_many_within_the_period_and_the_parent_restarts_the_subtree() {
    let (node, log) = node();
    let (a, _) = plain("a").on(&node);
    let (b, culprit) = plain("b").on(&node);
    let sup = Supervisor::new("sup", Strategy::OneForOne).intensity(intensity(3)).child(a).child(b);
    plant(&node, &root(Strategy::OneForOne).child(sup.as_child())).await;
    for restart in 1..=3 {
        crash(&culprit).await;
        assert_eq!(life(&culprit).await, restart + 1);
    }
    trace(&node, &log).await;
    crash(&culprit).await;
    soon("the subtree", log.until(|| node.is_settled() && log.has("started root/sup/b"))).await;
    assert_eq!(life(&culprit).await, 5);
    same(
        &expect![[r#"
        stopped root/sup/b error
        stopped root/sup/a shutdown
        stopped root/sup shutdown
        started root/sup
        started root/sup/a
        started root/sup/b"#]],
        &trace(&node, &log).await,
    );
    assert_eq!(at(&node, "root/sup").restarts, 1);
    assert_eq!(at(&node, "root/sup").incarnation, 2);
}

#[tokio::test]
async fn giving_up_travels_to_the_root_which_says_why() {
    let (node, log) = node();
    let (child, culprit) = plain("a").on(&node);
    let inner = Supervisor::new("inner", Strategy::OneForOne).intensity(intensity(0)).child(child);
    let outer = Supervisor::new("outer", Strategy::OneForOne)
        .intensity(intensity(0))
        .child(inner.as_child());
    let root = Supervisor::new("root", Strategy::OneForOne)
        .intensity(intensity(0))
        .child(outer.as_child());
    plant(&node, &root).await;
    assert_eq!(node.why(), "");
    crash(&culprit).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    let why = "too many restarts, the last of root/outer (too many restarts, the last of \
               root/outer/inner (too many restarts, the last of root/outer/inner/a (failed: as it \
               was told)))";
    assert_eq!(node.why(), why);
    let order = [
        "root/outer/inner/a error",
        "root/outer/inner shutdown",
        "root/outer shutdown",
        "root shutdown",
    ];
    let places: Vec<usize> =
        order.iter().map(|line| log.place(&format!("stopped {line}"))).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn the_root_names_the_culprit_and_its_error() {
    let (node, _) = node();
    let (child, culprit) = plain("a").on(&node);
    let root = Supervisor::new("root", Strategy::OneForOne).intensity(intensity(0)).child(child);
    plant(&node, &root).await;
    crash(&culprit).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert_eq!(node.why(), "too many restarts, the last of root/a (failed: as it was told)");
}

#[tokio::test]
async fn whoever_gave_up_shows_why_with_the_error_it_began_with() {
    let (node, log) = node();
    let (child, culprit) = plain("a").on(&node);
    let inner = Supervisor::new("inner", Strategy::OneForOne).intensity(intensity(0)).child(child);
    let root = root(Strategy::OneForOne).child(inner.as_child());
    plant(&node, &root).await;
    crash(&culprit).await;
    let again = log.until(|| log.count("started root/inner/a") == 2);
    soon("the root starts it again", again).await;
    let error = at(&node, "root/inner").last_error;
    let expected = "too many restarts, the last of root/inner/a (failed: as it was told)";
    assert_eq!(error.as_deref(), Some(expected));
    assert_eq!(at(&node, "root").last_error, None);
}

#[tokio::test]
async fn a_stop_that_comes_while_the_root_gives_up_is_no_end_in_order() {
    let (node, log) = node();
    let gate = Gate::closed();
    let door = gate.clone();
    let told = Arc::clone(&log);
    let slow = Script::default().leave(move |_, _| {
        let (door, told) = (door.clone(), Arc::clone(&told));
        Box::pin(async move {
            told.note("leaves");
            door.pass().await;
        })
    });
    let (slow, _) = slow.worker("slow").on(&node);
    let (child, culprit) = plain("a").on(&node);
    let root = Supervisor::new("root", Strategy::OneForOne).intensity(intensity(0));
    plant(&node, &root.child(slow).child(child)).await;
    crash(&culprit).await;
    log.saw("leaves").await;
    node.stop();
    gate.open(1);
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert!(node.why().starts_with("too many restarts"), "{}", node.why());
}

#[tokio::test(start_paused = true)]
async fn restarts_of_long_ago_do_not_count() {
    let (node, log) = node_here();
    let (child, handle) = plain("a").on(&node);
    let strict = Intensity { restarts_max: 1, period_s: 10 };
    let root = Supervisor::new("root", Strategy::OneForOne).intensity(strict).child(child);
    plant(&node, &root).await;
    for restart in 1..=5 {
        crash(&handle).await;
        assert_eq!(life(&handle).await, restart + 1);
        VirtualClock::new().sleep(Duration::from_secs(12)).await;
    }
    crash(&handle).await;
    assert_eq!(life(&handle).await, 7);
    crash(&handle).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert_eq!(log.count("started root/a"), 7);
}

#[tokio::test]
async fn a_first_start_that_fails_stops_in_reverse_whoever_was_up() {
    let (node, log) = node();
    let (a, _) = plain("a").on(&node);
    let (b, _) = plain("b").on(&node);
    let (c, _) = Script::default().fails(&[1]).worker("c").on(&node);
    let (d, _) = plain("d").on(&node);
    let root = root(Strategy::OneForOne).child(a).child(b).child(c).child(d);
    node.plant(&root).expect("the tree is in order");
    assert_eq!(soon("the end", node.reached(Phase::Starting)).await, Phase::GaveUp);
    assert_eq!(node.why(), "its first start failed at root/c (failed: as the script says)");
    same(
        &expect![[r#"
        started root
        started root/a
        started root/b
        failed root/c
        stopped root/b shutdown
        stopped root/a shutdown
        stopped root shutdown"#]],
        &log.take().join("\n"),
    );
}

#[tokio::test]
async fn a_start_that_fails_within_a_restart_is_tried_again_and_counts() {
    let (node, log) = node();
    let (child, handle) = Script::default().fails(&[2, 3]).worker("a").on(&node);
    let root = Supervisor::new("root", Strategy::OneForOne).intensity(intensity(3)).child(child);
    plant(&node, &root).await;
    crash(&handle).await;
    assert_eq!(life(&handle).await, 4);
    assert_eq!(log.count("failed root/a"), 2);
    crash(&handle).await;
    assert_eq!(soon("the fourth", node.reached(Phase::Ready)).await, Phase::GaveUp);
}

#[tokio::test]
async fn siblings_of_a_start_that_fails_within_one_for_all_are_stopped_and_tried_again_with_it() {
    let (node, log) = node();
    let (a, first) = plain("a").on(&node);
    let (b, _) = Script::default().fails(&[2]).worker("b").on(&node);
    plant(&node, &root(Strategy::OneForAll).child(a).child(b)).await;
    trace(&node, &log).await;
    crash(&first).await;
    soon("both", log.until(|| node.is_settled() && log.has("started root/b"))).await;
    same(
        &expect![[r#"
        stopped root/a error
        stopped root/b shutdown
        started root/a
        failed root/b
        stopped root/a shutdown
        started root/a
        started root/b"#]],
        &trace(&node, &log).await,
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_never_returns_fails_at_its_deadline() {
    let (node, log) = node_here();
    let script = Script::default().init(|_, _| Box::pin(std::future::pending()));
    let (child, _) = script.worker("a").start_deadline(Duration::from_secs(7)).on(&node);
    let clock = VirtualClock::new();
    node.plant(&root(Strategy::OneForOne).child(child)).expect("the tree is in order");
    assert_eq!(node.reached(Phase::Starting).await, Phase::GaveUp);
    assert_eq!(clock.monotonic().as_secs(), 7);
    assert_eq!(node.why(), "its first start failed at root/a (failed: did not start within 7s)");
    assert!(log.has("failed root/a"));
}

#[tokio::test]
async fn children_stop_from_right_to_left_after_those_below_them() {
    let (node, log) = node();
    let (a, _) = plain("a").on(&node);
    let (b, _) = plain("b").on(&node);
    let (c, _) = plain("c").on(&node);
    let sup = Supervisor::new("sup", Strategy::OneForAll).child(b).child(c);
    let (d, _) = plain("d").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(sup.as_child()).child(d)).await;
    log.take();
    assert_eq!(stop(&node).await, Phase::Stopped);
    same(
        &expect![[r#"
        stopped root/d shutdown
        stopped root/sup/c shutdown
        stopped root/sup/b shutdown
        stopped root/sup shutdown
        stopped root/a shutdown
        stopped root shutdown"#]],
        &log.take().join("\n"),
    );
}

#[tokio::test]
async fn a_stop_that_comes_while_the_tree_starts_ends_it_in_order() {
    for _ in 0..50 {
        let (node, log) = node();
        let (a, _) = plain("a").on(&node);
        let (b, _) = plain("b").on(&node);
        let inner = Supervisor::new("inner", Strategy::OneForOne).child(b);
        let outer = Supervisor::new("outer", Strategy::OneForOne).child(inner.as_child());
        let root = root(Strategy::OneForOne).child(outer.as_child()).child(a);
        node.plant(&root).expect("the tree is in order");
        assert_eq!(stop(&node).await, Phase::Stopped);
        for path in ["root", "root/a", "root/outer", "root/outer/inner", "root/outer/inner/b"] {
            let started = log.count(&format!("started {path}"));
            let stopped = log
                .lines()
                .iter()
                .filter(|line| line.starts_with(&format!("stopped {path} ")))
                .count();
            assert_eq!(started, stopped, "{path}: {:#?}", log.lines());
        }
    }
}

#[tokio::test]
async fn a_supervisor_is_ended_as_soon_as_it_was_started() {
    let (node, log) = node();
    let (sup_under_test, crasher) = plain("a").on(&node);
    let (leaf, _) = plain("leaf").on(&node);
    let sup = Supervisor::new("sup", Strategy::OneForOne).child(leaf);
    let strict = Supervisor::new("root", Strategy::OneForAll)
        .intensity(Intensity { restarts_max: 1_000, period_s: 1 })
        .child(sup_under_test)
        .child(sup.as_child());
    plant(&node, &strict).await;
    for _ in 0..100 {
        // The next crash comes while the supervisor of the restart before is still on its way up.
        crash(&crasher).await;
    }
    soon("quiet", log.until(|| node.is_settled())).await;
    assert_eq!(life(&crasher).await, 101);
    assert_eq!(stop(&node).await, Phase::Stopped);
}

#[tokio::test]
async fn a_brutal_stop_asks_nobody() {
    let (node, log) = node();
    let left = Arc::clone(&log);
    let script = Script::default().leave(move |_, _| {
        left.note("left");
        Box::pin(async {})
    });
    let (child, handle) = script.worker("a").shutdown(Shutdown::Brutal).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let (exit, phase) = soon("the end", join(handle.ended(), stop(&node))).await;
    assert_eq!((exit, phase), (Some(Exit::Killed), Phase::Stopped));
    assert!(!log.has("left"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_has_a_deadline_after_which_it_kills() {
    let (node, _) = node_here();
    let shutdown = Shutdown::Deadline(Duration::from_secs(20));
    let (slow, slow_handle) = Script::default().stubborn().worker("a").shutdown(shutdown).on(&node);
    let (busy, busy_handle) = plain("b").shutdown(shutdown).on(&node);
    let (good, good_handle) = plain("c").shutdown(shutdown).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(slow).child(busy).child(good)).await;
    hang(&busy_handle).await;
    let clock = VirtualClock::new();
    let ends = join(slow_handle.ended(), join(busy_handle.ended(), good_handle.ended()));
    node.stop();
    let ((slow, (busy, good)), phase) = join(ends, node.reached(Phase::Ready)).await;
    let killed = Some(Exit::Killed);
    assert_eq!((slow, busy, good), (killed.clone(), killed, Some(Exit::Shutdown)));
    assert_eq!((phase, clock.monotonic().as_secs()), (Phase::Stopped, 40));
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_a_bound_waits_however_long_it_takes() {
    let (node, _) = node_here();
    let script =
        Script::default().leave(|_, cx| Box::pin(cx.clock().sleep(Duration::from_secs(86_400))));
    let (child, handle) = script.worker("a").shutdown(Shutdown::Unbounded).on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    let clock = VirtualClock::new();
    node.stop();
    let (exit, phase) = join(handle.ended(), node.reached(Phase::Ready)).await;
    assert_eq!((exit, phase), (Some(Exit::Shutdown), Phase::Stopped));
    assert_eq!(clock.monotonic().as_secs(), 86_400);
}

#[tokio::test(start_paused = true)]
async fn a_stop_also_ends_a_start_that_takes_its_time() {
    let (node, log) = node_here();
    let began = Arc::clone(&log);
    let script = Script::default().init(move |_, _| {
        began.note("began");
        Box::pin(std::future::pending())
    });
    let shutdown = Shutdown::Deadline(Duration::from_secs(3));
    let worker = script.worker("a").shutdown(shutdown).start_deadline(Duration::from_secs(900));
    let (child, _) = worker.on(&node);
    let clock = VirtualClock::new();
    node.plant(&root(Strategy::OneForOne).child(child)).expect("the tree is in order");
    log.saw("began").await;
    node.stop();
    assert_eq!(node.reached(Phase::Ready).await, Phase::Stopped);
    assert!(clock.monotonic() < Duration::from_secs(5), "{:?}", clock.monotonic());
}

#[tokio::test]
async fn an_actor_learns_whether_it_was_asked_to_leave() {
    let (node, log) = node();
    let left = Arc::clone(&log);
    let script = Script::default().leave(move |why, _| {
        left.note(match why {
            Leave::Asked => "asked",
            Leave::Own => "own wish",
        });
        Box::pin(async {})
    });
    let (child, handle) = script.worker("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    assert_eq!(end_with(&handle, done()).await, Exit::Normal);
    assert_eq!(end_with(&handle, at_once(|_| Ok(Next::Shutdown))).await, Exit::Shutdown);
    assert_eq!(life(&handle).await, 3);
    crash(&handle).await;
    assert_eq!(life(&handle).await, 4);
    stop(&node).await;
    let words: Vec<String> =
        log.lines().into_iter().filter(|line| ["asked", "own wish"].contains(&&**line)).collect();
    assert_eq!(words, ["own wish", "own wish", "asked"], "and nothing after a crash");
}

#[tokio::test]
async fn any_or_all_significant_children_take_their_supervisor_along() {
    for (auto_shutdown, ends_with_the_first) in
        [(AutoShutdown::AnySignificant, true), (AutoShutdown::AllSignificant, false)]
    {
        let (node, log) = node();
        let significant = |id| plain(id).restart(Restart::Transient).significant();
        let (a, first) = significant("a").on(&node);
        let (b, second) = significant("b").on(&node);
        let (c, third) = plain("c").restart(Restart::Transient).on(&node);
        let sup = Supervisor::new("sup", Strategy::OneForOne)
            .auto_shutdown(auto_shutdown)
            .restart(Restart::Transient)
            .child(a)
            .child(b)
            .child(c);
        plant(&node, &root(Strategy::OneForOne).child(sup.as_child())).await;
        end_with(&third, done()).await;
        soon("quiet", log.until(|| node.is_settled())).await;
        assert!(!log.has("stopped root/sup shutdown"), "nobody significant has ended");
        end_with(&first, done()).await;
        if !ends_with_the_first {
            soon("quiet", log.until(|| node.is_settled())).await;
            assert!(!log.has("stopped root/sup shutdown"), "one significant child is left");
            end_with(&second, done()).await;
        }
        log.saw("stopped root/sup shutdown").await;
        soon("quiet", log.until(|| node.is_settled())).await;
        assert_eq!(state(&node, "root/sup"), Some(State::Stopped), "an end in order");
        assert_eq!(second.tell(done()).map_err(|refused| refused.why), Err(Why::Closed));
    }
}

#[tokio::test]
async fn a_significant_child_that_crashes_is_restarted_and_takes_nobody_along() {
    let (node, log) = node();
    let (child, handle) = plain("a").restart(Restart::Transient).significant().on(&node);
    let root = root(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant).child(child);
    plant(&node, &root).await;
    kill(&handle).await;
    assert_eq!(life(&handle).await, 2);
    end_with(&handle, done()).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert_eq!(node.why(), "its significant children have ended");
    assert_eq!(log.count("started root/a"), 2);
}

#[tokio::test]
async fn a_node_has_one_tree_and_a_second_one_never_begins() {
    let (node, log) = node();
    let (a, _) = plain("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a)).await;
    let script = Script::default();
    let (b, _) = script.worker("b").on(&node);
    let refused = node.plant(&root(Strategy::OneForOne).child(b));
    assert!(matches!(refused, Err(Error::Planted)), "{refused:?}");
    assert_eq!(stop(&node).await, Phase::Stopped);
    assert_eq!((script.lives(), log.count("started root")), (0, 1));
}

#[tokio::test]
async fn a_node_that_stops_before_it_has_a_tree_has_stopped() {
    let (node, _) = node();
    assert_eq!(stop(&node).await, Phase::Stopped);
}

#[tokio::test]
async fn a_tree_is_planted_by_a_task_that_has_used_up_its_turn() {
    let (node, _log) = node();
    std::future::poll_fn(|cx| {
        while tokio::task::coop::has_budget_remaining() {
            let spend = std::pin::pin!(tokio::task::coop::consume_budget());
            let _ = spend.poll(cx);
        }
        std::task::Poll::Ready(())
    })
    .await;
    plant(&node, &root(Strategy::OneForOne)).await;
}
