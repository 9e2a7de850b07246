//! Random histories: the same seed gives the same one.
//!
//! What OTP itself leaves to chance is left out. No restart comes to lie near the edge of an
//! intensity's period: OTP counts in whole seconds, so two restarts are surely within one period
//! if less than it lies between them, and surely not if a second more than it does. And a
//! supervisor is killed at once or never: whether a deadline cut it off before or after one of its
//! children had ended would depend on the machine.

use super::{
    AutoShutdown, Child, Event, History, Kind, Reason, Restart, Shutdown, ShutdownWord, Strategy,
    Sup,
};
use crate::chance::Chance;

/// Actors that a tree begins with, its root not counted.
const ACTORS_MAX: u64 = 8;
const DEPTH_MAX: usize = 3;
/// Longer than the shortest period and a second, but not than the others.
const LONG_SLEEP_MS: (u64, u64) = (2_100, 2_300);

/// The history of this seed.
pub fn generate(seed: u64) -> History {
    let mut chance = Chance::new(seed);
    let pace = match chance.below(100) {
        0..=4 => Pace::Sleepy,
        5..=16 => Pace::Stubborn,
        _ => Pace::Brisk,
    };
    let mut author = Author { chance, pace, actors_left: ACTORS_MAX, roster: Roster::default() };
    let tree = author.root();
    author.roster.learn(&tree, &tree.id.clone());
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..author.chance.between(3, 12) {
        events.push(author.event());
    }
    if pace == Pace::Sleepy {
        let at = author.chance.between(1, events.len() as u64 - 1) as usize;
        let sleep_ms = author.chance.between(LONG_SLEEP_MS.0, LONG_SLEEP_MS.1);
        events.insert(at, Event::Sleep { sleep_ms });
    }
    History { tree, events }
}

/// How time passes in a history, which decides which periods are unambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Next to no time passes.
    Brisk,
    /// Workers use up their deadlines, which takes at most a second or two.
    Stubborn,
    /// Once a long time passes.
    Sleepy,
}

struct Author {
    chance: Chance,
    pace: Pace,
    actors_left: u64,
    roster: Roster,
}

/// Who exists, or did at some time, by path.
#[derive(Default)]
struct Roster {
    workers: Vec<String>,
    supervisors: Vec<(String, Strategy, AutoShutdown)>,
    /// Who was ended lately.
    ended: Vec<String>,
    last: Option<String>,
}

impl Roster {
    fn learn(&mut self, sup: &Sup, path: &str) {
        self.supervisors.push((path.to_owned(), sup.strategy, sup.auto_shutdown));
        if sup.strategy != Strategy::SimpleOneForOne {
            for child in &sup.children {
                self.learn_child(child, &format!("{path}/{}", child.id));
            }
        }
    }

    fn learn_child(&mut self, child: &Child, path: &str) {
        match &child.sup {
            Some(sup) => self.learn(sup, path),
            None => self.workers.push(path.to_owned()),
        }
    }
}

// --- trees ---

impl Author {
    fn root(&mut self) -> Sup {
        let mut root = self.sup("root", 1);
        // A root that gives up at once leaves little to see.
        if root.intensity < 2 && self.chance.happens(75) {
            root.intensity += 2;
        }
        root
    }

    fn sup(&mut self, id: &str, depth: usize) -> Sup {
        let strategy = match self.chance.below(100) {
            0..=29 => Strategy::OneForOne,
            30..=57 => Strategy::OneForAll,
            58..=85 => Strategy::RestForOne,
            _ => Strategy::SimpleOneForOne,
        };
        let auto_shutdown = match self.chance.below(10) {
            0..=4 => AutoShutdown::Never,
            5 | 6 => AutoShutdown::AnySignificant,
            _ => AutoShutdown::AllSignificant,
        };
        let mut sup = Sup {
            id: id.to_owned(),
            strategy,
            intensity: self.chance.below(5) as u32,
            period_s: self.period_s(),
            auto_shutdown,
            children: Vec::new(),
        };
        let wanted = match strategy {
            Strategy::SimpleOneForOne => 1,
            // Nobody at first; who comes by a call is all it has.
            _ if self.chance.happens(5) => 0,
            Strategy::OneForOne | Strategy::OneForAll | Strategy::RestForOne => {
                self.chance.between(1, 4)
            }
        };
        for number in 0..wanted {
            if self.actors_left == 0 && !sup.children.is_empty() {
                break;
            }
            self.actors_left = self.actors_left.saturating_sub(1);
            let id = char::from(b'a' + number as u8).to_string();
            let child = self.child(&id, &sup, depth);
            sup.children.push(child);
        }
        sup
    }

    fn period_s(&mut self) -> u64 {
        match self.pace {
            Pace::Brisk => self.chance.between(1, 5),
            Pace::Stubborn => self.chance.between(4, 5),
            Pace::Sleepy => *self.chance.pick(&[1, 1, 1, 4, 5]),
        }
    }

    fn child(&mut self, id: &str, parent: &Sup, depth: usize) -> Child {
        let is_template = parent.strategy == Strategy::SimpleOneForOne;
        let sup_percent = if is_template { 10 } else { 30 };
        let restart = match self.chance.below(10) {
            0..=5 => Restart::Permanent,
            6 | 7 => Restart::Transient,
            _ => Restart::Temporary,
        };
        let may_be_significant =
            parent.auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
        let significant = may_be_significant && self.chance.happens(60);
        let mut child = Child {
            id: id.to_owned(),
            restart,
            shutdown: Shutdown::Word(ShutdownWord::Infinity),
            significant,
            kind: Kind::Worker,
            fails: Vec::new(),
            stubborn: false,
            sup: None,
        };
        if depth < DEPTH_MAX && self.actors_left > 0 && self.chance.happens(sup_percent) {
            self.make_supervisor(&mut child, depth);
        } else {
            self.make_worker(&mut child, is_template);
        }
        child
    }

    fn make_supervisor(&mut self, child: &mut Child, depth: usize) {
        child.kind = Kind::Supervisor;
        child.shutdown = match self.chance.below(10) {
            0 => Shutdown::Word(ShutdownWord::BrutalKill),
            // Far more than those below can use up.
            1 => Shutdown::Ms(5_000),
            _ => Shutdown::Word(ShutdownWord::Infinity),
        };
        let id = child.id.clone();
        child.sup = Some(self.sup(&id, depth + 1));
    }

    fn make_worker(&mut self, child: &mut Child, is_template: bool) {
        child.stubborn = self.chance.happens(20);
        let resists = child.stubborn && self.pace == Pace::Stubborn;
        child.shutdown = match self.chance.below(10) {
            0 | 1 => Shutdown::Word(ShutdownWord::BrutalKill),
            2 if child.stubborn => Shutdown::Ms(0),
            3..=5 if resists => Shutdown::Ms(10),
            6..=9 if resists => Shutdown::Ms(30),
            _ if child.stubborn => Shutdown::Ms(0),
            // Whoever obeys does so at once, unless the machine is busy: a short deadline would
            // then be a race, here as on OTP.
            2..=5 => Shutdown::Ms(*self.chance.pick(&[10_000, 30_000])),
            6 | 7 => Shutdown::Ms(20_000),
            _ => Shutdown::Word(ShutdownWord::Infinity),
        };
        /// Which attempts fail: not the first, which ends whole trees.
        const LATER: [&[u32]; 6] = [&[2], &[2, 3], &[3], &[2, 3, 4], &[2, 4], &[3, 4, 5]];
        let fails = match self.chance.below(100) {
            0 => &[1],
            1..=12 => *self.chance.pick(&LATER),
            13..=18 if is_template => &[1],
            _ => &[],
        };
        child.fails = fails.to_vec();
    }
}

// --- events ---

impl Author {
    fn event(&mut self) -> Event {
        if self.roster.workers.is_empty() {
            return self.start();
        }
        match self.chance.below(100) {
            0..=54 => self.exit(),
            55..=69 => self.start(),
            70..=80 => {
                let terminate = self.anybody();
                self.roster.ended.push(terminate.clone());
                Event::Terminate { terminate }
            }
            81..=89 => Event::Restart { restart: self.somebody_ended() },
            90..=96 => Event::Delete { delete: self.somebody_ended() },
            _ => Event::Sleep { sleep_ms: self.chance.between(1, 20) },
        }
    }

    fn exit(&mut self) -> Event {
        let exit = match &self.roster.last {
            Some(last) if self.chance.happens(40) => last.clone(),
            Some(_) | None if self.chance.happens(4) => self.anybody(),
            Some(_) | None => self.chance.pick(&self.roster.workers).clone(),
        };
        let reason = match self.chance.below(100) {
            0..=44 => Reason::Error,
            45..=69 => Reason::Kill,
            70..=84 => Reason::Normal,
            _ => Reason::Shutdown,
        };
        self.roster.last = Some(exit.clone());
        if matches!(reason, Reason::Normal | Reason::Shutdown) {
            self.roster.ended.push(exit.clone());
        }
        Event::Exit { exit, reason }
    }

    fn start(&mut self) -> Event {
        let simple: Vec<usize> = (0..self.roster.supervisors.len())
            .filter(|at| self.roster.supervisors[*at].1 == Strategy::SimpleOneForOne)
            .collect();
        let at = match simple.is_empty() || self.chance.happens(30) {
            true => self.chance.below(self.roster.supervisors.len() as u64) as usize,
            false => *self.chance.pick(&simple),
        };
        let (start, strategy, auto_shutdown) = self.roster.supervisors[at].clone();
        if self.chance.happens(4) {
            return Event::Start {
                start: self.nobody(),
                child: self.newcomer(strategy, auto_shutdown),
            };
        }
        let child = self.newcomer(strategy, auto_shutdown);
        let is_simple = strategy == Strategy::SimpleOneForOne;
        let path = format!("{start}/{}", child.id);
        match is_simple {
            // Whoever it is takes its kind from the template; as a worker it is aimed at, at least.
            true => self.roster.workers.push(path.clone()),
            false => self.roster.learn_child(&child, &path),
        }
        if self.chance.happens(50) {
            self.roster.last = Some(path);
        }
        Event::Start { start, child }
    }

    /// A child for a supervisor like this, sometimes one that it must refuse.
    fn newcomer(&mut self, strategy: Strategy, auto_shutdown: AutoShutdown) -> Child {
        let id = match self.chance.happens(30) {
            true => *self.chance.pick(&["a", "b", "c"]),
            false => *self.chance.pick(&["x", "y", "z"]),
        };
        self.actors_left = self.chance.between(0, 3);
        let parent = Sup {
            id: String::new(),
            strategy,
            intensity: 0,
            period_s: 1,
            auto_shutdown,
            children: Vec::new(),
        };
        let mut child = self.child(id, &parent, DEPTH_MAX - 1);
        if child.kind == Kind::Worker && self.chance.happens(10) {
            child.fails = vec![1];
        }
        let contradicts =
            child.restart == Restart::Permanent || auto_shutdown == AutoShutdown::Never;
        if contradicts && self.chance.happens(8) {
            child.significant = true;
        }
        child
    }

    /// Mostly somebody who exists or did.
    fn anybody(&mut self) -> String {
        match self.chance.below(100) {
            0..=4 => self.nobody(),
            5..=24 => {
                let (path, ..) = self.chance.pick(&self.roster.supervisors);
                path.clone()
            }
            _ => self.chance.pick(&self.roster.workers).clone(),
        }
    }

    fn somebody_ended(&mut self) -> String {
        match self.roster.ended.last() {
            Some(latest) if self.chance.happens(50) => latest.clone(),
            Some(_) if self.chance.happens(50) => self.chance.pick(&self.roster.ended).clone(),
            Some(_) | None => self.anybody(),
        }
    }

    fn nobody(&mut self) -> String {
        let (above, ..) = self.chance.pick(&self.roster.supervisors).clone();
        match self.chance.below(4) {
            0 => "nobody".to_owned(),
            1 => format!("{above}/nobody"),
            2 => format!("{above}/a/below"),
            _ => above,
        }
    }
}
