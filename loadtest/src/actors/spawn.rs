//! Starting and ending children of one dynamic supervisor, from many callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use runtime::spec::{Restart, Strategy};
use runtime::{Options, Supervisor};

use super::stage::{self, Inside, NO_LIMIT, Order};

/// Children started, told to finish, and over, per second.
pub(crate) async fn ours(callers: usize, seconds: f64) -> anyhow::Result<f64> {
    let node = Arc::new(stage::node(&Options::default())?);
    let nursery = Supervisor::dynamic("nursery", stage::temporary()).intensity(NO_LIMIT);
    let keeper = nursery.handle();
    let (host, inside) = Inside::host(&node);
    let root = Supervisor::new("root", Strategy::OneForOne);
    let root = root.child(host).child(nursery.as_child());
    stage::plant(&node, &root).await?;
    let inside = Arc::new(inside);
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(seconds);
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let (node, keeper, count) = (Arc::clone(&node), keeper.clone(), Arc::clone(&count));
        let inside = Arc::clone(&inside);
        let calling = async move {
            let mut number = 0_u64;
            while Instant::now() < until {
                number += 1;
                let id = format!("{caller}.{number}");
                let (child, handle) = stage::dummy(&node, &id, Restart::Temporary);
                keeper.start(child).await?;
                let over = handle.ended();
                let told = handle.tell(Order::Finish);
                anyhow::ensure!(told.is_ok(), "the order to finish was refused");
                over.await;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        tasks.push(tokio::spawn(async move { inside.run(calling).await }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// The same with `spawn_linked` of bare ractor actors.
pub(crate) async fn raw(callers: usize, seconds: f64) -> anyhow::Result<f64> {
    let parent = bare::parent().await?;
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(seconds);
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let (parent, count) = (parent.clone(), Arc::clone(&count));
        tasks.push(tokio::spawn(async move {
            while Instant::now() < until {
                let (child, over) = bare::child(&parent).await?;
                child.send_message(bare::Finish)?;
                over.await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    parent.stop(None);
    Ok(count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

pub(crate) mod bare {
    //! A parent that hears of its children's ends, and children that end when told.

    use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

    pub(crate) struct Finish;
    struct Parent;
    struct Child;

    impl Actor for Parent {
        type Msg = ();
        type State = ();
        type Arguments = ();
        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
        async fn handle_supervisor_evt(
            &self,
            _: ActorRef<()>,
            _: SupervisionEvent,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
    }

    impl Actor for Child {
        type Msg = Finish;
        type State = ();
        type Arguments = ();
        async fn pre_start(&self, _: ActorRef<Finish>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
        async fn handle(
            &self,
            myself: ActorRef<Finish>,
            Finish: Finish,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            myself.stop(None);
            Ok(())
        }
    }

    pub(crate) async fn parent() -> anyhow::Result<ActorCell> {
        let (actor, _) = Actor::spawn(None, Parent, ()).await?;
        Ok(actor.get_cell())
    }

    pub(crate) async fn child(
        parent: &ActorCell,
    ) -> anyhow::Result<(ActorRef<Finish>, ractor::concurrency::JoinHandle<()>)> {
        Ok(Actor::spawn_linked(None, Child, (), parent.clone()).await?)
    }
}
