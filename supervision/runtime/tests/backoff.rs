//! Back-off: how long, how often, who waits, and what it leaves alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::time::Clock;
use domain::tree::State;
use runtime::core::Refusal;
use runtime::spec::{Backoff, Intensity, Strategy};
use runtime::{Node, Phase, Supervisor};

use crate::stage::{
    Do, Log, Script, VirtualClock, crash, done, end_with, fail, life, node_here, plain, plant,
    soon, state,
};

const PLAN: Backoff = Backoff {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(16),
    stable: Duration::from_secs(100),
    attempts_max: 50,
};

/// A root that forgives no restart that counts.
fn strict(strategy: Strategy) -> Supervisor {
    let none = Intensity { restarts_max: 0, period_s: 3_600 };
    Supervisor::new("root", strategy).intensity(none)
}

async fn restarting(node: &Node, log: &Log, path: &str) {
    let waits = log.until(|| state(node, path) == Some(State::Restarting) && node.is_settled());
    soon("the back-off", waits).await;
}

/// Whoever is at this clock's time, in whole and parts of seconds.
async fn seconds_until(clock: &VirtualClock, what: impl Future<Output = u32>) -> (u32, f64) {
    let before = clock.monotonic();
    let life = what.await;
    (life, (clock.monotonic() - before).as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn gaps_double_to_the_cap_with_jitter_between_half_and_all_also_for_a_clean_end() {
    for ends in [fail as fn() -> Do, done] {
        let (node, log) = node_here();
        let clock = VirtualClock::new();
        let (child, handle) = plain("a").backoff(PLAN).on(&node);
        plant(&node, &strict(Strategy::OneForOne).child(child)).await;
        let mut gaps = Vec::new();
        for (attempt, ceiling) in
            [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 16.0), (7, 16.0)]
        {
            end_with(&handle, ends()).await;
            restarting(&node, &log, "root/a").await;
            let (life, gap) = seconds_until(&clock, life(&handle)).await;
            assert_eq!(life, attempt + 1);
            assert!(
                (ceiling / 2.0..=ceiling + 0.01).contains(&gap),
                "{attempt}: {gap} of {ceiling}"
            );
            gaps.push(gap / ceiling);
        }
        gaps.dedup_by(|left, right| (*left - *right).abs() < 0.001);
        assert!(gaps.len() > 3, "no jitter: {gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_stable_life_ends_the_series() {
    let (node, _) = node_here();
    let clock = VirtualClock::new();
    let (child, handle) = plain("a").backoff(PLAN).on(&node);
    plant(&node, &strict(Strategy::OneForOne).child(child)).await;
    for _ in 0..3 {
        crash(&handle).await;
        life(&handle).await;
        clock.sleep(Duration::from_secs(99)).await;
    }
    crash(&handle).await;
    let (_, fourth) = seconds_until(&clock, life(&handle)).await;
    assert!((4.0..=8.01).contains(&fourth), "99 seconds are not stable: {fourth}");
    clock.sleep(Duration::from_secs(101)).await;
    crash(&handle).await;
    let (_, first) = seconds_until(&clock, life(&handle)).await;
    assert!((0.5..=1.01).contains(&first), "101 seconds are: {first}");
}

#[tokio::test(start_paused = true)]
async fn a_series_that_is_too_long_counts_as_reaching_the_intensity() {
    let (node, log) = node_here();
    let (child, handle) = plain("a").backoff(Backoff { attempts_max: 3, ..PLAN }).on(&node);
    plant(&node, &strict(Strategy::OneForOne).child(child)).await;
    for attempt in 1..=3 {
        crash(&handle).await;
        assert_eq!(life(&handle).await, attempt + 1);
    }
    crash(&handle).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
    assert!(node.why().contains("root/a"), "{}", node.why());
    assert_eq!(log.count("started root/a"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_is_an_attempt_of_the_same_series() {
    let (node, log) = node_here();
    let clock = VirtualClock::new();
    let (child, handle) = Script::default().fails(&[2, 3]).worker("a").backoff(PLAN).on(&node);
    plant(&node, &strict(Strategy::OneForOne).child(child)).await;
    crash(&handle).await;
    let (life, gaps) = seconds_until(&clock, life(&handle)).await;
    assert_eq!((life, log.count("failed root/a")), (4, 2));
    assert!((3.5..=7.03).contains(&gaps), "one, two and four seconds at most: {gaps}");
}

#[tokio::test(start_paused = true)]
async fn while_it_waits_restart_and_delete_are_refused_and_terminate_cancels() {
    let (node, log) = node_here();
    let clock = VirtualClock::new();
    let (child, handle) = plain("a").backoff(PLAN).on(&node);
    let root = strict(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    let sup = root.handle();
    crash(&handle).await;
    restarting(&node, &log, "root/a").await;
    assert_eq!(sup.restart("a").await, Err(Refusal::Restarting));
    assert_eq!(sup.delete("a").await, Err(Refusal::Restarting));
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert_eq!(state(&node, "root/a"), Some(State::Stopped));
    clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(log.count("started root/a"), 1, "it was cancelled");
    assert_eq!(sup.restart("a").await, Ok(()));
    assert_eq!(life(&handle).await, 2);
}

#[tokio::test(start_paused = true)]
async fn siblings_that_share_its_fate_stop_first_and_wait_with_it() {
    for (strategy, left_waits) in [(Strategy::OneForAll, true), (Strategy::RestForOne, false)] {
        let (node, log) = node_here();
        let clock = Arc::new(VirtualClock::new());
        let births = Arc::new(Mutex::new(Vec::new()));
        let timed = |id: &'static str| {
            let (clock, births) = (Arc::clone(&clock), Arc::clone(&births));
            Script::default().init(move |life, _| {
                births.lock().expect("nobody panics").push((id, life, clock.monotonic()));
                Box::pin(async { Ok(()) })
            })
        };
        let (a, _) = timed("a").worker("a").on(&node);
        let (b, culprit) = timed("b").worker("b").backoff(PLAN).on(&node);
        let (c, _) = timed("c").worker("c").on(&node);
        plant(&node, &strict(strategy).child(a).child(b).child(c)).await;
        clock.sleep(Duration::from_secs(1_000)).await;
        let crashed = clock.monotonic();
        crash(&culprit).await;
        restarting(&node, &log, "root/b").await;
        let waits = |id: &str| state(&node, id) == Some(State::Restarting);
        assert_eq!((waits("root/a"), waits("root/c")), (left_waits, true), "{strategy:?}");
        assert!(log.has("stopped root/c shutdown"));
        assert_eq!(life(&culprit).await, 2);
        soon("everybody", log.until(|| node.is_settled())).await;
        let expected: &[&str] = if left_waits { &["a", "b", "c"] } else { &["b", "c"] };
        let again: Vec<_> = births
            .lock()
            .expect("nobody panics")
            .iter()
            .filter(|birth| birth.1 == 2)
            .copied()
            .collect();
        assert_eq!(again.iter().map(|birth| birth.0).collect::<Vec<_>>(), expected);
        let earliest = crashed + Duration::from_millis(500);
        assert!(again.iter().all(|birth| birth.2 >= earliest), "{again:?} after {crashed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn siblings_that_wait_come_back_when_the_back_off_is_cancelled() {
    let (node, log) = node_here();
    let (a, _) = plain("a").on(&node);
    let (b, culprit) = plain("b").backoff(PLAN).on(&node);
    let (c, _) = plain("c").on(&node);
    let root = strict(Strategy::OneForAll).child(a).child(b).child(c);
    plant(&node, &root).await;
    crash(&culprit).await;
    restarting(&node, &log, "root/b").await;
    assert_eq!(root.handle().restart("c").await, Err(Refusal::Restarting));
    assert_eq!(root.handle().terminate("c").await, Ok(()), "this one does not wait any longer");
    assert_eq!(root.handle().terminate("b").await, Ok(()));
    soon("the others", log.until(|| node.is_settled())).await;
    let states = ["root/a", "root/b", "root/c"].map(|path| state(&node, path));
    assert_eq!(states, [State::Running, State::Stopped, State::Stopped].map(Some));
    assert_eq!(log.count("started root/a"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_back_off() {
    let (node, log) = node_here();
    let clock = VirtualClock::new();
    let long = Backoff { first: Duration::from_secs(500), cap: Duration::from_secs(500), ..PLAN };
    let (child, handle) = plain("a").backoff(long).on(&node);
    plant(&node, &strict(Strategy::OneForOne).child(child)).await;
    crash(&handle).await;
    restarting(&node, &log, "root/a").await;
    node.stop();
    assert_eq!(node.reached(Phase::Ready).await, Phase::Stopped);
    assert!(clock.monotonic() < Duration::from_secs(1));
}
