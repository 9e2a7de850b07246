//! The tree as it is written down: supervisors, workers, and who is whose child.
//!
//! A specification is a value. It holds what survives a restart: the terms, the mailbox, and how
//! to make a new incarnation. It is checked as a whole before anything starts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorCell;

use crate::actor::{Actor, Context};
use crate::exit::Exit;
use crate::handle::Handle;
use crate::incarnation::Incarnation;
use crate::mailbox::{Bounds, Mailbox, Message, Mourner, Post};
use crate::node::{Node, Shared};
use crate::spec::{
    AutoShutdown, Backoff, Contradiction, Intensity, Restart, Shutdown, Strategy, Terms,
};
use crate::supervisor::{Office, SupervisorHandle};
use crate::threads::Class;
use crate::worker::Cradle;

/// How long a worker may take to start, unless its specification says otherwise.
const START_DEADLINE_MS: u32 = 30_000;
/// How long a worker may take to end when asked, unless its specification says otherwise.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// One child, ready to be handed to a supervisor.
#[derive(Clone)]
pub struct Child {
    pub(crate) spec: Arc<dyn Spec>,
}

/// What every specification says, in as few bytes as it can: there is one for each actor.
pub(crate) struct Head {
    pub(crate) id: Arc<str>,
    pub(crate) kind: &'static str,
    restart: Restart,
    significant: bool,
    backoff: Option<Box<Backoff>>,
    pub(crate) shutdown: Shutdown,
    pub(crate) class: Class,
    start_deadline_ms: u32,
}

impl Head {
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            restart: self.restart,
            significant: self.significant,
            backoff: self.backoff.as_deref().copied(),
        }
    }

    pub(crate) fn start_deadline(&self) -> Duration {
        Duration::from_millis(self.start_deadline_ms.into())
    }
}

/// A specification: what survives the restarts of one child.
pub(crate) trait Spec: Send + Sync {
    fn head(&self) -> &Head;

    fn body(self: Arc<Self>) -> Body;

    /// The mailbox of a worker.
    fn post(&self) -> Option<&dyn Post>;

    /// Closes the mailbox of a worker, or of everybody a supervisor is written down with.
    fn close_posts(&self);
}

pub(crate) enum Body {
    Worker(Arc<dyn Birth>),
    Supervisor(Arc<Branch>),
}

/// A supervisor as the child of another, or as the root.
pub(crate) struct Branch {
    head: Head,
    pub(crate) plan: Supervisor,
}

impl Spec for Branch {
    fn head(&self) -> &Head {
        &self.head
    }

    fn body(self: Arc<Self>) -> Body {
        Body::Supervisor(self)
    }

    fn post(&self) -> Option<&dyn Post> {
        None
    }

    fn close_posts(&self) {
        if let Plan::Ordered(_, children) = &self.plan.plan {
            children.iter().for_each(|child| child.spec.close_posts());
        }
    }
}

/// Brings up a new incarnation of a worker.
pub(crate) trait Birth: Send + Sync {
    fn bear(
        self: Arc<Self>,
        incarnation: Arc<Incarnation>,
        parent: ActorCell,
    ) -> Result<ActorCell, String>;
}

/// A worker as it is being written down.
pub struct Worker<F> {
    head: Head,
    make: F,
    bounds: Bounds,
    mourner: Option<Mourner>,
}

impl<A: Actor, F: Fn() -> A + Send + Sync + 'static> Worker<F> {
    /// A permanent worker of this kind; `make` is called once for each incarnation.
    pub fn new(id: &str, kind: &'static str, make: F) -> Self {
        let head = Head {
            id: Arc::from(id),
            kind,
            restart: Restart::Permanent,
            significant: false,
            backoff: None,
            shutdown: Shutdown::Deadline(STOP_DEADLINE),
            class: Class::Worker,
            start_deadline_ms: START_DEADLINE_MS,
        };
        Worker { head, make, bounds: Bounds::default(), mourner: None }
    }

    pub fn restart(mut self, restart: Restart) -> Self {
        self.head.restart = restart;
        self
    }

    pub fn significant(mut self) -> Self {
        self.head.significant = true;
        self
    }

    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.head.backoff = Some(Box::new(backoff));
        self
    }

    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.head.shutdown = shutdown;
        self
    }

    pub fn mailbox(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    pub fn class(mut self, class: Class) -> Self {
        self.head.class = class;
        self
    }

    pub fn start_deadline(mut self, deadline: Duration) -> Self {
        self.head.start_deadline_ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// Called once, when its first incarnation is over, with how that ended; with nothing if it is
    /// never started. It must return at once: it runs wherever that is found out.
    pub(crate) fn mourned(mut self, mourn: impl FnOnce(Option<&Exit>) + Send + 'static) -> Self {
        self.mourner = Some(Mourner::new(mourn));
        self
    }

    /// The specification, and the handle that is valid for all incarnations.
    pub fn on(self, node: &Node) -> (Child, Handle<A::Message>) {
        self.on_shared(Arc::clone(node.shared()))
    }

    /// The same on the node of an actor that will start it.
    pub fn beside<M: Message>(self, cx: &Context<M>) -> (Child, Handle<A::Message>) {
        self.on_shared(Arc::clone(cx.node()))
    }

    fn on_shared(self, node: Arc<Shared>) -> (Child, Handle<A::Message>) {
        let mailbox = Mailbox::new(self.bounds, node);
        let mailbox = Arc::new(match self.mourner {
            Some(mourner) => mailbox.mourned(mourner),
            None => mailbox,
        });
        let handle = Handle::new(Arc::clone(&mailbox));
        let cradle = Cradle::<A, F> { head: self.head, make: self.make, mailbox };
        (Child { spec: Arc::new(cradle) }, handle)
    }
}

/// A supervisor as it is written down.
#[derive(Clone)]
pub struct Supervisor {
    pub(crate) id: Arc<str>,
    pub(crate) plan: Plan,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) terms: Terms,
    pub(crate) shutdown: Shutdown,
    pub(crate) class: Class,
    pub(crate) office: Arc<Office>,
}

/// Whose children are these: a fixed list in order, or any number of one template.
#[derive(Clone)]
pub(crate) enum Plan {
    Ordered(Strategy, Vec<Child>),
    Dynamic(Template),
}

/// What all children of a dynamic supervisor have in common.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    pub terms: Terms,
    pub shutdown: Shutdown,
    /// With it a child that crashes too often is quarantined, and the supervisor goes on.
    pub per_child: Option<Intensity>,
}

impl Supervisor {
    /// A supervisor of children in order, itself permanent and stopped without a deadline.
    pub fn new(id: &str, strategy: Strategy) -> Self {
        Supervisor::with_plan(id, Plan::Ordered(strategy, Vec::new()))
    }

    /// A supervisor of any number of children that know nothing of each other.
    pub fn dynamic(id: &str, template: Template) -> Self {
        Supervisor::with_plan(id, Plan::Dynamic(template))
    }

    fn with_plan(id: &str, plan: Plan) -> Self {
        Supervisor {
            id: Arc::from(id),
            plan,
            intensity: Intensity::default(),
            auto_shutdown: AutoShutdown::Never,
            terms: Terms { restart: Restart::Permanent, significant: false, backoff: None },
            shutdown: Shutdown::Unbounded,
            class: Class::Control,
            office: Arc::default(),
        }
    }

    /// Whose threads it lives on. Those of supervisors, unless it and its children hand things to
    /// each other all the time.
    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Adds a child to the right of those there are. A dynamic supervisor has none at first.
    pub fn child(mut self, child: Child) -> Self {
        match &mut self.plan {
            Plan::Ordered(_, children) => children.push(child),
            Plan::Dynamic(_) => panic!("a dynamic supervisor is given its children by calls"),
        }
        self
    }

    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    pub fn restart(mut self, restart: Restart) -> Self {
        self.terms.restart = restart;
        self
    }

    pub fn significant(mut self) -> Self {
        self.terms.significant = true;
        self
    }

    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.terms.backoff = Some(backoff);
        self
    }

    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// The way to this supervisor, whichever incarnation of it lives.
    pub fn handle(&self) -> SupervisorHandle {
        SupervisorHandle::new(Arc::clone(&self.office))
    }

    /// The supervisor as the child of another.
    pub fn as_child(&self) -> Child {
        let head = Head {
            id: Arc::clone(&self.id),
            kind: "supervisor",
            restart: self.terms.restart,
            significant: self.terms.significant,
            backoff: self.terms.backoff.map(Box::new),
            shutdown: self.shutdown,
            class: self.class,
            start_deadline_ms: START_DEADLINE_MS,
        };
        Child { spec: Arc::new(Branch { head, plan: self.clone() }) }
    }

    /// Refuses what contradicts itself, anywhere below, with the path to it.
    pub fn check(&self) -> Result<(), Contradiction> {
        check_id(&self.id, &self.id)?;
        self.check_at(&self.id)
    }

    fn check_at(&self, path: &str) -> Result<(), Contradiction> {
        let here = |what| Contradiction { path: path.to_owned(), what };
        self.intensity.check().map_err(here)?;
        match &self.plan {
            Plan::Ordered(_, children) => {
                let mut ids = HashSet::new();
                for child in children {
                    let path = format!("{path}/{}", child.id());
                    if !ids.insert(child.id()) {
                        return Err(Contradiction { path, what: "two children have this id" });
                    }
                    child.check_at(&path, self.auto_shutdown)?;
                }
                Ok(())
            }
            Plan::Dynamic(template) => {
                if let Some(intensity) = template.per_child {
                    intensity.check().map_err(here)?;
                }
                template.terms.check(self.auto_shutdown).map_err(here)
            }
        }
    }
}

impl Child {
    pub fn id(&self) -> &str {
        &self.spec.head().id
    }

    pub(crate) fn check_at(
        &self,
        path: &str,
        auto_shutdown: AutoShutdown,
    ) -> Result<(), Contradiction> {
        let here = |what| Contradiction { path: path.to_owned(), what };
        check_id(self.id(), path)?;
        self.spec.head().terms().check(auto_shutdown).map_err(here)?;
        if self.spec.post().is_some_and(Post::takes_nothing) {
            return Err(here("a mailbox with a bound of 0 takes nothing"));
        }
        match Arc::clone(&self.spec).body() {
            Body::Worker(_) => Ok(()),
            Body::Supervisor(branch) => branch.plan.check_at(path),
        }
    }
}

fn check_id(id: &str, path: &str) -> Result<(), Contradiction> {
    match id.is_empty() || id.contains('/') {
        true => {
            Err(Contradiction { path: path.to_owned(), what: "an id is a word without slashes" })
        }
        false => Ok(()),
    }
}
