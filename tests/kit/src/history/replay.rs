//! Replaying a history on the real actors: in real time, or in simulated time that costs nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::time::{Clock, Dice};
use runtime::core::Refusal;
use runtime::spec::{self, Intensity, Terms};
use runtime::{
    Node, Options, Phase, Supervisor, SupervisorHandle, SystemClock, Template, Witness, Worker,
};

use super::clock::PausedClock;
use super::puppet::{End, Puppet, Recorder};
use super::{
    AutoShutdown, Child, Event, History, Kind, Line, Reason, Restart, Shutdown, ShutdownWord,
    Strategy, Sup,
};

/// Which threads the actors of a replay run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Threads of their own and a watchdog, as the product runs.
    Own,
    /// The runtime this is called from, beside other replays.
    Here,
}

/// A history under way on the real actors: its lines come as they happen.
pub struct Player {
    stage: Stage,
    ground: Ground,
}

impl Player {
    /// Starts the tree in real time, and returns what that caused.
    pub async fn begin(tree: &Sup, ground: Ground) -> Result<(Self, Vec<Line>), runtime::Error> {
        Self::begin_by(Arc::new(SystemClock::new()), tree, ground).await
    }

    async fn begin_by(
        clock: Arc<dyn Clock>,
        tree: &Sup,
        ground: Ground,
    ) -> Result<(Self, Vec<Line>), runtime::Error> {
        let recorder = Arc::new(Recorder::default());
        let witness: Arc<dyn Witness> = Arc::clone(&recorder) as Arc<dyn Witness>;
        let (its_clock, dice) = (Arc::clone(&clock), Arc::new(NoDice));
        let node = match ground {
            Ground::Own => Node::new(&OPTIONS, its_clock, dice, Some(witness))?,
            Ground::Here => Node::here(&OPTIONS, its_clock, dice, Some(witness)),
        };
        let stage = Stage { node, recorder, clock, sups: Sups::new() };
        Player { stage, ground }.plant(tree).await
    }

    async fn plant(mut self, tree: &Sup) -> Result<(Self, Vec<Line>), runtime::Error> {
        let root = self.stage.root(tree);
        self.stage.node.plant(&root)?;
        self.stage.node.reached(Phase::Starting).await;
        self.stage.settle().await;
        let mut lines = Vec::new();
        self.stage.recorder.drain(&mut lines);
        Ok((self, lines))
    }

    /// Does what line `number` says, and returns what that caused and its result.
    pub async fn play(&mut self, number: usize, event: &Event) -> Vec<Line> {
        let result = if self.stage.perform(event).await { "ok" } else { "error" };
        let mut lines = Vec::new();
        self.stage.recorder.drain(&mut lines);
        lines.push(Line::Result { result, of: number });
        lines
    }

    /// The tree as it is now, and its end.
    pub async fn end(self) -> Line {
        let finale = Line::Final { r#final: self.stage.finale() };
        match self.ground {
            // Its threads go with it, and nobody waits for a worker that will not stop.
            Ground::Own => drop(self.stage.node),
            Ground::Here => {
                self.stage.node.stop();
                self.stage.node.reached(Phase::Ready).await;
            }
        }
        finale
    }

    async fn play_all(mut self, events: &[Event], mut lines: Vec<Line>) -> Vec<Line> {
        for (number, event) in (2..).zip(events) {
            lines.extend(self.play(number, event).await);
        }
        lines.push(self.end().await);
        lines
    }
}

/// Replays a history in real time and returns its whole trace.
pub async fn replay(history: &History, ground: Ground) -> Result<Vec<Line>, runtime::Error> {
    let (player, lines) = Player::begin(&history.tree, ground).await?;
    Ok(player.play_all(&history.events, lines).await)
}

/// Replays a history on one thread under a paused clock, which jumps to the next deadline whenever
/// nobody has anything to do. The same history gives the same trace, byte for byte.
pub fn replay_simulated(history: &History) -> Result<Vec<Line>, Unplayed> {
    let simulated = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(Unplayed::Thread)?;
    simulated.block_on(async {
        let clock = Arc::new(PausedClock::new());
        let stuck = clock.sleep(STUCK_AFTER);
        let played = async {
            let (player, lines) = Player::begin_by(clock, &history.tree, Ground::Here).await?;
            Ok(player.play_all(&history.events, lines).await)
        };
        tokio::select! {
            biased;
            played = played => played,
            () = stuck => Err(Unplayed::Stuck),
        }
    })
}

/// Why a history could not be replayed to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unplayed {
    #[error("cannot make a thread's runtime")]
    Thread(#[source] std::io::Error),
    #[error(transparent)]
    Node(#[from] runtime::Error),
    #[error("the tree never comes to rest")]
    Stuck,
}

/// Made once: to count the processors takes longer than many a replay.
static OPTIONS: LazyLock<Options> = LazyLock::new(Options::default);

/// No history sleeps this long, so only one that hangs gets there; in simulated time, at once.
const STUCK_AFTER: Duration = Duration::from_secs(86_400);

/// A history has no back-off, so nothing is ever rolled for.
struct NoDice;

impl Dice for NoDice {
    fn roll(&self) -> u64 {
        0
    }
}

/// The node of one replay, and how to reach everybody on it.
struct Stage {
    node: Node,
    recorder: Arc<Recorder>,
    clock: Arc<dyn Clock>,
    sups: Sups,
}

/// The supervisors of each path: what stands there may be deleted and replaced, and comes back
/// when whoever is above is restarted. At most one of them lives.
type Sups = HashMap<String, Vec<(SupervisorHandle, Sup)>>;

impl Stage {
    async fn perform(&mut self, event: &Event) -> bool {
        let ok = match event {
            Event::Exit { exit, reason } => self.exit(exit, *reason).await,
            Event::Terminate { terminate } => self.terminate(terminate).await,
            Event::Restart { restart } => match self.keeper(restart) {
                Some((keeper, id)) => keeper.restart(id).await.is_ok(),
                None => false,
            },
            Event::Delete { delete } => match self.keeper(delete) {
                Some((keeper, id)) => keeper.delete(id).await.is_ok(),
                None => false,
            },
            Event::Start { start, child } => self.start(start, child).await,
            Event::Sleep { sleep_ms } => {
                self.clock.sleep(Duration::from_millis(*sleep_ms)).await;
                true
            }
        };
        self.settle().await;
        ok
    }

    async fn exit(&self, path: &str, reason: Reason) -> bool {
        let Some((life, puppet)) = self.recorder.puppet(path) else { return false };
        let told = match reason {
            Reason::Kill => puppet.kill(),
            Reason::Normal | Reason::Shutdown | Reason::Error => puppet.tell(End(reason)).is_ok(),
        };
        if told {
            self.until(|| self.recorder.life(path) != Some(life)).await;
        }
        told
    }

    async fn terminate(&self, path: &str) -> bool {
        let Some((keeper, id)) = self.keeper(path) else { return false };
        match keeper.terminate(id).await {
            Ok(()) => true,
            // OTP names such a child by its process, and a process that is gone counts as ended.
            Err(Refusal::NotFound) => self.is_simple(path) && self.recorder.ever_started(path),
            Err(_) => false,
        }
    }

    async fn start(&mut self, path: &str, child: &Child) -> bool {
        let Some((keeper, sup)) = self.alive(path).cloned() else { return false };
        let child = match sup.strategy {
            Strategy::SimpleOneForOne => Child { id: child.id.clone(), ..sup.children[0].clone() },
            Strategy::OneForOne | Strategy::OneForAll | Strategy::RestForOne => child.clone(),
        };
        let path = format!("{path}/{}", child.id);
        let spec = self.child(&child, &path);
        keeper.start(spec).await.is_ok()
    }

    fn alive(&self, path: &str) -> Option<&(SupervisorHandle, Sup)> {
        self.sups.get(path)?.iter().find(|(handle, _)| handle.is_alive())
    }

    fn keeper<'a>(&self, path: &'a str) -> Option<(SupervisorHandle, &'a str)> {
        let (parent, id) = path.rsplit_once('/')?;
        Some((self.alive(parent)?.0.clone(), id))
    }

    fn is_simple(&self, path: &str) -> bool {
        let parent = path.rsplit_once('/').and_then(|(parent, _)| self.alive(parent));
        parent.is_some_and(|(_, sup)| sup.strategy == Strategy::SimpleOneForOne)
    }

    async fn settle(&self) {
        self.until(|| self.node.is_settled()).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut news = std::pin::pin!(self.recorder.news.notified());
            news.as_mut().enable();
            if holds() {
                return;
            }
            news.await;
        }
    }

    fn finale(&self) -> BTreeMap<String, &'static str> {
        let book = self.recorder.book();
        let state = |path: &String| {
            if book.alive.contains_key(path) {
                return "running";
            }
            let keeps = self.keeper(path).is_some_and(|(keeper, id)| {
                !self.is_simple(path) && keeper.which().iter().any(|kid| kid.id == id)
            });
            if keeps { "stopped" } else { "gone" }
        };
        book.attempts.keys().map(|path| (path.clone(), state(path))).collect()
    }

    // --- the tree as the runtime's specifications ---

    fn root(&mut self, sup: &Sup) -> Supervisor {
        self.supervisor(sup, &sup.id)
    }

    fn supervisor(&mut self, sup: &Sup, path: &str) -> Supervisor {
        let id = path.rsplit('/').next().unwrap_or(path);
        let mut supervisor = match sup.strategy {
            Strategy::SimpleOneForOne => Supervisor::dynamic(id, template(&sup.children[0])),
            Strategy::OneForOne => Supervisor::new(id, spec::Strategy::OneForOne),
            Strategy::OneForAll => Supervisor::new(id, spec::Strategy::OneForAll),
            Strategy::RestForOne => Supervisor::new(id, spec::Strategy::RestForOne),
        };
        supervisor = supervisor
            .intensity(Intensity { restarts_max: sup.intensity, period_s: sup.period_s })
            .auto_shutdown(match sup.auto_shutdown {
                AutoShutdown::Never => spec::AutoShutdown::Never,
                AutoShutdown::AnySignificant => spec::AutoShutdown::AnySignificant,
                AutoShutdown::AllSignificant => spec::AutoShutdown::AllSignificant,
            });
        if sup.strategy != Strategy::SimpleOneForOne {
            for child in &sup.children {
                let path = format!("{path}/{}", child.id);
                supervisor = supervisor.child(self.child(child, &path));
            }
        }
        let known = self.sups.entry(path.to_owned()).or_default();
        known.push((supervisor.handle(), sup.clone()));
        supervisor
    }

    fn child(&mut self, child: &Child, path: &str) -> runtime::Child {
        let restart = restart(child.restart);
        let shutdown = shutdown(child.shutdown);
        if let (Kind::Supervisor, Some(sup)) = (child.kind, &child.sup) {
            let supervisor = self.supervisor(sup, path).restart(restart).shutdown(shutdown);
            let supervisor = if child.significant { supervisor.significant() } else { supervisor };
            return supervisor.as_child();
        }
        let puppet = Puppet {
            path: path.to_owned(),
            fails: child.fails.clone(),
            stubborn: child.stubborn,
            recorder: Arc::clone(&self.recorder),
        };
        let worker = Worker::new(&child.id, "puppet", move || puppet.clone())
            .restart(restart)
            .shutdown(shutdown);
        let worker = if child.significant { worker.significant() } else { worker };
        worker.on(&self.node).0
    }
}

fn template(child: &Child) -> Template {
    let terms =
        Terms { restart: restart(child.restart), significant: child.significant, backoff: None };
    Template { terms, shutdown: shutdown(child.shutdown), per_child: None }
}

fn restart(restart: Restart) -> spec::Restart {
    match restart {
        Restart::Permanent => spec::Restart::Permanent,
        Restart::Transient => spec::Restart::Transient,
        Restart::Temporary => spec::Restart::Temporary,
    }
}

fn shutdown(shutdown: Shutdown) -> spec::Shutdown {
    match shutdown {
        Shutdown::Word(ShutdownWord::BrutalKill) => spec::Shutdown::Brutal,
        Shutdown::Word(ShutdownWord::Infinity) => spec::Shutdown::Unbounded,
        Shutdown::Ms(ms) => spec::Shutdown::Deadline(Duration::from_millis(ms)),
    }
}
