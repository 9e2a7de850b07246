use domain::BoxError;
use domain::time::Dice;

use super::*;
use crate::spec::{Intensity, Strategy};
use crate::{Actor, Context, Message, Next, Node, Options, Supervisor, SystemClock, Worker};

struct Sevens;

impl Dice for Sevens {
    fn roll(&self) -> u64 {
        7
    }
}

/// Holds its thread until it is let go.
struct Spinner;

#[derive(Debug)]
struct Hold(Arc<AtomicBool>);

impl Message for Hold {}

impl Actor for Spinner {
    type Message = Hold;

    async fn handle(&mut self, hold: Hold, _cx: &mut Context<Hold>) -> Result<Next, BoxError> {
        while !hold.0.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        Ok(Next::Go)
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    // A bound in looks and not in time: each gives way to everybody else.
    for _ in 0..100_000_000_u64 {
        if holds() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("never: {what}");
}

#[test]
fn a_thread_that_comes_back_is_not_lost_any_more() {
    let options = Options {
        watchdog_threshold: Duration::from_millis(50),
        lost_threads_max: 2,
        ..Options::default()
    };
    let (clock, dice) = (Arc::new(SystemClock::new()), Arc::new(Sevens));
    let node = Node::new(&options, clock, dice, None).expect("threads can be started");
    let (child, handle) = Worker::new("a", "spinner", || Spinner).on(&node);
    let root = Supervisor::new("root", Strategy::OneForOne)
        .intensity(Intensity { restarts_max: 100, period_s: 1 })
        .child(child);
    node.plant(&root).expect("the tree is in order");
    let threads = &node.shared().threads;
    for _ in 0..4 {
        let let_go = Arc::new(AtomicBool::new(false));
        handle.tell(Hold(Arc::clone(&let_go))).expect("room");
        wait_until("the thread is lost", || threads.lost() == 1);
        let_go.store(true, Ordering::SeqCst);
        wait_until("the thread is back", || threads.lost() == 0);
    }
    assert_eq!(node.why(), "");
}

#[test]
fn the_kernel_tells_of_a_thread_what_the_watchdog_asks() {
    let own = own_thread_id();
    assert_ne!(own, 0);
    let before = time_on_processor(own);
    wait_until("time on a processor", || before < time_on_processor(own));
    assert!(!is_blocked(own), "it runs, for it asks");
    assert_eq!(time_on_processor(0), Duration::ZERO, "a thread that is gone");
    assert!(!is_blocked(0));
    let (waits, parked) = std::sync::mpsc::sync_channel::<()>(0);
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            tell.send(own_thread_id()).expect("somebody listens");
            let _ = parked.recv();
        });
        let other = told.recv().expect("it says so");
        wait_until("it is blocked", || is_blocked(other));
        drop(waits);
    });
}
