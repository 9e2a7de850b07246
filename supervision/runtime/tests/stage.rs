//! The stage: nodes, puppets that do what they are told, and a log of what was seen.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use domain::time::{self, Clock};
use domain::tree::{self, State};
use domain::{BoxError, BoxFuture};
use futures::future::{Either, select};
use runtime::spec::{Intensity, Strategy};
use runtime::{
    Actor, Context, Exit, Handle, Leave, Message, Next, Node, Options, Phase, Reply, Sight,
    Supervisor, SystemClock, Witness, Worker,
};
use tokio::sync::{Notify, Semaphore};

/// The deadline of whatever will happen soon; far longer than any machine needs.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Awaits what must happen.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let late = SystemClock::new().sleep(LONG);
    match select(pin!(work), late).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("not within {LONG:?}: {what}"),
    }
}

// --- nodes ---

/// Numbers that look random and are the same in each run.
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(AtomicU64::new(seed))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        time::Dice::roll(self) % bound
    }
}

impl time::Dice for Dice {
    fn roll(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15_u64;
        let mut mixed = self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A node with threads of its own, and what its witness saw.
pub(crate) fn node() -> (Node, Arc<Log>) {
    node_with(&Options::default())
}

pub(crate) fn node_with(options: &Options) -> (Node, Arc<Log>) {
    let log = Arc::new(Log::default());
    let witness = Arc::clone(&log) as Arc<dyn Witness>;
    let clock = Arc::new(SystemClock::new());
    let node = Node::new(options, clock, Arc::new(Dice::new(7)), Some(witness));
    (node.expect("threads can be started"), log)
}

/// A node on the test's own thread, in virtual time.
pub(crate) fn node_here() -> (Node, Arc<Log>) {
    let log = Arc::new(Log::default());
    let witness = Arc::clone(&log) as Arc<dyn Witness>;
    let clock = Arc::new(VirtualClock::new());
    let node = Node::here(&Options::default(), clock, Arc::new(Dice::new(7)), Some(witness));
    (node, log)
}

/// The clock of a paused tokio runtime: it jumps to the next timer when nobody has work.
pub(crate) struct VirtualClock(tokio::time::Instant);

impl VirtualClock {
    #[expect(clippy::disallowed_methods, reason = "the adapter of virtual time")]
    pub(crate) fn new() -> Self {
        VirtualClock(tokio::time::Instant::now())
    }
}

#[expect(clippy::disallowed_methods, reason = "the adapter of virtual time")]
impl Clock for VirtualClock {
    fn wall(&self) -> Duration {
        self.0.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // Its timers are tokio's, and so are the system clock's.
        SystemClock::new().sleep(duration)
    }
}

/// A root that accepts as many restarts as a test wants.
pub(crate) fn root(strategy: Strategy) -> Supervisor {
    Supervisor::new("root", strategy).intensity(patient())
}

pub(crate) fn patient() -> Intensity {
    Intensity { restarts_max: 100_000, period_s: 1 }
}

/// Plants a tree and waits until all of it is up.
pub(crate) async fn plant(node: &Node, root: &Supervisor) {
    node.plant(root).expect("the tree does not contradict itself");
    let phase = soon("the tree is up", node.reached(Phase::Starting)).await;
    assert_eq!(phase, Phase::Ready, "{}", node.why());
}

/// Stops the tree and tells how that ended.
pub(crate) async fn stop(node: &Node) -> Phase {
    node.stop();
    soon("the tree is down", node.reached(Phase::Ready)).await
}

/// The actor at this path, as the tree shows it now.
pub(crate) fn at(node: &Node, path: &str) -> tree::Actor {
    find(node, path).unwrap_or_else(|| panic!("nobody sits at {path}"))
}

pub(crate) fn find(node: &Node, path: &str) -> Option<tree::Actor> {
    let mut ids = path.split('/');
    let mut actor = node.census().tree();
    assert_eq!(Some(actor.id.as_str()), ids.next(), "a path begins at the root");
    for id in ids {
        actor = actor.children.into_iter().find(|child| child.id == id)?;
    }
    Some(actor)
}

pub(crate) fn state(node: &Node, path: &str) -> Option<State> {
    find(node, path).map(|actor| actor.state)
}

// --- the log ---

/// What happened, in the order it was told: by the witness, and by puppets.
#[derive(Default)]
pub(crate) struct Log {
    lines: Mutex<Vec<String>>,
    news: Notify,
}

impl Log {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.lock().push(line.into());
        self.news.notify_waiters();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Takes out what was noted so far.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lock().iter().filter(|noted| *noted == line).count()
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.count(line) > 0
    }

    /// Where this line stands among all; it must be there.
    pub(crate) fn place(&self, line: &str) -> usize {
        let place = self.lock().iter().position(|noted| noted == line);
        place.unwrap_or_else(|| panic!("nothing noted {line:?}: {:#?}", self.lines()))
    }

    /// Waits until this was noted.
    pub(crate) async fn saw(&self, line: &str) {
        soon(line, self.until(|| self.has(line))).await;
    }

    /// Waits until something holds; looks whenever anything happens.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            if holds() {
                return;
            }
            news.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Log {
    fn saw(&self, path: &str, sight: &Sight) {
        match sight {
            Sight::Started => self.note(format!("started {path}")),
            Sight::Failed => self.note(format!("failed {path}")),
            Sight::Stopped(exit) => self.note(format!("stopped {path} {}", exit.word())),
            Sight::AtRest => self.news.notify_waiters(),
        }
    }
}

// --- puppets ---

pub(crate) type Outcome = Result<Next, BoxError>;

type Deed =
    Box<dyn for<'a> FnOnce(&'a mut Puppet, &'a mut Context<Do>) -> BoxFuture<'a, Outcome> + Send>;

/// Something for a puppet to do.
pub(crate) struct Do {
    pub(crate) bytes: usize,
    deed: Deed,
}

impl Message for Do {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl std::fmt::Debug for Do {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "something of {} bytes to do", self.bytes)
    }
}

impl Do {
    pub(crate) fn weighing(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

pub(crate) fn act(
    deed: impl for<'a> FnOnce(&'a mut Puppet, &'a mut Context<Do>) -> BoxFuture<'a, Outcome>
    + Send
    + 'static,
) -> Do {
    Do { bytes: 8, deed: Box::new(deed) }
}

/// Without a wait in it.
pub(crate) fn at_once(deed: impl FnOnce(&mut Context<Do>) -> Outcome + Send + 'static) -> Do {
    act(move |_, cx| {
        let outcome = deed(cx);
        Box::pin(async move { outcome })
    })
}

pub(crate) fn fail() -> Do {
    at_once(|_| Err("as it was told".into()))
}

pub(crate) fn panic_now() -> Do {
    at_once(|_| panic!("as it was told"))
}

pub(crate) fn done() -> Do {
    at_once(|_| Ok(Next::Done))
}

/// Answers with the number of its life.
pub(crate) fn ping(reply: Reply<u32>) -> Do {
    act(move |puppet, _| {
        reply.send(puppet.life);
        Box::pin(async { Ok(Next::Go) })
    })
}

/// Waits at the gate and is done with it.
pub(crate) fn wait_at(gate: &Gate) -> Do {
    let gate = gate.clone();
    act(move |_, _| {
        Box::pin(async move {
            gate.pass().await;
            Ok(Next::Go)
        })
    })
}

/// Notes this line.
pub(crate) fn note(log: &Arc<Log>, line: &str) -> Do {
    let (log, line) = (Arc::clone(log), line.to_owned());
    at_once(move |_| {
        log.note(line);
        Ok(Next::Go)
    })
}

/// Holds its thread until it is let go.
pub(crate) fn spin(leash: &Leash) -> Do {
    let held = leash.held();
    at_once(move |_| {
        held.spin();
        Ok(Next::Go)
    })
}

/// The life of whoever lives there now, or will next.
pub(crate) async fn life(handle: &Handle<Do>) -> u32 {
    handle.ask(ping, LONG).await.expect("somebody lives there")
}

/// Resolves with the end of whoever lives there now, or comes to live there next.
#[expect(clippy::async_yields_async, reason = "who watches must do so before anything happens")]
pub(crate) async fn watch(handle: &Handle<Do>) -> impl Future<Output = Exit> {
    let watching = async {
        loop {
            let mut ended = Box::pin(handle.ended());
            match futures::poll!(&mut ended) {
                Poll::Pending => return ended,
                Poll::Ready(_) => tokio::task::yield_now().await,
            }
        }
    };
    let ended = soon("somebody lives there", watching).await;
    async { ended.await.expect("somebody lives there") }
}

/// Sends something that ends the incarnation, and waits until that is over.
pub(crate) async fn end_with(handle: &Handle<Do>, what: Do) -> Exit {
    let ended = watch(handle).await;
    handle.tell(what).expect("there is room");
    soon("the end", ended).await
}

pub(crate) async fn crash(handle: &Handle<Do>) -> Exit {
    end_with(handle, fail()).await
}

pub(crate) async fn kill(handle: &Handle<Do>) -> Exit {
    let ended = watch(handle).await;
    assert!(handle.kill(), "somebody lives there");
    soon("the end", ended).await
}

/// Lets its handler hang, and waits until it does.
pub(crate) async fn hang(handle: &Handle<Do>) {
    let began = Gate::closed();
    let begins = began.clone();
    let hangs = act(move |_, _| {
        begins.open(1);
        Box::pin(std::future::pending())
    });
    handle.tell(hangs).expect("there is room");
    soon("the handler", began.pass()).await;
}

/// An actor that does what it is told, and at its start and end what its script says.
pub(crate) struct Puppet {
    pub(crate) life: u32,
    script: Script,
}

type Init =
    dyn for<'a> Fn(u32, &'a mut Context<Do>) -> BoxFuture<'a, Result<(), BoxError>> + Send + Sync;
type Exeunt = dyn for<'a> Fn(Leave, &'a mut Context<Do>) -> BoxFuture<'a, ()> + Send + Sync;

#[derive(Clone, Default)]
pub(crate) struct Script {
    lives: Arc<AtomicU32>,
    init: Option<Arc<Init>>,
    leave: Option<Arc<Exeunt>>,
}

impl Script {
    pub(crate) fn init(
        mut self,
        init: impl for<'a> Fn(u32, &'a mut Context<Do>) -> BoxFuture<'a, Result<(), BoxError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.init = Some(Arc::new(init));
        self
    }

    pub(crate) fn leave(
        mut self,
        leave: impl for<'a> Fn(Leave, &'a mut Context<Do>) -> BoxFuture<'a, ()> + Send + Sync + 'static,
    ) -> Self {
        self.leave = Some(Arc::new(leave));
        self
    }

    /// Its attempts with these numbers, from 1, fail to start.
    pub(crate) fn fails(self, attempts: &'static [u32]) -> Self {
        self.init(move |life, _| {
            Box::pin(async move {
                match attempts.contains(&life) {
                    true => Err("as the script says".into()),
                    false => Ok(()),
                }
            })
        })
    }

    /// It does not end by itself when it is asked to.
    pub(crate) fn stubborn(self) -> Self {
        self.leave(|_, _| Box::pin(std::future::pending()))
    }

    pub(crate) fn lives(&self) -> u32 {
        self.lives.load(Ordering::SeqCst)
    }

    pub(crate) fn worker(
        &self,
        id: &str,
    ) -> Worker<impl Fn() -> Puppet + Send + Sync + 'static + use<>> {
        let script = self.clone();
        Worker::new(id, "puppet", move || {
            let life = script.lives.fetch_add(1, Ordering::SeqCst) + 1;
            Puppet { life, script: script.clone() }
        })
    }
}

/// A worker without a script.
pub(crate) fn plain(id: &str) -> Worker<impl Fn() -> Puppet + Send + Sync + 'static + use<>> {
    Script::default().worker(id)
}

impl Actor for Puppet {
    type Message = Do;

    async fn init(&mut self, cx: &mut Context<Do>) -> Result<(), BoxError> {
        match &self.script.init {
            Some(init) => init(self.life, cx).await,
            None => Ok(()),
        }
    }

    async fn handle(&mut self, message: Do, cx: &mut Context<Do>) -> Outcome {
        (message.deed)(self, cx).await
    }

    async fn leave(&mut self, why: Leave, cx: &mut Context<Do>) {
        if let Some(leave) = &self.script.leave {
            leave(why, cx).await;
        }
    }
}

// --- what holds somebody up ---

/// Lets through as many as it was opened for.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Gate(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self, for_how_many: usize) {
        self.0.add_permits(for_how_many);
    }

    pub(crate) async fn pass(&self) {
        self.0.acquire().await.expect("a gate is never torn down").forget();
    }
}

/// Keeps code in a loop until it is let go, at the latest when the test is over.
#[derive(Default)]
pub(crate) struct Leash(Held);

#[derive(Default, Clone)]
pub(crate) struct Held(Arc<AtomicBool>);

impl Leash {
    pub(crate) fn held(&self) -> Held {
        self.0.clone()
    }

    pub(crate) fn let_go(&self) {
        self.0.0.store(true, Ordering::SeqCst);
    }

    /// Holds nobody.
    pub(crate) fn freed() -> Held {
        let leash = Leash::default();
        leash.held()
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Held {
    pub(crate) fn is_let_go(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Burns a processor.
    pub(crate) fn spin(&self) {
        while !self.is_let_go() {
            std::hint::spin_loop();
        }
    }

    /// Blocks the thread, as a call into the kernel does.
    pub(crate) fn block(&self) {
        while !self.is_let_go() {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}
