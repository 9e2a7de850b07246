//! The world: nodes with clocks, dice and doors that a seed decides, stepped in one thread.
//!
//! Each node is a runtime of its own without threads. The world knows every sleeper of every node
//! and every letter between them, goes to the first moment at which something is due, and lets one
//! node after the other, in the order of their names, run until it has nothing left to do. Nothing
//! waits for real time, and the same seed gives the same trace, byte by byte, in every process.
//!
//! A crash cuts a node off from all its ports in the middle of whatever it does, drops its runtime,
//! and forgets everything but what the world keeps: clocks of machines, books of doors, letters
//! under way. Actors of different nodes meet on the [`Wire`] and nowhere else.

mod boot;
mod commits;
mod dial;
mod dice;
mod door;
mod journal;
mod machine;
mod outside;
mod points;
mod seeds;
mod site;
mod trace;
mod wire;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::tree;
use runtime::Supervisor;

use crate::journal::FakeJournal;

use boot::lock;
use dial::nanos;
use machine::{Later, Machine};

pub use dice::SeededDice;
pub use door::{FakeDoor, Served};
pub use outside::Done;
pub use points::{POINTS, point_of};
pub use seeds::seeds;
pub use site::{Notes, Point, Site};
pub use trace::Line;
pub use wire::{Letter, Wire};

/// Lines of the trace that a failing test shows; all of them when it replays a seed.
const LINES_SHOWN: usize = 60;

/// What all nodes of a world share.
struct Common {
    seed: u64,
    now: AtomicU64,
    trace: trace::Trace,
    letters: Mutex<wire::Letters>,
    /// The world's own dice; nodes have theirs.
    chance: SeededDice,
    /// One for all nodes: what is in it outlives them.
    journal: Arc<FakeJournal>,
    commits: commits::Commits,
    outside: Arc<outside::Book>,
}

impl Common {
    fn now_ns(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.now_ns())
    }

    fn go_to(&self, moment: u64) {
        self.now.fetch_max(moment, Ordering::Relaxed);
    }
}

/// Some nodes, and everything between them.
///
/// A test that fails prints the seed of its world and the end of the trace.
pub struct World {
    common: Arc<Common>,
    machines: BTreeMap<String, Machine>,
    faults: SeededDice,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let common = Common {
            seed,
            now: AtomicU64::new(0),
            trace: trace::Trace::default(),
            letters: Mutex::default(),
            chance: SeededDice::of(seed, "world"),
            journal: Arc::default(),
            commits: commits::Commits::default(),
            outside: Arc::default(),
        };
        let faults = SeededDice::of(seed, "faults");
        World { common: Arc::new(common), machines: BTreeMap::new(), faults }
    }

    /// Boots a node of this name. `plan` writes its tree down; it is called again for each boot.
    pub fn node(&mut self, name: &str, plan: impl Fn(&Site<'_>) -> Supervisor + 'static) {
        assert!(!self.machines.contains_key(name), "there is a node {name} already");
        let mut machine = Machine::new(name, Box::new(plan), &self.common);
        machine.boot();
        self.machines.insert(name.to_owned(), machine);
    }

    // --- time ---

    /// How long the world has been going.
    pub fn now(&self) -> Duration {
        self.common.now()
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.common.now_ns().saturating_add(nanos(span));
        self.step();
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            self.common.go_to(next);
            self.deliver();
            self.step();
        }
        self.common.go_to(end);
    }

    /// Lets time pass until this holds, but no more than `most`. Tells whether it came to hold.
    pub fn run_until(&mut self, most: Duration, mut holds: impl FnMut(&World) -> bool) -> bool {
        let end = self.common.now_ns().saturating_add(nanos(most));
        self.step();
        while !holds(self) {
            let Some(next) = self.next_event().filter(|next| *next <= end) else {
                self.common.go_to(end);
                return holds(self);
            };
            self.common.go_to(next);
            self.deliver();
            self.step();
        }
        true
    }

    fn next_event(&self) -> Option<u64> {
        let arrival = lock(&self.common.letters).next_arrival();
        let due = self.machines.values().filter_map(Machine::next_due);
        due.chain(arrival).chain(self.common.commits.next()).min()
    }

    fn deliver(&mut self) {
        let now = self.common.now_ns();
        self.common.commits.go_on(&self.common);
        loop {
            // Taken out first: whoever reads a letter may send the next one.
            let Some(letter) = lock(&self.common.letters).arrived(now) else { return };
            if let Some(machine) = self.machines.get_mut(&letter.to) {
                machine.deliver(letter);
            }
        }
    }

    fn step(&mut self) {
        self.machines.values_mut().for_each(Machine::step);
    }

    // --- faults ---

    /// Drops a node where it stands.
    pub fn crash(&mut self, name: &str) {
        assert!(self.runs(name), "{name} does not run");
        self.machine(name).crash();
    }

    /// Crashes a node at the first line of the trace that is as described, from that line on;
    /// a node that does not run is crashed after its next boot.
    pub fn crash_when(&mut self, name: &str, is_last: impl Fn(&Line) -> bool + Send + 'static) {
        self.machine(name).crash_when(Box::new(is_last));
    }

    /// Crashes a node when it comes to this place: one of [`POINTS`], or a [`Point`] of a test.
    pub fn crash_at(&mut self, name: &str, point: &str) {
        let point = point.to_owned();
        self.crash_when(name, move |line| points::is_at(&point, line));
    }

    /// Crashes a node when it touches one of its ports after this many touches more: with every
    /// number somewhere else, in the middle of handlers as well.
    pub fn crash_after(&mut self, name: &str, touches: u64) {
        self.machine(name).boot_now().cut_after(touches);
    }

    /// Starts a node that is down once more; it remembers nothing.
    pub fn boot_again(&mut self, name: &str) {
        self.machine(name).boot();
    }

    /// Asks a node to end in order.
    pub fn stop(&mut self, name: &str) {
        let machine = self.machine(name);
        machine.node().unwrap_or_else(|| panic!("{name} does not run")).stop();
    }

    /// Kills the actor at this path as an accident would. Tells whether one lived there.
    pub fn kill(&mut self, name: &str, path: &str) -> bool {
        self.machine(name).kill_now(path)
    }

    /// The same after so many more touches of ports by its node, while others are at work.
    pub fn kill_after(&mut self, name: &str, touches: u64, path: &str) {
        self.machine(name).act_later(touches, Later::Kill(path.to_owned()));
    }

    /// Stops a node as a debugger would, while the world and the node's own clock go on.
    pub fn freeze(&mut self, name: &str) {
        self.machine(name).freeze();
    }

    /// The same after so many more touches of its ports, in the middle of what it does.
    pub fn freeze_after(&mut self, name: &str, touches: u64) {
        self.machine(name).act_later(touches, Later::Freeze);
    }

    /// Lets it go on, or not freeze after all; what came meanwhile comes at once.
    pub fn thaw(&mut self, name: &str) {
        self.machine(name).thaw();
    }

    /// Lets the clock of a machine run faster than the world by so many millionths.
    pub fn drift(&mut self, name: &str, ppm: i32) {
        let now = self.common.now_ns();
        lock(&self.machine(name).dial).drift(now, ppm);
    }

    /// Lets the clock of a machine stand still, or go on: nothing becomes due meanwhile.
    pub fn hold_clock(&mut self, name: &str, stands_still: bool) {
        let now = self.common.now_ns();
        lock(&self.machine(name).dial).stand_still(now, stands_still);
    }

    /// Puts the wall clock of a machine forward, or back below zero.
    pub fn jump_wall(&mut self, name: &str, ahead_ms: i64) {
        lock(&self.machine(name).dial).jump(ahead_ms);
    }

    /// From now on a commit takes up to so long; as always without one.
    pub fn stall_journal(&mut self, longest: Option<Duration>) {
        self.common.commits.stall(longest);
    }

    /// Crashes the machine of the journal. What was acknowledged is there when it is up again; of
    /// what was not, some is and some is forgotten.
    pub fn crash_journal(&mut self, down_for: Duration) {
        let until = self.common.now_ns().saturating_add(nanos(down_for));
        self.common.commits.crash(until, &self.common);
    }

    /// Lets others claim what a node has, whether or not it lives on.
    pub fn end_lease(&mut self, name: &str) {
        let boot_id = self.machine(name).boot_now().id();
        self.common.journal.end_lease(boot_id);
    }

    /// Sends a few words to an address of a node, from nobody of this world.
    pub fn send(&mut self, to: &str, address: &str, text: impl Into<String>) {
        wire::send(&self.common, "-", to, address, text.into());
    }

    /// Lets a door fail: whoever serves it now, then those who try, as often as said.
    pub fn fail_door(&mut self, name: &str, door: &str, times: u32) {
        let doors = &self.machine(name).doors;
        lock(doors).entry(door.to_owned()).or_default().fail(times);
    }

    /// Lets nobody fail at a door any more who has not yet.
    pub fn mend_door(&mut self, name: &str, door: &str) {
        let doors = &self.machine(name).doors;
        lock(doors).entry(door.to_owned()).or_default().mend();
    }

    /// Dice for the faults of a test; they shift nobody else's.
    pub fn faults(&self) -> &SeededDice {
        &self.faults
    }

    // --- looking ---

    /// Whether the node is up, ready or not.
    pub fn runs(&self, name: &str) -> bool {
        self.machines[name].node().is_some()
    }

    pub fn is_frozen(&self, name: &str) -> bool {
        self.machines[name].is_frozen()
    }

    /// Whether all of its first children have been up.
    pub fn is_ready(&self, name: &str) -> bool {
        self.machines[name].is_ready()
    }

    /// Who lives on a node; nobody while it is down.
    pub fn tree(&self, name: &str) -> Option<tree::Actor> {
        self.machines[name].node().map(|node| node.census().tree())
    }

    /// How often a node has touched its ports since it booted.
    pub fn touches(&self, name: &str) -> u64 {
        self.machines[name].boot_now().touches()
    }

    /// What a door has been through.
    pub fn door(&self, name: &str, door: &str) -> Served {
        let doors = lock(&self.machines[name].doors);
        doors.get(door).map(|book| book.served()).unwrap_or_default()
    }

    /// The journal of all nodes.
    pub fn journal(&self) -> Arc<FakeJournal> {
        Arc::clone(&self.common.journal)
    }

    /// What was done outside, by key.
    pub fn outside(&self) -> BTreeMap<String, Done> {
        self.common.outside.read(self.common.now_ns())
    }

    /// How many hands of nodes were at something at the same time, at most: calls of `near` name
    /// it as what they use.
    pub fn most_at_once(&self, used: &str) -> u32 {
        self.common.outside.most_at_once(used)
    }

    /// How many lines there are.
    pub fn lines_seen(&self) -> usize {
        self.common.trace.lines().len()
    }

    /// Everything that was seen so far, one line per event.
    pub fn trace(&self) -> String {
        self.common.trace.text(usize::MAX)
    }

    /// The same as values.
    pub fn lines(&self) -> Vec<Line> {
        self.common.trace.lines().clone()
    }

    fn machine(&mut self, name: &str) -> &mut Machine {
        self.machines.get_mut(name).unwrap_or_else(|| panic!("there is no node {name}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = if seeds::is_replayed() { usize::MAX } else { LINES_SHOWN };
            let shown = self.common.trace.text(last);
            eprintln!("{shown}the end of the trace above replays with SEED={}", self.common.seed);
        }
    }
}
