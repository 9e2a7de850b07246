//! What the measurements share: a node as the product runs it, and actors that do next to nothing.

use std::sync::Arc;
use std::time::Duration;

use domain::time::Dice;
use domain::{BoxError, BoxFuture};
use runtime::spec::{Intensity, Restart, Shutdown, Strategy, Terms};
use runtime::{
    Actor, Child, Context, Handle, Message, Next, Node, Options, Phase, Reply, Supervisor,
    SystemClock, Template, Worker,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Enough for any measurement here.
pub(crate) const NO_LIMIT: Intensity = Intensity { restarts_max: u32::MAX, period_s: 1 };

/// What the idle ones hear.
pub(crate) enum Order {
    Ping(Reply<()>),
    Panic,
    Fail,
    Finish,
    /// Holds the thread for this long.
    Spin(Duration),
}

impl Message for Order {}

/// Answers when asked, and ends in whichever way it is told.
pub(crate) struct Dummy;

impl Actor for Dummy {
    type Message = Order;

    async fn handle(&mut self, order: Order, cx: &mut Context<Order>) -> Result<Next, BoxError> {
        match order {
            Order::Ping(reply) => reply.send(()),
            Order::Panic => panic!("as ordered"),
            Order::Fail => return Err("as ordered".into()),
            Order::Finish => return Ok(Next::Done),
            Order::Spin(duration) => {
                let until = cx.clock().monotonic() + duration;
                while cx.clock().monotonic() < until {
                    std::hint::spin_loop();
                }
            }
        }
        Ok(Next::Go)
    }
}

pub(crate) fn dummy(node: &Node, id: &str, restart: Restart) -> (Child, Handle<Order>) {
    Worker::new(id, "dummy", || Dummy).restart(restart).on(node)
}

/// Runs whatever it is given as a task of its own, on the threads of the workers.
struct Host;

/// Work to be done inside a node, where the callers of the product are.
struct Work(BoxFuture<'static, ()>);

impl Message for Work {}

impl Actor for Host {
    type Message = Work;

    async fn handle(&mut self, Work(work): Work, cx: &mut Context<Work>) -> Result<Next, BoxError> {
        cx.spawn(work);
        Ok(Next::Go)
    }
}

/// The way into a node: whoever calls its actors in the product is one of them.
pub(crate) struct Inside(Handle<Work>);

impl Inside {
    pub(crate) fn host(node: &Node) -> (Child, Inside) {
        let (child, handle) = Worker::new("host", "host", || Host).on(node);
        (child, Inside(handle))
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (done, result) = tokio::sync::oneshot::channel();
        let work = Work(Box::pin(async move {
            let _ = done.send(work.await);
        }));
        anyhow::ensure!(self.0.tell(work).is_ok(), "the host of this node takes no work");
        result.await?
    }
}

/// Dice that a run does not depend on.
pub(crate) struct FixedDice;

impl Dice for FixedDice {
    fn roll(&self) -> u64 {
        0x9e37_79b9_7f4a_7c15
    }
}

pub(crate) fn node(options: &Options) -> anyhow::Result<Node> {
    let clock = Arc::new(SystemClock::new());
    Ok(Node::new(options, clock, Arc::new(FixedDice), None)?)
}

pub(crate) async fn plant(node: &Node, root: &Supervisor) -> anyhow::Result<()> {
    node.plant(root)?;
    anyhow::ensure!(node.reached(Phase::Starting).await == Phase::Ready, "the tree did not start");
    Ok(())
}

/// A node with this many permanent children under one `one_for_one`.
pub(crate) async fn one_for_one(
    children: usize,
) -> anyhow::Result<(Node, Inside, Vec<Handle<Order>>)> {
    let node = node(&Options::default())?;
    let mut root = Supervisor::new("root", Strategy::OneForOne).intensity(NO_LIMIT);
    let (host, inside) = Inside::host(&node);
    root = root.child(host);
    let mut handles = Vec::with_capacity(children);
    for number in 0..children {
        let (child, handle) = dummy(&node, &format!("c{number}"), Restart::Permanent);
        root = root.child(child);
        handles.push(handle);
    }
    plant(&node, &root).await?;
    Ok((node, inside, handles))
}

pub(crate) fn temporary() -> Template {
    let terms = Terms { restart: Restart::Temporary, significant: false, backoff: None };
    Template { terms, shutdown: Shutdown::Deadline(PATIENCE), per_child: None }
}
