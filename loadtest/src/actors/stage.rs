//! What the measurements share: a node as the product runs it, and actors that do next to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::time::Dice;
use domain::{BoxError, BoxFuture};
use runtime::spec::{Intensity, Restart, Shutdown, Strategy, Terms};
use runtime::{
    Actor, Child, Class, Context, Handle, Message, Next, Node, Options, Phase, Reply, Supervisor,
    SystemClock, Template, Unanswered, Worker,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Enough for any measurement here.
pub(crate) const NO_LIMIT: Intensity = Intensity { restarts_max: u32::MAX, period_s: 1 };

/// What a dummy hears.
pub(crate) enum Order {
    /// Asks for the number of the incarnation that answers.
    Ping(Reply<u64>),
    Panic,
    Fail,
    Finish,
    /// Says that it begins, then holds its thread for this long.
    Spin(Duration, Reply<Spinning>),
    /// Computes until it has used this much time of a processor, then answers.
    Compute(Duration, Reply<()>),
}

impl Message for Order {}

/// Incarnations of dummies so far; each has the number it was born under.
static BORN: AtomicU64 = AtomicU64::new(0);

/// Every incarnation that is born from now on has this number or a higher one.
pub(crate) fn next_number() -> u64 {
    BORN.load(Ordering::SeqCst)
}

/// Answers when asked, and ends in whichever way it is told.
pub(crate) struct Dummy {
    number: u64,
}

impl Dummy {
    fn new() -> Self {
        Dummy { number: BORN.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Actor for Dummy {
    type Message = Order;

    async fn handle(&mut self, order: Order, _cx: &mut Context<Order>) -> Result<Next, BoxError> {
        match order {
            Order::Ping(reply) => reply.send(self.number),
            Order::Panic => panic!("as ordered"),
            Order::Fail => return Err("as ordered".into()),
            Order::Finish => return Ok(Next::Done),
            Order::Spin(duration, began) => {
                let spinning = Spinning::here();
                began.send(spinning);
                spin_until(|| spinning.began.elapsed() >= duration);
            }
            Order::Compute(wanted, done) => {
                let before = time_on_processor();
                spin_until(|| time_on_processor().saturating_sub(before) >= wanted);
                done.send(());
            }
        }
        Ok(Next::Go)
    }
}

fn spin_until(is_enough: impl Fn() -> bool) {
    while !is_enough() {
        for _ in 0..2_000 {
            std::hint::spin_loop();
        }
    }
}

/// How long the calling thread has been on a processor.
fn time_on_processor() -> Duration {
    // Where the kernel does not say, nothing is computed rather than for ever.
    schedule_of("thread-self").map_or(Duration::MAX, |[ran, _]| ran)
}

/// How long a thread has run, and how long it has waited for a processor.
fn schedule_of(thread: &str) -> Option<[Duration; 2]> {
    let text = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).ok()?;
    let mut nanos = text.split(' ').map(|nanos| nanos.parse().map(Duration::from_nanos).ok());
    Some([nanos.next()??, nanos.next()??])
}

/// A handler that holds its thread: since when, and which thread that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spinning {
    pub(crate) began: Instant,
    thread: u32,
    waited_before: Duration,
}

impl Spinning {
    fn here() -> Self {
        let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
        let number = link.file_name().and_then(|name| name.to_str()?.parse().ok());
        let mut this = Spinning {
            began: Instant::now(),
            thread: number.unwrap_or(0),
            waited_before: Duration::ZERO,
        };
        this.waited_before = this.waited();
        this.began = Instant::now();
        this
    }

    /// How long its thread has waited for a processor since it began.
    pub(crate) fn waited(&self) -> Duration {
        let schedule = schedule_of(&format!("self/task/{}", self.thread));
        schedule.map_or(Duration::ZERO, |[_, waited]| waited.saturating_sub(self.waited_before))
    }
}

pub(crate) fn dummy(node: &Node, id: &str, restart: Restart) -> (Child, Handle<Order>) {
    Worker::new(id, "dummy", Dummy::new).restart(restart).on(node)
}

/// Asks until an incarnation of this number or a higher one answers.
///
/// Without the number an answer that the old incarnation gave while the kill was still on its way
/// would count as that of its replacement.
pub(crate) async fn answered_by(handle: &Handle<Order>, number: u64) -> anyhow::Result<()> {
    loop {
        match handle.ask(Order::Ping, PATIENCE).await {
            Ok(answer) if answer >= number => return Ok(()),
            Ok(_) | Err(Unanswered::Lost) => {}
            Err(error) => anyhow::bail!("the replacement did not answer: {error}"),
        }
    }
}

/// How a dummy is made to crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Crash {
    Kill,
    Panic,
    Fail,
}

impl Crash {
    pub(crate) fn inflict(self, handle: &Handle<Order>) -> anyhow::Result<()> {
        let taken = match self {
            Crash::Kill => handle.kill(),
            Crash::Panic => handle.tell(Order::Panic).is_ok(),
            Crash::Fail => handle.tell(Order::Fail).is_ok(),
        };
        anyhow::ensure!(taken, "nobody there to crash");
        Ok(())
    }
}

/// Runs whatever it is given as a task of its own.
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
#[derive(Clone)]
pub(crate) struct Inside(Handle<Work>);

impl Inside {
    /// Callers on the threads of this class.
    pub(crate) fn host(node: &Node, class: Class) -> (Child, Inside) {
        let (child, handle) = Worker::new("host", "host", || Host).class(class).on(node);
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

    /// Runs it beside whatever else runs.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> tokio::task::JoinHandle<anyhow::Result<T>> {
        let inside = self.clone();
        tokio::spawn(async move { inside.run(work).await })
    }
}

/// Dice that a run does not depend on: only back-off rolls them, and nothing here backs off.
struct FixedDice;

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

/// A node with this many permanent dummies under one `one_for_one`, and callers inside.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) inside: Inside,
    pub(crate) handles: Vec<Handle<Order>>,
}

impl Stage {
    pub(crate) async fn set(
        options: &Options,
        children: usize,
        callers: Class,
    ) -> anyhow::Result<Self> {
        let node = node(options)?;
        let mut root = Supervisor::new("root", Strategy::OneForOne).intensity(NO_LIMIT);
        let (host, inside) = Inside::host(&node, callers);
        root = root.child(host);
        let mut handles = Vec::with_capacity(children);
        for number in 0..children {
            let (child, handle) = dummy(&node, &format!("c{number}"), Restart::Permanent);
            root = root.child(child);
            handles.push(handle);
        }
        plant(&node, &root).await?;
        Ok(Stage { node, inside, handles })
    }

    /// How often each dummy was restarted, as the tree tells.
    pub(crate) fn restarts(&self) -> Vec<u32> {
        let tree = self.node.census().tree();
        tree.children.iter().filter(|actor| actor.kind == "dummy").map(|a| a.restarts).collect()
    }
}

/// A template of children that are let go at their end, or brought back.
pub(crate) fn template(restart: Restart) -> Template {
    let terms = Terms { restart, significant: false, backoff: None };
    Template { terms, shutdown: Shutdown::Deadline(PATIENCE), per_child: None }
}

/// Numbers that scatter well and cost nothing: xorshift from a fixed seed.
pub(crate) struct Scatter(u64);

impl Scatter {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Scatter(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
