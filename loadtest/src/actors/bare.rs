//! Raw ractor as a reference: a parent that hears of its children's ends, and children that end
//! when told.

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
