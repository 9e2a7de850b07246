//! Children of one template: any number, and none knows of another.

use std::sync::Arc;
use std::time::Duration;

use domain::tree::State;
use futures::future::{join, join_all};
use runtime::core::Refusal;
use runtime::spec::{AutoShutdown, Backoff, Intensity, Restart, Shutdown, Strategy, Terms};
use runtime::{Phase, Supervisor, Template, Why};

use crate::stage::{
    Gate, LONG, Script, crash, done, end_with, kill, life, node, node_here, patient, ping, plain,
    plant, root, soon, state, stop,
};

fn template(restart: Restart) -> Template {
    let terms = Terms { restart, significant: false, backoff: None };
    Template { terms, shutdown: Shutdown::Deadline(Duration::from_secs(60)), per_child: None }
}

fn many(template: Template) -> Supervisor {
    Supervisor::dynamic("many", template).intensity(patient())
}

#[tokio::test]
async fn children_are_started_and_terminated_by_id_and_the_id_is_free_again() {
    let (node, _) = node();
    let many = many(template(Restart::Permanent));
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let sup = many.handle();
    let (a, first) = plain("a").on(&node);
    assert_eq!(sup.start(a.clone()).await, Ok(()));
    assert_eq!(sup.start(a).await, Err(Refusal::AlreadyStarted));
    assert_eq!(sup.restart("a").await, Err(Refusal::Dynamic));
    assert_eq!(sup.delete("a").await, Err(Refusal::Dynamic));
    assert_eq!(sup.terminate("b").await, Err(Refusal::NotFound));
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert_eq!(sup.which(), Vec::new());
    assert_eq!(first.tell(done()).map_err(|refused| refused.why), Err(Why::Closed));
    let (a, second) = plain("a").on(&node);
    assert_eq!(sup.start(a).await, Ok(()));
    assert_eq!(life(&second).await, 1);
    let (failing, _) = Script::default().fails(&[1]).worker("c").on(&node);
    assert_eq!(sup.start(failing.clone()).await, Err(Refusal::StartFailed));
    assert_eq!(sup.start(failing).await, Ok(()), "its id was free");
}

#[tokio::test]
async fn the_template_decides_who_comes_back() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let (node, log) = node();
        let many = many(template(restart));
        plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
        let sup = many.handle();
        let (a, ends_well) = plain("a").on(&node);
        let (b, crashes) = plain("b").on(&node);
        assert_eq!((sup.start(a).await, sup.start(b).await), (Ok(()), Ok(())));
        join(end_with(&ends_well, done()), crash(&crashes)).await;
        soon("quiet", log.until(|| node.is_settled())).await;
        let expected: &[&str] = match restart {
            Restart::Permanent => &["a", "b"],
            Restart::Transient => &["b"],
            Restart::Temporary => &[],
        };
        let ids: Vec<String> = sup.which().into_iter().map(|kid| kid.id).collect();
        assert_eq!(ids, expected, "{restart:?}");
    }
}

#[tokio::test]
async fn who_crashes_too_often_is_quarantined_and_its_neighbours_notice_nothing() {
    let (node, log) = node();
    let per_child = Some(Intensity { restarts_max: 2, period_s: 3_600 });
    let many = many(Template { per_child, ..template(Restart::Permanent) })
        .intensity(Intensity { restarts_max: 0, period_s: 3_600 });
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let sup = many.handle();
    let (a, sick) = plain("sick").on(&node);
    let (b, healthy) = plain("healthy").on(&node);
    assert_eq!((sup.start(a).await, sup.start(b).await), (Ok(()), Ok(())));
    for lives in 2..=3 {
        crash(&sick).await;
        assert_eq!(life(&sick).await, lives);
    }
    crash(&sick).await;
    soon("quiet", log.until(|| node.is_settled())).await;
    assert_eq!(state(&node, "root/many/sick"), Some(State::Quarantined));
    assert_eq!(sick.tell(done()).map_err(|refused| refused.why), Err(Why::Closed));
    assert_eq!(kill(&healthy).await, runtime::Exit::Killed);
    assert_eq!(life(&healthy).await, 2, "it has an intensity of its own");
    assert_eq!(log.count("started root/many"), 1);
    let (again, _) = plain("sick").on(&node);
    assert_eq!(sup.start(again.clone()).await, Err(Refusal::Quarantined));
    assert_eq!(sup.terminate("sick").await, Ok(()));
    assert_eq!(sup.start(again).await, Ok(()), "its id is free again");
}

#[tokio::test]
async fn without_an_intensity_for_each_child_the_supervisor_gives_up() {
    let (node, _) = node();
    let many = many(template(Restart::Permanent))
        .intensity(Intensity { restarts_max: 0, period_s: 3_600 });
    let root = Supervisor::new("root", Strategy::OneForOne)
        .intensity(Intensity { restarts_max: 0, period_s: 3_600 })
        .child(many.as_child());
    plant(&node, &root).await;
    let (a, handle) = plain("a").on(&node);
    assert_eq!(many.handle().start(a).await, Ok(()));
    crash(&handle).await;
    assert_eq!(soon("the end", node.reached(Phase::Ready)).await, Phase::GaveUp);
}

#[tokio::test]
async fn all_significant_children_take_it_along_when_the_last_has_ended() {
    let (node, log) = node();
    let terms = Terms { restart: Restart::Temporary, significant: true, backoff: None };
    let many = many(Template { terms, ..template(Restart::Temporary) })
        .auto_shutdown(AutoShutdown::AllSignificant)
        .restart(Restart::Temporary);
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let sup = many.handle();
    let (a, first) = plain("a").on(&node);
    let (b, second) = plain("b").on(&node);
    assert_eq!((sup.start(a).await, sup.start(b).await), (Ok(()), Ok(())));
    end_with(&first, done()).await;
    assert_eq!(life(&second).await, 1);
    end_with(&second, done()).await;
    log.saw("stopped root/many shutdown").await;
}

#[tokio::test]
async fn a_slow_birth_holds_up_nobody_else_and_a_call_about_it_waits() {
    let (node, _) = node();
    let many = many(template(Restart::Permanent));
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let sup = many.handle();
    let gate = Gate::closed();
    let door = gate.clone();
    let slow = Script::default().init(move |_, _| {
        let door = door.clone();
        Box::pin(async move {
            door.pass().await;
            Ok(())
        })
    });
    let (slow, _) = slow.worker("slow").on(&node);
    let mut started = Box::pin(sup.start(slow));
    assert!(futures::poll!(&mut started).is_pending());
    for number in 0..20 {
        let (quick, handle) = plain(&format!("quick{number}")).on(&node);
        assert_eq!(soon("a quick one", sup.start(quick)).await, Ok(()));
        assert_eq!(life(&handle).await, 1);
    }
    let mut terminated = Box::pin(sup.terminate("slow"));
    assert!(futures::poll!(&mut terminated).is_pending());
    assert_eq!(state(&node, "root/many/slow"), Some(State::Starting));
    gate.open(1);
    assert_eq!(soon("the slow one", join(started, terminated)).await, (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_start_waits_for_the_end_of_its_namesake() {
    let (node, log) = node();
    let many = many(template(Restart::Permanent));
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let sup = many.handle();
    let gate = Gate::closed();
    let door = gate.clone();
    let slow = Script::default().leave(move |_, _| {
        let door = door.clone();
        Box::pin(async move { door.pass().await })
    });
    assert_eq!(sup.start(slow.worker("a").on(&node).0).await, Ok(()));
    let (next, handle) = plain("a").on(&node);
    let mut terminated = Box::pin(sup.terminate("a"));
    assert!(futures::poll!(&mut terminated).is_pending());
    let mut started = Box::pin(sup.start(next));
    assert!(futures::poll!(&mut started).is_pending());
    gate.open(1);
    assert_eq!(soon("both", join(terminated, started)).await, (Ok(()), Ok(())));
    assert_eq!(life(&handle).await, 1);
    let order = ["started root/many/a", "stopped root/many/a shutdown", "started root/many/a"];
    let of_it = log.lines().into_iter().filter(|line| line.contains("root/many/a"));
    assert_eq!(of_it.collect::<Vec<_>>(), order);
}

#[tokio::test(start_paused = true)]
async fn a_child_in_back_off_waits_alone_and_can_be_terminated() {
    let (node, log) = node_here();
    let backoff = Backoff {
        first: Duration::from_secs(10),
        cap: Duration::from_secs(60),
        stable: Duration::from_secs(100),
        attempts_max: 2,
    };
    let terms = Terms { restart: Restart::Permanent, significant: false, backoff: Some(backoff) };
    let many = many(Template { terms, ..template(Restart::Permanent) });
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let sup = many.handle();
    let (a, waits) = plain("a").on(&node);
    let (b, other) = plain("b").on(&node);
    assert_eq!((sup.start(a).await, sup.start(b).await), (Ok(()), Ok(())));
    crash(&waits).await;
    let restarting = || state(&node, "root/many/a") == Some(State::Restarting);
    soon("the back-off", log.until(restarting)).await;
    assert_eq!(life(&other).await, 1);
    assert_eq!(life(&waits).await, 2, "in the end it is back");
    crash(&waits).await;
    soon("the back-off", log.until(restarting)).await;
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert_eq!(
        waits.ask(ping, LONG).await.err().map(|error| error.to_string()).as_deref(),
        Some("the question was not taken: nobody reads this mailbox any more")
    );
    assert_eq!(sup.count().specs, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_children_are_started_by_sixty_four_callers_and_stopped_in_the_end() {
    const CALLERS: usize = 64;
    const EACH: usize = 10_000 / CALLERS;
    let (node, log) = node();
    let many = many(template(Restart::Temporary));
    plant(&node, &root(Strategy::OneForOne).child(many.as_child())).await;
    let node = Arc::new(node);
    let callers = (0..CALLERS).map(|caller| {
        let (node, sup) = (Arc::clone(&node), many.handle());
        async move {
            for number in 0..EACH {
                let (child, handle) = plain(&format!("{caller}-{number}")).on(&node);
                assert_eq!(sup.start(child).await, Ok(()));
                if number % 10 == 0 {
                    assert_eq!(life(&handle).await, 1);
                }
                if number % 50 == 49 {
                    assert_eq!(sup.terminate(&format!("{caller}-{number}")).await, Ok(()));
                }
            }
        }
    });
    soon("all of them", join_all(callers)).await;
    let terminated = CALLERS * (EACH / 50);
    assert_eq!(many.handle().count().active, CALLERS * EACH - terminated);
    assert_eq!(stop(&node).await, Phase::Stopped);
    let started = log.lines().iter().filter(|line| line.starts_with("started root/many/")).count();
    let stopped = log.lines().iter().filter(|line| line.starts_with("stopped root/many/")).count();
    assert_eq!((started, stopped), (CALLERS * EACH, CALLERS * EACH));
}

#[tokio::test]
async fn the_children_of_one_that_dies_by_accident_are_gone_for_good() {
    for killed in ["root/many", "root/above"] {
        let (node, log) = node();
        let many = many(template(Restart::Permanent));
        let root = match killed {
            "root/many" => root(Strategy::OneForOne).child(many.as_child()),
            _ => {
                let above = Supervisor::new("above", Strategy::OneForOne).child(many.as_child());
                root(Strategy::OneForOne).child(above.as_child())
            }
        };
        plant(&node, &root).await;
        let (a, first) = plain("a").on(&node);
        assert_eq!(many.handle().start(a).await, Ok(()));
        assert!(node.kill(killed));
        soon("closed", log.until(|| first.tell(done()).is_err())).await;
        soon("whole", log.until(|| node.is_settled())).await;
        assert_eq!(first.tell(done()).map_err(|refused| refused.why), Err(Why::Closed));
        let (a, second) = plain("a").on(&node);
        // The one that died may still be on its way out.
        let started = async {
            loop {
                match many.handle().start(a.clone()).await {
                    Err(Refusal::Ending) => tokio::task::yield_now().await,
                    started => return started,
                }
            }
        };
        assert_eq!(soon("started", started).await, Ok(()), "{killed}");
        assert_eq!(life(&second).await, 1);
    }
}
