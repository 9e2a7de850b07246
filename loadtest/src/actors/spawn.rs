//! Starting and ending children of one parent, from many callers.
//!
//! Honest because a round is the same for all: the child is up and known to its parent, is told to
//! finish, and is over, before the same caller starts the next. Ours builds a specification, a
//! mailbox and a seat for each child and forgets them again; the raw child has none of these.
//! Callers are tasks of the runtime on which the children live.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use runtime::spec::{Restart, Strategy};
use runtime::{Class, Node, Options, Supervisor, SupervisorHandle};

use super::bare;
use super::stage::{self, Inside, NO_LIMIT, Order};
use crate::figures::Figures;

/// Children started, told to finish, and over, per second.
pub(crate) async fn ours(callers: usize, seconds: f64) -> anyhow::Result<Figures> {
    let node = Arc::new(stage::node(&Options::default())?);
    let nursery = Supervisor::dynamic("nursery", stage::template(Restart::Temporary));
    let nursery = nursery.intensity(NO_LIMIT);
    let keeper = nursery.handle();
    let (host, inside) = Inside::host(&node, Class::Worker);
    let root = Supervisor::new("root", Strategy::OneForOne);
    let root = root.child(host).child(nursery.as_child());
    stage::plant(&node, &root).await?;
    let lap = Lap::begin(seconds);
    let calling = (0..callers).map(|caller| {
        let (node, keeper, lap) = (Arc::clone(&node), keeper.clone(), Arc::clone(&lap));
        inside.start(async move {
            let mut number = 0_u64;
            while lap.goes_on() {
                number += 1;
                one(&node, &keeper, &format!("{caller}.{number}")).await?;
                lap.count();
            }
            Ok(())
        })
    });
    for caller in calling.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(Figures::from([("per_s", lap.per_second())]))
}

async fn one(node: &Node, keeper: &SupervisorHandle, id: &str) -> anyhow::Result<()> {
    let (child, handle) = stage::dummy(node, id, Restart::Temporary);
    keeper.start(child).await?;
    let over = handle.ended();
    anyhow::ensure!(handle.tell(Order::Finish).is_ok(), "the order to finish was refused");
    over.await;
    Ok(())
}

/// The same with `spawn_linked` of bare ractor actors.
pub(crate) async fn raw(callers: usize, seconds: f64) -> anyhow::Result<Figures> {
    let parent = bare::parent().await?;
    let lap = Lap::begin(seconds);
    let calling = (0..callers).map(|_| {
        let (parent, lap) = (parent.clone(), Arc::clone(&lap));
        tokio::spawn(async move {
            while lap.goes_on() {
                let (child, over) = bare::child(&parent).await?;
                child.send_message(bare::Finish)?;
                over.await?;
                lap.count();
            }
            anyhow::Ok(())
        })
    });
    for caller in calling.collect::<Vec<_>>() {
        caller.await??;
    }
    parent.stop(None);
    Ok(Figures::from([("per_s", lap.per_second())]))
}

/// Counts what many callers do, from the moment they have warmed up.
struct Lap {
    counts_from: Instant,
    until: Instant,
    count: AtomicU64,
}

impl Lap {
    fn begin(seconds: f64) -> Arc<Self> {
        let counts_from = Instant::now() + Duration::from_secs_f64(seconds / 5.0);
        let until = counts_from + Duration::from_secs_f64(seconds);
        Arc::new(Lap { counts_from, until, count: AtomicU64::new(0) })
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn count(&self) {
        if Instant::now() >= self.counts_from {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn per_second(&self) -> f64 {
        self.count.load(Ordering::Relaxed) as f64 / self.counts_from.elapsed().as_secs_f64()
    }
}
