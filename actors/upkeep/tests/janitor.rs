//! The janitor in a simulated world: what goes, when, and in how many portions.

use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::{Address, Id, Kind};
use domain::journal::{Append, Body, Claim, Error, Journal, Post, Seq, Status};
use domain::records::{
    Broken, Chain, DeadLetter, Entry, Letter, Line, Position, Query, Records, Replayed, Retention,
    Summary, Tidied, Unmended,
};
use domain::time::{Clock, Timestamp};
use futures::executor::block_on;
use kit::world::World;
use runtime::Supervisor;
use runtime::spec::Strategy;
use upkeep::janitor::{self, Every, Plan};

const NODE: &str = "a";
const EVERY: Duration = Duration::from_secs(60);
/// In a world this is long ago.
const LONG_AGO: Timestamp = Timestamp::from_millis(0);
/// Entities that have ended.
const ENDED: u8 = 50;

fn world() -> World {
    let mut world = World::new(7);
    world.node(NODE, |site| {
        let plan = Plan { every: Every(EVERY), ..Plan::default() };
        let janitor = janitor::spec(site, site.records(), plan);
        Supervisor::new("root", Strategy::OneForOne).child(janitor)
    });
    world
}

/// An entity whose only turn was at this time, and left it so.
fn live(world: &World, number: u8, at: Timestamp, status: Status) {
    let journal = world.journal();
    let entity = Address { kind: Kind::Plan, id: Id::from_bytes([number; 16]) };
    let body = Body { name: "said".into(), version: 1, bytes: vec![7; 10] };
    let post =
        Post { to: entity, key: "k".into(), from: None, opens: true, body: body.clone(), at };
    block_on(journal.post(post)).expect("it is taken");
    let claim = Claim { entity, boot: entity.id, format: 1 };
    let claimed = block_on(journal.claim(claim)).expect("it works").expect("it is there");
    let append = Append {
        events: vec![body],
        status,
        ..Append::new(entity.id, entity, claimed.epoch, Seq(0), at)
    };
    block_on(journal.append(Arc::new(append))).expect("it is taken");
}

fn entities(world: &World) -> usize {
    block_on(world.journal().entities(Query::default(), 1_000)).expect("it can say").len()
}

#[test]
fn what_is_over_for_long_goes_at_the_next_look_and_the_rest_stays() {
    let mut world = world();
    for number in 1..=ENDED {
        live(&world, number, LONG_AGO, Status::Closed);
    }
    live(&world, 100, LONG_AGO, Status::Open);
    live(&world, 101, LONG_AGO, Status::Quarantined("it cannot be read".to_owned()));
    // The newest event of all stays as well, whosever it is.
    live(&world, 102, Timestamp::from_millis(u64::MAX / 2), Status::Closed);

    world.run_for(EVERY - Duration::from_secs(1));
    assert_eq!(entities(&world), usize::from(ENDED) + 3, "it has looked too early");
    world.run_for(Duration::from_secs(5));
    assert_eq!(entities(&world), 3);
}

#[test]
fn one_that_is_killed_looks_again_in_its_next_life() {
    let mut world = world();
    live(&world, 1, LONG_AGO, Status::Closed);
    live(&world, 2, LONG_AGO, Status::Open);
    world.run_for(EVERY / 2);
    assert!(world.kill(NODE, "root/janitor"));
    world.run_for(EVERY - Duration::from_secs(1));
    assert_eq!(entities(&world), 2);
    world.run_for(Duration::from_secs(2));
    assert_eq!(entities(&world), 1);
}

/// Says of its first portions that there is more, then that it cannot, then that all is done; and
/// notes when it was asked.
struct Grudging {
    clock: Arc<dyn Clock>,
    asked_ms: Arc<Mutex<Vec<u128>>>,
}

impl Grudging {
    fn answer(&self) -> Result<Tidied, Error> {
        let mut asked_ms = self.asked_ms.lock().expect("nobody panics");
        asked_ms.push(self.clock.monotonic().as_millis());
        match asked_ms.len() {
            1 | 2 => Ok(Tidied { more: true, ..Tidied::default() }),
            3 => Err(Error::Unavailable("the disk is full".to_owned())),
            _ => Ok(Tidied::default()),
        }
    }
}

/// Nobody asks for this here.
fn never<T: Send + 'static>() -> BoxFuture<'static, T> {
    Box::pin(pending())
}

impl Records for Grudging {
    fn entities(&self, _: Query, _: u32) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        never()
    }

    fn entity(&self, _: Address) -> BoxFuture<'_, Result<Option<Entry>, Error>> {
        never()
    }

    fn names(&self, _: Address, _: Blob) -> BoxFuture<'_, Result<bool, Error>> {
        never()
    }

    fn dead_letters(
        &self,
        _: Option<Letter>,
        _: u32,
    ) -> BoxFuture<'_, Result<Vec<Summary>, Error>> {
        never()
    }

    fn dead_letter(&self, _: Letter) -> BoxFuture<'_, Result<Option<DeadLetter>, Error>> {
        never()
    }

    fn replay(&self, _: Letter, _: Timestamp) -> BoxFuture<'_, Result<Replayed, Error>> {
        never()
    }

    fn discard_letter(&self, _: Letter, _: Timestamp) -> BoxFuture<'_, Result<bool, Error>> {
        never()
    }

    fn release(
        &self,
        _: Address,
        _: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>> {
        never()
    }

    fn discard(
        &self,
        _: Address,
        _: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>> {
        never()
    }

    fn audit(&self, _: Position, _: u32) -> BoxFuture<'_, Result<Vec<Line>, Error>> {
        never()
    }

    fn verify_audit(&self) -> BoxFuture<'_, Result<Result<Chain, Broken>, Error>> {
        never()
    }

    fn tidy(&self, _: Timestamp, _: Retention) -> BoxFuture<'_, Result<Tidied, Error>> {
        Box::pin(ready(self.answer()))
    }
}

#[test]
fn portions_follow_each_other_while_there_is_more_and_trouble_waits_for_the_next_look() {
    let asked_ms: Arc<Mutex<Vec<u128>>> = Arc::default();
    let book = Arc::clone(&asked_ms);
    let mut world = World::new(7);
    world.node(NODE, move |site| {
        let records = Arc::new(Grudging { clock: site.clock(), asked_ms: Arc::clone(&book) });
        let plan = Plan { every: Every(EVERY), ..Plan::default() };
        let janitor = janitor::spec(site, records, plan);
        Supervisor::new("root", Strategy::OneForOne).child(janitor)
    });
    world.run_for(EVERY * 3 + Duration::from_secs(1));
    let asked_ms = asked_ms.lock().expect("nobody panics").clone();
    let pauses_ms: Vec<u128> = asked_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses_ms, [20, 20, 60_000, 60_000]);
    let crashed = world.lines().iter().any(|line| line.what.starts_with("stopped"));
    assert!(!crashed, "{}", world.trace());
}
