//! One machine of the world: its clock, its doors, and the node that runs on it now, if any.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use futures::FutureExt;
use runtime::{Node, Options, Phase, Supervisor};
use tokio::runtime::{Builder, Runtime};

use super::Common;
use super::boot::{Boot, SimulatedClock, SimulatedDice, Trigger, lock};
use super::dial::Dial;
use super::site::{Doors, Site};
use super::trace::Line;
use super::wire::Letter;

/// Made once: to count the processors takes longer than many a boot.
static OPTIONS: LazyLock<Options> = LazyLock::new(Options::default);

/// Writes the tree of a node down, anew for each boot.
pub(super) type Plan = Box<dyn Fn(&Site<'_>) -> Supervisor>;

pub(super) struct Machine {
    pub(super) name: Arc<str>,
    plan: Plan,
    common: Arc<Common>,
    pub(super) dial: Arc<Mutex<Dial>>,
    pub(super) doors: Doors,
    boots: u32,
    /// Waits for the next boot.
    triggers: Vec<Trigger>,
    running: Option<Running>,
    later: Option<Later>,
    is_frozen: bool,
    /// Letters that came while it was frozen.
    kept: Vec<Letter>,
}

/// What is done to a node when it has made some touches more.
pub(super) enum Later {
    /// To whoever lives at this path.
    Kill(String),
    Freeze,
}

/// A node that runs. Dropped in this order: what lives on it first.
struct Running {
    runtime: Runtime,
    node: Node,
    boot: Arc<Boot>,
    stepped_to: u64,
    is_ready: bool,
}

impl Machine {
    pub(super) fn new(name: &str, plan: Plan, common: &Arc<Common>) -> Self {
        // Machines have been up for different times, so no two of them show the same.
        let up = Duration::from_secs(60 + common.chance.below(86_400));
        Machine {
            name: Arc::from(name),
            plan,
            common: Arc::clone(common),
            dial: Arc::new(Mutex::new(Dial::new(up))),
            doors: Doors::default(),
            boots: 0,
            triggers: Vec::new(),
            running: None,
            later: None,
            is_frozen: false,
            kept: Vec::new(),
        }
    }

    pub(super) fn boot(&mut self) {
        assert!(self.running.is_none(), "{} runs already", self.name);
        self.boots += 1;
        let triggers = std::mem::take(&mut self.triggers);
        let boot = Boot::new(&self.name, self.boots, &self.common, &self.dial, triggers);
        let hook = Arc::clone(&boot);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // One task, then a look at whether the world wants to step in.
            .event_interval(1)
            .on_thread_park(move || hook.rest())
            .build()
            .expect("a runtime without threads and sockets is only memory");
        let clock = Arc::new(SimulatedClock(Arc::clone(&boot)));
        let dice = Arc::new(SimulatedDice(Arc::clone(&boot)));
        let node = {
            let _here = runtime.enter();
            let node = Node::here(&OPTIONS, clock, dice, Some(boot.clone()));
            boot.write("-", &format!("boots for the {}. time", self.boots));
            let root = (self.plan)(&Site { node: &node, boot: &boot, doors: &self.doors });
            node.plant(&root).expect("the tree of a test contradicts itself nowhere");
            node
        };
        let stepped_to = self.common.now_ns();
        self.running = Some(Running { runtime, node, boot, stepped_to, is_ready: false });
    }

    /// Ends the node without a word to it.
    pub(super) fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            running.boot.cut();
            self.say("crashed");
            running.end();
        }
    }

    /// Runs the node until it has nothing left to do at this moment.
    pub(super) fn step(&mut self) {
        if self.is_frozen {
            return;
        }
        while let Some(running) = &mut self.running {
            running.step(self.common.now_ns());
            if !running.boot.is_alive() {
                return self.crash();
            }
            if !running.boot.take_pause() {
                break;
            }
            match self.later.take() {
                Some(Later::Kill(path)) => drop(running.kill(&path)),
                Some(Later::Freeze) => return self.freeze(),
                None => {}
            }
        }
        self.look_at_phase();
    }

    fn look_at_phase(&mut self) {
        let Some(running) = &mut self.running else { return };
        match running.node.reached(Phase::Ready).now_or_never() {
            Some(Phase::Stopped) => self.end("ended in order"),
            Some(Phase::GaveUp) => self.end("gave up"),
            Some(Phase::Starting | Phase::Ready) | None => {
                let phase = running.node.reached(Phase::Starting).now_or_never();
                if phase == Some(Phase::Ready) && !running.is_ready {
                    running.is_ready = true;
                    running.boot.write("-", "ready");
                }
            }
        }
    }

    /// The root is over, and with it the process.
    fn end(&mut self, how: &str) {
        if let Some(running) = self.running.take() {
            self.say(how);
            running.boot.cut();
            running.end();
        }
    }

    fn say(&self, what: &str) {
        let (at, node) = (self.common.now(), self.name.to_string());
        self.common.trace.write(Line { at, node, path: "-".to_owned(), what: what.to_owned() });
    }

    // --- what reaches it ---

    pub(super) fn next_due(&self) -> Option<u64> {
        match self.is_frozen {
            true => None,
            false => self.running.as_ref()?.boot.next_due(),
        }
    }

    pub(super) fn deliver(&mut self, letter: Letter) {
        if self.is_frozen {
            return self.kept.push(letter);
        }
        let wire = format!("wire/{}", letter.address);
        let what = format!("from {}: {}", letter.from, letter.text);
        let running = self.running.as_ref();
        let listener = running.and_then(|running| running.boot.listener(&letter.address));
        match (running, listener) {
            (Some(running), Some(listener)) => {
                if running.boot.write(&wire, &what) {
                    let _here = running.runtime.enter();
                    listener(letter);
                }
            }
            (_, _) => {
                let (at, node) = (self.common.now(), self.name.to_string());
                self.common.trace.write(Line {
                    at,
                    node,
                    path: wire,
                    what: format!("lost {what}"),
                });
            }
        }
    }

    pub(super) fn freeze(&mut self) {
        self.is_frozen = true;
        self.say("frozen");
    }

    pub(super) fn thaw(&mut self) {
        self.later = self.later.take().filter(|later| !matches!(later, Later::Freeze));
        if !std::mem::take(&mut self.is_frozen) {
            return;
        }
        self.say("thawed");
        for letter in std::mem::take(&mut self.kept) {
            self.deliver(letter);
        }
    }

    pub(super) fn crash_when(&mut self, trigger: Trigger) {
        match &self.running {
            Some(running) => running.boot.cut_when(trigger),
            None => self.triggers.push(trigger),
        }
    }

    pub(super) fn act_later(&mut self, touches: u64, later: Later) {
        self.boot_now().pause_after(touches);
        self.later = Some(later);
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    pub(super) fn kill_now(&mut self, path: &str) -> bool {
        self.running.as_ref().is_some_and(|running| running.kill(path))
    }

    // --- looking at it ---

    pub(super) fn node(&self) -> Option<&Node> {
        self.running.as_ref().map(|running| &running.node)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.is_ready)
    }

    pub(super) fn boot_now(&self) -> &Arc<Boot> {
        &self.running.as_ref().unwrap_or_else(|| panic!("{} does not run", self.name)).boot
    }
}

impl Running {
    fn step(&mut self, now: u64) {
        let passed = Duration::from_nanos(now.saturating_sub(self.stepped_to));
        self.stepped_to = now;
        self.boot.wake_due();
        let boot = &self.boot;
        self.runtime.block_on(async {
            // Timers belong to `Clock`. tokio's own clock goes along for whoever looks at it.
            if !passed.is_zero() {
                tokio::time::advance(passed).await;
            }
            boot.at_rest().await;
        });
    }

    fn kill(&self, path: &str) -> bool {
        let lived = self.node.kill(path);
        let what = if lived { "is killed from outside" } else { "was not there to be killed" };
        self.boot.write(path, what);
        lived
    }

    fn end(self) {
        let Running { runtime, node, boot, .. } = self;
        boot.clear();
        drop(runtime);
        drop(node);
        // What was dropped may have left something here once more.
        boot.clear();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            lock(&self.doors).clear();
            running.boot.cut();
            running.end();
        }
    }
}
