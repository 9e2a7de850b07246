//! Replaying a history on the real actors, in real time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::BoxError;
use domain::time::{Clock, Dice};
use runtime::core::Refusal;
use runtime::spec::{self, Intensity, Terms};
use runtime::{
    Actor, Context, Handle, Leave, Message, Next, Node, Options, Phase, Sight, Supervisor,
    SupervisorHandle, SystemClock, Template, Witness, Worker,
};
use tokio::sync::Notify;

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

/// Replays a history and returns its whole trace.
pub async fn replay(history: &History, ground: Ground) -> Result<Vec<Line>, runtime::Error> {
    let recorder = Arc::new(Recorder::default());
    let witness: Arc<dyn Witness> = Arc::clone(&recorder) as Arc<dyn Witness>;
    let (options, clock) = (Options::default(), Arc::new(SystemClock::new()));
    let dice = Arc::new(NoDice);
    let node = match ground {
        Ground::Own => Node::new(&options, clock.clone(), dice, Some(witness))?,
        Ground::Here => Node::here(&options, clock.clone(), dice, Some(witness)),
    };
    let mut stage = Stage { node, recorder, clock, sups: HashMap::new(), puppets: HashMap::new() };
    let root = stage.sup(&history.tree, &history.tree.id.clone());
    stage.node.plant(&root)?;
    let mut lines = Vec::new();
    stage.node.reached(Phase::Starting).await;
    stage.settle().await;
    stage.recorder.drain(&mut lines);
    for (number, event) in (2..).zip(&history.events) {
        let result = if stage.perform(event).await { "ok" } else { "error" };
        stage.recorder.drain(&mut lines);
        lines.push(Line::Result { result, of: number });
    }
    lines.push(Line::Final { r#final: stage.finale() });
    stage.node.stop();
    stage.node.reached(Phase::Ready).await;
    Ok(lines)
}

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
    clock: Arc<SystemClock>,
    sups: HashMap<String, (SupervisorHandle, Sup)>,
    puppets: HashMap<String, Handle<End>>,
}

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
        let Some(puppet) = self.puppets.get(path) else { return false };
        let Some(life) = self.recorder.life(path) else { return false };
        let told = match reason {
            Reason::Kill => puppet.kill(),
            Reason::Normal | Reason::Shutdown | Reason::Error => puppet.tell(End(reason)).is_ok(),
        };
        assert!(told, "{path} is alive, so it hears");
        self.until(|| self.recorder.life(path) != Some(life)).await;
        true
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
        let Some((keeper, sup)) = self.sups.get(path).cloned() else { return false };
        let child = match sup.strategy {
            Strategy::SimpleOneForOne => Child { id: child.id.clone(), ..sup.children[0].clone() },
            Strategy::OneForOne | Strategy::OneForAll | Strategy::RestForOne => child.clone(),
        };
        let mut cast = Cast::default();
        let spec = self.child(&child, &format!("{path}/{}", child.id), &mut cast);
        let ok = keeper.start(spec).await.is_ok();
        if ok {
            self.take_on(cast);
        }
        ok
    }

    fn keeper<'a>(&self, path: &'a str) -> Option<(SupervisorHandle, &'a str)> {
        let (parent, id) = path.rsplit_once('/')?;
        Some((self.sups.get(parent)?.0.clone(), id))
    }

    fn is_simple(&self, path: &str) -> bool {
        let parent = path.rsplit_once('/').and_then(|(parent, _)| self.sups.get(parent));
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

    fn sup(&mut self, sup: &Sup, path: &str) -> Supervisor {
        let mut cast = Cast::default();
        let supervisor = self.supervisor(sup, path, &mut cast);
        self.take_on(cast);
        supervisor
    }

    fn take_on(&mut self, cast: Cast) {
        self.sups.extend(cast.sups);
        self.puppets.extend(cast.puppets);
    }

    fn supervisor(&self, sup: &Sup, path: &str, cast: &mut Cast) -> Supervisor {
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
                supervisor = supervisor.child(self.child(child, &path, cast));
            }
        }
        cast.sups.insert(path.to_owned(), (supervisor.handle(), sup.clone()));
        supervisor
    }

    fn child(&self, child: &Child, path: &str, cast: &mut Cast) -> runtime::Child {
        let restart = restart(child.restart);
        let shutdown = shutdown(child.shutdown);
        if let (Kind::Supervisor, Some(sup)) = (child.kind, &child.sup) {
            let supervisor = self.supervisor(sup, path, cast).restart(restart).shutdown(shutdown);
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
        let (spec, handle) = worker.on(&self.node);
        cast.puppets.insert(path.to_owned(), handle);
        spec
    }
}

/// Handles of a part of the tree that may not come to be.
#[derive(Default)]
struct Cast {
    sups: HashMap<String, (SupervisorHandle, Sup)>,
    puppets: HashMap<String, Handle<End>>,
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

/// Tells a puppet to end by itself.
struct End(Reason);

impl Message for End {}

/// A worker that does what the history says.
#[derive(Clone)]
struct Puppet {
    path: String,
    fails: Vec<u32>,
    stubborn: bool,
    recorder: Arc<Recorder>,
}

impl Actor for Puppet {
    type Message = End;

    async fn init(&mut self, _cx: &mut Context<End>) -> Result<(), BoxError> {
        let attempt = self.recorder.book().attempts.get(&self.path).copied().unwrap_or(0) + 1;
        match self.fails.contains(&attempt) {
            true => Err("as the history says".into()),
            false => Ok(()),
        }
    }

    async fn handle(&mut self, End(reason): End, _cx: &mut Context<End>) -> Result<Next, BoxError> {
        match reason {
            Reason::Normal => Ok(Next::Done),
            Reason::Shutdown => Ok(Next::Shutdown),
            Reason::Error | Reason::Kill => Err("as the history says".into()),
        }
    }

    async fn leave(&mut self, why: Leave, _cx: &mut Context<End>) {
        if self.stubborn && why == Leave::Asked {
            std::future::pending::<()>().await;
        }
    }
}

/// Writes down what happens, in the order it is known.
#[derive(Default)]
struct Recorder {
    book: Mutex<Book>,
    news: Notify,
}

#[derive(Default)]
struct Book {
    lines: Vec<Line>,
    /// Attempts to start each path, over the whole history.
    attempts: BTreeMap<String, u32>,
    /// The attempt by which a path is alive now.
    alive: HashMap<String, u32>,
    ever: std::collections::HashSet<String>,
}

impl Recorder {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life(&self, path: &str) -> Option<u32> {
        self.book().alive.get(path).copied()
    }

    fn ever_started(&self, path: &str) -> bool {
        self.book().ever.contains(path)
    }

    fn drain(&self, lines: &mut Vec<Line>) {
        lines.append(&mut self.book().lines);
    }
}

impl Witness for Recorder {
    fn saw(&self, path: &str, sight: &Sight) {
        let mut book = self.book();
        match sight {
            Sight::Started | Sight::Failed => {
                let n = book.attempts.entry(path.to_owned()).or_default();
                *n += 1;
                let n = *n;
                let path = path.to_owned();
                if *sight == Sight::Started {
                    book.alive.insert(path.clone(), n);
                    book.ever.insert(path.clone());
                    book.lines.push(Line::Started { started: path, n });
                } else {
                    book.lines.push(Line::Failed { failed: path, n });
                }
            }
            Sight::Stopped(exit) => {
                book.alive.remove(path);
                let reason = exit.word();
                book.lines.push(Line::Stopped { stopped: path.to_owned(), reason });
            }
            Sight::AtRest => {}
        }
        drop(book);
        self.news.notify_waiters();
    }
}
