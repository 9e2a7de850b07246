//! Many approvals, answered at once by people who contradict each other, while the node is killed.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{self, Answer};
use super::scripts::until;
use super::{Node, text};

/// How many, unless somebody asks for more.
const APPROVALS: usize = 1_000;
const KILLS: usize = 2;
/// People who answer at the same time.
const PEOPLE: usize = 16;
/// Of so many approvals one is denied first, and one is answered by two who contradict each other.
const DENIED_EVERY: usize = 3;
const CONTESTED_EVERY: usize = 2;
/// Between two tries of somebody whose node is gone, unless the next one comes before.
const NEXT_TRY: Duration = Duration::from_millis(200);
/// Longer than a node takes to be there again on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the node of this moment is, and how much of the work is done.
struct Place {
    now: Mutex<Now>,
    changed: Condvar,
}

struct Now {
    life: usize,
    address: String,
    token: String,
    answered: usize,
}

impl Place {
    fn of(node: &Node) -> Self {
        let (address, token) = (node.address().to_owned(), node.token());
        let now = Now { life: 0, address, token, answered: 0 };
        Place { now: Mutex::new(now), changed: Condvar::new() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_to(&self, node: &Node) {
        let (address, token) = (node.address().to_owned(), node.token());
        let mut now = self.now();
        (now.life, now.address, now.token) = (now.life + 1, address, token);
        self.changed.notify_all();
    }

    fn count(&self) {
        self.now().answered += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, answered: usize) {
        let now = self.changed.wait_while(self.now(), |now| now.answered < answered);
        drop(now.unwrap_or_else(PoisonError::into_inner));
    }

    /// Asks under the same key until a node has answered; also whether it had to be asked again.
    fn post(&self, path: &str, key: &str, body: &str) -> (Value, bool) {
        let mut is_again = false;
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nobody answers {path} in time");
            let (life, address, token) = {
                let now = self.now();
                (now.life, now.address.clone(), now.token.clone())
            };
            let bearer = format!("Bearer {token}");
            let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
            match http::try_post(&address, path, &headers, body) {
                Ok(answer) if answer.status < 300 => return (answer.json(), is_again),
                Ok(answer) if answer.status == 503 => {}
                Ok(Answer { status, .. }) => panic!("{path} is answered with {status}"),
                Err(_) => {
                    let gone = |now: &mut Now| now.life == life;
                    drop(self.changed.wait_timeout_while(self.now(), NEXT_TRY, gone));
                }
            }
            is_again = true;
        }
    }
}

/// Somebody who says one thing about the approval of one run.
struct Said {
    run: usize,
    granted: bool,
    key: String,
}

/// What they were told.
struct Told {
    said: Said,
    verdict: String,
    is_first: bool,
    is_again: bool,
}

/// All at the same time, each from the list of what is left.
fn all_at_once<T: Send, R: Send>(work: Vec<T>, one: impl Fn(T) -> R + Sync) -> Vec<R> {
    let total = work.len();
    let (left, done) = (Mutex::new(work.into_iter()), Mutex::new(Vec::with_capacity(total)));
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..PEOPLE {
            scope.spawn(|| {
                while let Some(work) = take() {
                    let result = one(work);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "suite: a person asks for more than the ring takes")]
fn asked_for() -> usize {
    let asked = std::env::var("APPROVALS").ok();
    asked.map_or(APPROVALS, |count| count.parse().expect("APPROVALS is a number"))
}

fn plan(ledger: &str) -> String {
    format!(
        "name: gated\nsteps:\n- {{name: gate, type: approval_gate, command: ship it?}}\n\
         - name: ship\n  command: echo \"$LARES_KEY\" >> {ledger}\n  \
         check: grep -qxF \"$LARES_KEY\" {ledger}\n"
    )
}

/// What is said about each run; whoever contradicts comes right after.
fn sayings(count: usize) -> Vec<Said> {
    let said = |run: usize, granted, key: &str| Said { run, granted, key: format!("{key}/{run}") };
    let of = |run: usize| {
        let granted = !run.is_multiple_of(DENIED_EVERY);
        let contrary = run.is_multiple_of(CONTESTED_EVERY).then(|| said(run, !granted, "other"));
        [Some(said(run, granted, "one")), contrary].into_iter().flatten()
    };
    (0..count).flat_map(of).collect()
}

fn waiting(node: &Node) -> usize {
    let bearer = format!("Bearer {}", node.token());
    let answer = node.ask("/v1/approvals", &[("Authorization", &bearer)]);
    answer.json()["approvals"].as_array().map_or(0, Vec::len)
}

fn answer(place: &Place, runs: &BTreeMap<usize, String>, said: Said) -> Told {
    let approval = runs[&said.run].replacen("pln_", "apr_", 1) + "-1";
    let (path, body) = (format!("/v1/approvals/{approval}"), json!({ "granted": said.granted }));
    let (answered, is_again) = place.post(&path, &said.key, &body.to_string());
    place.count();
    let verdict = answered["verdict"].as_str().expect("it has a verdict").to_owned();
    let is_first = answered["is_first"].as_bool().expect("it says who decided");
    Told { said, verdict, is_first, is_again }
}

/// What was decided of each run: all were told the same, and one of them that it was they.
fn decided(told: &[Told]) -> BTreeMap<usize, bool> {
    let mut by_run: BTreeMap<usize, Vec<&Told>> = BTreeMap::new();
    told.iter().for_each(|told| by_run.entry(told.said.run).or_default().push(told));
    let decided = by_run.into_iter().map(|(run, told)| {
        let is_granted = told[0].verdict == "granted";
        assert!(told.iter().all(|other| other.verdict == told[0].verdict), "of run {run}");
        let firsts: Vec<&&Told> = told.iter().filter(|told| told.is_first).collect();
        assert!(firsts.iter().all(|first| first.said.granted == is_granted), "of run {run}");
        // Whoever decided it may have asked again when the run was over.
        let is_unheard = firsts.is_empty() && told.iter().any(|told| told.is_again);
        assert!(firsts.len() == 1 || is_unheard, "{} were first of run {run}", firsts.len());
        (run, is_granted)
    });
    decided.collect()
}

/// Waits for the end of a run, and returns how it has ended.
fn ended(node: &Node, run: &str) -> String {
    let bearer = format!("Bearer {}", node.token());
    until("every run ends", || {
        let answer = node.ask(&format!("/v1/runs/{run}"), &[("Authorization", &bearer)]).json();
        let state = answer["state"].as_str().expect("it has a state");
        ["completed", "failed", "canceled"].contains(&state).then(|| state.to_owned())
    })
}

#[test]
fn approvals_that_are_answered_while_their_node_is_killed_are_each_used_once() {
    let count = asked_for();
    let node = Node::start();
    let ledger = node.folder.path().join("ledger");
    std::fs::write(&ledger, "").expect("the folder is ours");
    let (place, plan) = (Place::of(&node), plan(text(&ledger)));
    let opened = all_at_once((0..count).collect(), |run| {
        let (opened, _) = place.post("/v1/runs", &format!("open/{run}"), &plan);
        (run, opened["id"].as_str().expect("it has an address").to_owned())
    });
    let runs: BTreeMap<usize, String> = opened.into_iter().collect();
    until("all of them wait", || (waiting(&node) == count).then_some(()));

    let sayings = sayings(count);
    let total = sayings.len();
    let (node, told) = thread::scope(|scope| {
        let told = scope.spawn(|| all_at_once(sayings, |said| answer(&place, &runs, said)));
        let node = (1..=KILLS).fold(node, |node, kill| {
            place.wait_for(total * kill / (KILLS + 1));
            let node = Node::start_on(node.kill());
            place.move_to(&node);
            node
        });
        (node, told.join().expect("everybody is told"))
    });

    let decided = decided(&told);
    for (run, address) in &runs {
        let expected = if decided[run] { "completed" } else { "failed" };
        assert_eq!(ended(&node, address), expected, "{address}");
    }
    let ledger = std::fs::read_to_string(&ledger).expect("it is ours");
    let mut effects: Vec<&str> = ledger.lines().collect();
    effects.sort_unstable();
    let granted = runs.iter().filter(|(run, _)| decided[run]);
    let mut expected: Vec<String> = granted.map(|(_, run)| format!("{run}/ship")).collect();
    expected.sort_unstable();
    assert_eq!(effects, expected, "each effect once");
    let again = told.iter().filter(|told| told.is_again).count();
    eprintln!("{count} approvals, {total} answers, {again} of them asked for again");
}
