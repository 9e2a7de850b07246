//! Two nodes that play ball for a while, with all that may go wrong; prints the trace of a seed.
//!
//! The players drop balls (panic) as their dice fall, and one node crashes in the middle of a
//! handler and is booted again. `two_nodes SEED` prints the same bytes in every process.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use domain::BoxError;
use kit::world::{Notes, Point, Site, Wire, World};
use runtime::spec::{Backoff, Intensity, Strategy};
use runtime::{Actor, Child, Context, Message, Next, Supervisor, Worker};

/// How long they play, before and after the crash.
const HALF: Duration = Duration::from_secs(10);
const DOWN: Duration = Duration::from_millis(1_500);
/// One throw in so many is a panic.
const CLUMSINESS: u64 = 12;
/// The moment between the catch and the throw.
const BALL_IN_HAND: &str = "the ball is in hand";

fn main() -> anyhow::Result<()> {
    let seed = std::env::args().nth(1).context("usage: two_nodes SEED")?;
    let seed = seed.parse().with_context(|| format!("`{seed}` is no seed: write a number"))?;
    let mut world = World::new(seed);
    world.node("ann", |site| team(site, "bob"));
    world.node("bob", |site| team(site, "ann"));
    world.run_for(HALF);
    world.crash_at("bob", BALL_IN_HAND);
    world.run_until(HALF, |world| !world.runs("bob"));
    world.run_for(DOWN);
    world.boot_again("bob");
    world.run_for(HALF);
    for name in ["ann", "bob"] {
        if world.runs(name) {
            world.stop(name);
        }
    }
    world.run_for(HALF);
    std::io::stdout().write_all(world.trace().as_bytes())?;
    Ok(())
}

/// Three players under one supervisor. Ids of balls say who threw them, and nothing of a process.
fn team(site: &Site<'_>, other: &'static str) -> Supervisor {
    let players = ["left", "middle", "right"];
    let team = Supervisor::new("team", Strategy::RestForOne)
        .intensity(Intensity { restarts_max: 20, period_s: 5 });
    let team = players.into_iter().fold(team, |team, id| team.child(player(site, id, other)));
    Supervisor::new("root", Strategy::OneForOne).child(team.as_child())
}

fn player(site: &Site<'_>, id: &'static str, other: &'static str) -> Child {
    let (notes, wire, point) = (site.notes(), site.wire(), site.point(BALL_IN_HAND));
    let make = move || Player {
        id,
        other,
        notes: notes.clone(),
        wire: wire.clone(),
        point: point.clone(),
        thrown: 0,
    };
    let worker = Worker::new(id, "player", make);
    // One of them is brought back slowly, so that back-off and its jitter are in the trace.
    let (child, handle) = match id {
        "right" => worker.backoff(SLOWLY).on(site),
        _ => worker.on(site),
    };
    site.wire().listen(id, move |letter| {
        // A player with too many balls waiting does not see this one.
        let _ = handle.tell(Ball(letter.text));
    });
    child
}

const SLOWLY: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(1),
    stable: Duration::from_secs(2),
    attempts_max: 1_000,
};

struct Ball(String);

impl Message for Ball {}

struct Player {
    id: &'static str,
    other: &'static str,
    notes: Notes,
    wire: Wire,
    point: Point,
    thrown: u32,
}

impl Actor for Player {
    type Message = Ball;

    async fn init(&mut self, cx: &mut Context<Ball>) -> Result<(), BoxError> {
        // Balls get lost with whoever held them, so everyone brings one from time to time.
        let (clock, dice, myself) = (cx.clock(), cx.dice(), cx.myself());
        cx.spawn(async move {
            loop {
                clock.sleep(Duration::from_millis(500 + dice.roll() % 1_000)).await;
                let _ = myself.tell(Ball("a new ball".to_owned()));
            }
        });
        Ok(())
    }

    async fn handle(&mut self, ball: Ball, cx: &mut Context<Ball>) -> Result<Next, BoxError> {
        let path = cx.path();
        self.notes.write(&path, format!("catches {}", ball.0));
        cx.clock().sleep(Duration::from_micros(cx.dice().roll() % 5_000)).await;
        self.point.reach(&path).await;
        let roll = cx.dice().roll();
        assert!(!roll.is_multiple_of(CLUMSINESS), "drops the ball");
        if roll % CLUMSINESS == 1 {
            return Err("throws it out of the field".into());
        }
        self.thrown += 1;
        let to = ["left", "middle", "right"][(roll % 3) as usize];
        let ball = format!("ball {} of {} {}", self.thrown, cx.path(), self.id);
        self.wire.send(self.other, to, ball);
        Ok(Next::Go)
    }
}
