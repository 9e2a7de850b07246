//! Questions to a supervisor: which, count, start, terminate, restart, delete; and trees that
//! contradict themselves.

use std::sync::Arc;
use std::time::Duration;

use domain::tree::State;
use futures::future::{join, join_all};
use runtime::core::{CALLS_WAITING_MAX, Refusal};
use runtime::spec::{AutoShutdown, Backoff, Intensity, Restart, Shutdown, Strategy, Terms};
use runtime::{Bounds, Error, Node, Options, Supervisor, SupervisorHandle, Tally, Template};

use crate::stage::{
    Gate, Log, Script, at, crash, done, end_with, life, node, plain, plant, root, soon, state, stop,
};

fn ids(sup: &SupervisorHandle) -> Vec<String> {
    sup.which().into_iter().map(|kid| kid.id).collect()
}

/// A child whose end waits at a gate; it notes when it has begun to leave.
fn slow_to_leave(log: &Arc<Log>) -> (Script, Gate) {
    let (gate, log) = (Gate::closed(), Arc::clone(log));
    let door = gate.clone();
    let script = Script::default().leave(move |_, _| {
        log.note("leaving");
        let door = door.clone();
        Box::pin(async move { door.pass().await })
    });
    (script, gate)
}

#[tokio::test]
async fn children_are_listed_and_counted_in_their_order() {
    let (node, _) = node();
    let (a, _) = plain("a").on(&node);
    let (b, b_handle) = plain("b").restart(Restart::Transient).on(&node);
    let sup = Supervisor::new("sup", Strategy::OneForOne);
    let root = root(Strategy::OneForOne).child(a).child(sup.as_child()).child(b);
    plant(&node, &root).await;
    let kids: Vec<_> =
        root.handle().which().into_iter().map(|kid| (kid.id, kid.kind, kid.state)).collect();
    let expected = [("a", "puppet"), ("sup", "supervisor"), ("b", "puppet")]
        .map(|(id, kind)| (id.to_owned(), kind, State::Running));
    assert_eq!(kids, expected);
    assert_eq!(root.handle().count(), Tally { specs: 3, active: 3, supervisors: 1, workers: 2 });
    end_with(&b_handle, done()).await;
    soon("b rests", async {
        while root.handle().count().active != 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(root.handle().count(), Tally { specs: 3, active: 2, supervisors: 1, workers: 2 });
    stop(&node).await;
    assert!(!root.handle().is_alive());
    assert_eq!((root.handle().which(), root.handle().count()), (Vec::new(), Tally::default()));
}

#[tokio::test]
async fn each_call_is_answered_or_refused_by_the_state_of_the_child() {
    let (node, _) = node();
    let (a, handle) = plain("a").on(&node);
    let (same, _) = plain("a").on(&node);
    let (b, other) = plain("b").on(&node);
    let root = root(Strategy::OneForOne).child(a);
    plant(&node, &root).await;
    let sup = root.handle();
    assert_eq!(sup.terminate("nobody").await, Err(Refusal::NotFound));
    assert_eq!(sup.restart("nobody").await, Err(Refusal::NotFound));
    assert_eq!(sup.delete("nobody").await, Err(Refusal::NotFound));
    assert_eq!(sup.start(same.clone()).await, Err(Refusal::AlreadyStarted));
    assert_eq!(sup.restart("a").await, Err(Refusal::Running));
    assert_eq!(sup.delete("a").await, Err(Refusal::Running));
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert_eq!(state(&node, "root/a"), Some(State::Stopped));
    assert_eq!(sup.terminate("a").await, Ok(()), "it is down already");
    assert_eq!(sup.start(same).await, Err(Refusal::AlreadyPresent));
    assert_eq!(sup.restart("a").await, Ok(()));
    assert_eq!(life(&handle).await, 2);
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert_eq!(sup.delete("a").await, Ok(()));
    assert_eq!(sup.restart("a").await, Err(Refusal::NotFound));
    assert_eq!(sup.start(b).await, Ok(()));
    assert_eq!((life(&other).await, ids(&sup)), (1, vec!["b".to_owned()]));
    stop(&node).await;
    assert_eq!(sup.terminate("b").await, Err(Refusal::Ending));
}

#[tokio::test]
async fn a_temporary_child_that_is_terminated_is_forgotten() {
    let (node, _) = node();
    let (a, _) = plain("a").restart(Restart::Temporary).on(&node);
    let root = root(Strategy::OneForOne).child(a);
    plant(&node, &root).await;
    assert_eq!(root.handle().terminate("a").await, Ok(()));
    assert_eq!(ids(&root.handle()), Vec::<String>::new());
    assert_eq!(root.handle().terminate("a").await, Err(Refusal::NotFound));
}

#[tokio::test]
async fn a_child_that_does_not_start_is_refused_and_forgotten_and_one_that_rested_rests_on() {
    let (node, _) = node();
    let root = root(Strategy::OneForOne);
    plant(&node, &root).await;
    let sup = root.handle();
    let (a, handle) = Script::default().fails(&[1, 3]).worker("a").on(&node);
    assert_eq!(sup.start(a.clone()).await, Err(Refusal::StartFailed));
    assert_eq!(ids(&sup), Vec::<String>::new());
    assert_eq!(sup.start(a).await, Ok(()));
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert_eq!(sup.restart("a").await, Err(Refusal::StartFailed));
    assert_eq!(state(&node, "root/a"), Some(State::Stopped));
    assert_eq!(sup.restart("a").await, Ok(()));
    assert_eq!(life(&handle).await, 4);
}

#[tokio::test]
async fn a_look_is_answered_while_a_slow_stop_is_under_way_and_a_call_waits() {
    let (node, log) = node();
    let (script, gate) = slow_to_leave(&log);
    let (a, _) = script.worker("a").shutdown(Shutdown::Unbounded).on(&node);
    let (b, neighbour) = plain("b").on(&node);
    let (c, _) = plain("c").on(&node);
    let root = root(Strategy::OneForOne).child(a).child(b);
    plant(&node, &root).await;
    let sup = root.handle();
    let looks = async {
        log.saw("leaving").await;
        assert_eq!(ids(&sup), ["a", "b"]);
        assert_eq!(sup.count().specs, 2);
        assert_eq!(at(&node, "root/a").state, State::Stopping);
        assert_eq!(life(&neighbour).await, 1);
        let mut started = std::pin::pin!(sup.start(c));
        assert!(futures::poll!(&mut started).is_pending());
        crash(&neighbour).await;
        assert_eq!(at(&node, "root/b").incarnation, 1, "one transition at a time");
        gate.open(1);
        soon("its turn", started).await
    };
    let (terminated, started) = soon("the calls", join(sup.terminate("a"), looks)).await;
    assert_eq!((terminated, started), (Ok(()), Ok(())));
    assert_eq!(life(&neighbour).await, 2);
}

#[tokio::test]
async fn calls_that_wait_are_bounded_and_told_when_the_supervisor_ends() {
    let (node, log) = node();
    let (script, gate) = slow_to_leave(&log);
    let (a, _) = script.worker("a").shutdown(Shutdown::Unbounded).on(&node);
    let root = root(Strategy::OneForOne).child(a);
    plant(&node, &root).await;
    let sup = root.handle();
    let mut calls: Vec<_> = (0..CALLS_WAITING_MAX).map(|_| Box::pin(sup.terminate("a"))).collect();
    for call in &mut calls {
        assert!(futures::poll!(call).is_pending());
    }
    assert_eq!(sup.delete("a").await, Err(Refusal::Busy));
    log.saw("leaving").await;
    node.stop();
    gate.open(1);
    let answers = soon("all answers", join_all(calls)).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(()) | Err(Refusal::Ending))));
}

// --- contradictions ---

#[test]
fn options_out_of_their_bounds_are_named() {
    type Change = fn(&mut Options);
    let rows: [(Option<&str>, Change); 9] = [
        (None, |_| {}),
        (Some("watchdog_threshold"), |options| options.watchdog_threshold = Duration::ZERO),
        (Some("lost_threads_max"), |options| options.lost_threads_max = 0),
        (Some("mailbox_bytes_max"), |options| options.mailbox_bytes_max = 65_535),
        (None, |options| options.mailbox_bytes_max = 65_536),
        (Some("blocking_max"), |options| options.blocking_max = 513),
        (Some("control_threads"), |options| options.control_threads = 0),
        (Some("worker_threads"), |options| options.worker_threads = 65),
        (Some("adapter_threads"), |options| options.adapter_threads = 0),
    ];
    for (key, change) in rows {
        let mut options = Options::default();
        change(&mut options);
        assert_eq!(options.invalid().map(|(key, _)| key), key, "{options:?}");
    }
}

fn refused(node: &Node, root: &Supervisor, expected: &str) {
    match node.plant(root) {
        Err(Error::Contradiction(contradiction)) => assert_eq!(contradiction.to_string(), expected),
        other => panic!("not refused for {expected:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_tree_that_contradicts_itself_is_refused_with_the_path() {
    let (node, log) = node();
    let in_sup = |child| {
        let sup = Supervisor::new("sup", Strategy::OneForOne).child(child);
        Supervisor::new("root", Strategy::OneForOne).child(sup.as_child())
    };
    let worker = |id| plain(id).on(&node).0;
    let twice = Supervisor::new("sup", Strategy::OneForOne).child(worker("a")).child(worker("a"));
    let root = Supervisor::new("root", Strategy::OneForOne).child(twice.as_child());
    refused(&node, &root, "root/sup/a: two children have this id");

    for id in ["", "ro/ot"] {
        let misnamed = Supervisor::new(id, Strategy::OneForOne);
        refused(&node, &misnamed, &format!("{id}: an id is a word without slashes"));
    }

    let timeless = Intensity { restarts_max: 3, period_s: 0 };
    let sup = Supervisor::new("inner", Strategy::OneForOne).intensity(timeless);
    let expected = "root/sup/inner: an intensity needs a period of at least 1 second";
    refused(&node, &in_sup(sup.as_child()), expected);

    let expected = "root/sup/a: a mailbox with a bound of 0 takes nothing";
    for bounds in
        [Bounds { messages_max: 0, bytes_max: 1 }, Bounds { messages_max: 1, bytes_max: 0 }]
    {
        refused(&node, &in_sup(plain("a").mailbox(bounds).on(&node).0), expected);
    }

    let eternal = plain("a").significant().on(&node).0;
    let sup = Supervisor::new("sup", Strategy::OneForOne)
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(eternal.clone());
    let root = Supervisor::new("root", Strategy::OneForOne).child(sup.as_child());
    let expected = "root/sup/a: a permanent child never ends for good, so it cannot be significant";
    refused(&node, &root, expected);
    let expected = "root/sup/a: a significant child needs a supervisor with an automatic shutdown";
    refused(&node, &in_sup(eternal), expected);

    for id in ["", "with/slash"] {
        let expected = format!("root/sup/{id}: an id is a word without slashes");
        refused(&node, &in_sup(worker(id)), &expected);
    }
    let never = Backoff {
        first: Duration::from_secs(1),
        cap: Duration::from_secs(2),
        stable: Duration::ZERO,
        attempts_max: 0,
    };
    let expected = "root/sup/a: a back-off of 0 attempts never restarts; make the child temporary";
    refused(&node, &in_sup(plain("a").backoff(never).on(&node).0), expected);

    let terms = Terms { restart: Restart::Permanent, significant: false, backoff: None };
    let shutdown = Shutdown::Brutal;
    let template = Template { terms, shutdown, per_child: Some(timeless) };
    let expected = "root/sup/many: an intensity needs a period of at least 1 second";
    refused(&node, &in_sup(Supervisor::dynamic("many", template).as_child()), expected);

    assert_eq!(log.lines(), Vec::<String>::new(), "nothing of them began");
    plant(&node, &in_sup(worker("a"))).await;
}

#[tokio::test]
async fn a_child_that_contradicts_itself_is_refused_by_the_call_that_brings_it() {
    let (node, _) = node();
    let root = root(Strategy::OneForOne);
    plant(&node, &root).await;
    let sup = root.handle();
    let nothing = Bounds { messages_max: 0, bytes_max: 0 };
    let rows = [
        plain("a").mailbox(nothing).on(&node).0,
        plain("a/b").on(&node).0,
        plain("a").restart(Restart::Transient).significant().on(&node).0,
    ];
    for child in rows {
        let refusal = sup.start(child).await;
        assert!(matches!(refusal, Err(Refusal::Contradiction(_))), "{refusal:?}");
    }
    assert_eq!(ids(&sup), Vec::<String>::new());
}
