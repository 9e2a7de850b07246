//! What the world promises to tests.

use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use kit::world::{Notes, Point, Site, World};
use runtime::spec::{Intensity, Strategy};
use runtime::{Actor, Child, Context, Handle, Message, Next, Supervisor, Worker};

const SECOND: Duration = Duration::from_secs(1);

/// Notes a beat for each second of its own clock.
struct Beater {
    notes: Notes,
    point: Point,
}

struct Beat;

impl Message for Beat {}

impl Actor for Beater {
    type Message = Beat;

    async fn init(&mut self, cx: &mut Context<Beat>) -> Result<(), BoxError> {
        let (clock, myself) = (cx.clock(), cx.myself());
        cx.spawn(async move {
            loop {
                clock.sleep(SECOND).await;
                let _ = myself.tell(Beat);
            }
        });
        Ok(())
    }

    async fn handle(&mut self, _beat: Beat, cx: &mut Context<Beat>) -> Result<Next, BoxError> {
        self.notes.write(&cx.path(), "hears a beat");
        self.point.reach(&cx.path()).await;
        self.notes.write(&cx.path(), "has heard it");
        Ok(Next::Go)
    }
}

fn beater(site: &Site<'_>, id: &str) -> (Child, Handle<Beat>) {
    let (notes, point) = (site.notes(), site.point("half way"));
    Worker::new(id, "beater", move || Beater { notes: notes.clone(), point: point.clone() })
        .on(site)
}

fn house(site: &Site<'_>) -> Supervisor {
    let (one, handle) = beater(site, "one");
    site.wire().listen("one", move |_letter| {
        // Nobody waits for an answer.
        let _ = handle.tell(Beat);
    });
    Supervisor::new("root", Strategy::OneForOne)
        .intensity(Intensity { restarts_max: 3, period_s: 5 })
        .child(one)
        .child(beater(site, "two").0)
}

fn world() -> World {
    let mut world = World::new(1);
    world.node("a", house);
    world.run_for(Duration::ZERO);
    world
}

/// How many lines of this node end so.
fn count(world: &World, node: &str, what: &str) -> usize {
    world.lines().iter().filter(|line| line.node == node && line.what == what).count()
}

#[test]
fn time_passes_as_fast_as_nothing_happens() {
    let mut world = world();
    world.run_for(3_600 * SECOND);
    assert_eq!(world.now(), 3_600 * SECOND);
    assert_eq!(count(&world, "a", "has heard it"), 2 * 3_600);
}

#[test]
fn a_node_crashes_at_every_touch_and_boots_again() {
    let touches = {
        let mut world = World::new(1);
        world.node("a", house);
        let before = world.touches("a");
        world.run_for(SECOND);
        world.touches("a") - before
    };
    assert!(20 < touches, "{touches}");
    for touch in 0..touches {
        let mut world = World::new(1);
        world.node("a", house);
        world.crash_after("a", touch);
        assert!(world.run_until(SECOND, |world| !world.runs("a")), "crashed at touch {touch}");
        assert!(world.lines().last().is_some_and(|line| line.what == "crashed"), "{touch}");
        world.boot_again("a");
        world.run_for(SECOND);
        assert!(world.is_ready("a"), "touch {touch}");
    }
}

#[test]
fn a_crash_in_the_middle_of_a_handler_is_the_last_thing_it_does() {
    let mut world = world();
    world.crash_at("a", "half way");
    world.run_for(10 * SECOND);
    assert_eq!((count(&world, "a", "hears a beat"), count(&world, "a", "has heard it")), (1, 0));
    assert!(!world.runs("a"));
}

#[test]
fn a_node_that_is_gone_leaves_nothing_behind() {
    let probe = Arc::new(());
    let witness = Arc::clone(&probe);
    let mut world = World::new(1);
    world.node("a", move |site| {
        let held = Arc::clone(&witness);
        let (notes, point) = (site.notes(), site.point("half way"));
        let make = move || {
            let _held = &held;
            Beater { notes: notes.clone(), point: point.clone() }
        };
        let inner = Supervisor::new("inner", Strategy::OneForOne)
            .child(Worker::new("one", "beater", make).on(site).0);
        Supervisor::new("root", Strategy::OneForOne).child(inner.as_child())
    });
    let count = || Arc::strong_count(&probe);
    world.run_for(SECOND);
    // This test, the plan, and the specification of the worker.
    assert_eq!(count(), 3);
    world.crash("a");
    assert_eq!(count(), 2);
    world.boot_again("a");
    world.run_for(SECOND);
    world.kill("a", "root/inner");
    world.run_for(SECOND);
    world.stop("a");
    world.run_for(SECOND);
    assert_eq!(count(), 2);
}

#[test]
fn a_clock_drifts_stands_still_and_goes_on() {
    let mut world = world();
    world.drift("a", 500_000);
    // Each beat is due at a whole nanosecond of the world, so the fifteenth comes a little later.
    world.run_for(10 * SECOND + Duration::from_millis(1));
    assert_eq!(count(&world, "a", "has heard it"), 2 * 15);
    world.hold_clock("a", true);
    world.run_for(10 * SECOND);
    assert_eq!(count(&world, "a", "has heard it"), 2 * 15);
    world.hold_clock("a", false);
    world.run_for(2 * SECOND);
    assert_eq!(count(&world, "a", "has heard it"), 2 * 18);
}

#[test]
fn a_frozen_node_hears_late_what_it_missed() {
    let mut world = world();
    world.node("b", |site| {
        site.wire().send("a", "one", "hello");
        Supervisor::new("root", Strategy::OneForOne)
    });
    world.run_for(Duration::ZERO);
    world.freeze("a");
    world.run_for(10 * SECOND);
    assert_eq!(count(&world, "a", "hears a beat"), 0);
    world.thaw("a");
    world.run_for(Duration::ZERO);
    // One beat was overdue for each of the two, and one came from the other node.
    assert_eq!(count(&world, "a", "has heard it"), 3);
}

#[test]
fn whoever_is_killed_is_brought_back_until_it_is_too_often() {
    let mut world = world();
    for restart in 1..=3 {
        assert!(world.kill("a", "root/two"));
        world.run_for(Duration::ZERO);
        assert_eq!(count(&world, "a", "stopped: killed"), restart);
        let root = world.tree("a").expect("it runs");
        assert_eq!(root.children[1].restarts, restart as u32);
    }
    world.kill_after("a", 0, "root/two");
    world.run_for(SECOND);
    assert_eq!(count(&world, "a", "gave up"), 1);
    assert!(!world.runs("a"));
}

#[test]
#[should_panic(expected = "a never comes to rest")]
fn a_node_that_spins_is_found() {
    let mut world = World::new(1);
    world.node("a", |site| {
        let clock = site.clock();
        let make = move || Spinner { clock: clock.clone() };
        let (spinner, _) = Worker::new("spinner", "spinner", make).on(site);
        Supervisor::new("root", Strategy::OneForOne).child(spinner)
    });
    world.run_for(SECOND);
}

/// Waits for no time at all, again and again.
struct Spinner {
    clock: Arc<dyn domain::time::Clock>,
}

impl Actor for Spinner {
    type Message = ();

    async fn init(&mut self, cx: &mut Context<()>) -> Result<(), BoxError> {
        let clock = Arc::clone(&self.clock);
        cx.spawn(async move {
            loop {
                clock.sleep(Duration::ZERO).await;
                tokio::task::yield_now().await;
            }
        });
        Ok(())
    }

    async fn handle(&mut self, _: (), _: &mut Context<()>) -> Result<Next, BoxError> {
        Ok(Next::Go)
    }
}
