//! Restart continuity: a node that is killed while runs are under way goes on with them.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use domain::approval::{Answered, Verdict};
use domain::id::Address;
use domain::run::{Run, State, Step, StepState};
use domain::time::{Clock, Timestamp};
use runtime::SystemClock;

use super::ledger::{Ledger, compare};
use super::node::Node;
use super::plans::{self, ALLOWED, EFFECTS, HEARS, SIGNAL};
use super::report::{Findings, millis};
use super::scratch::Scratch;
use super::wait::{LOOK_EVERY, WAIT_MAX};

const RUNS: usize = 30;
const KILLS: usize = 3;

/// A node whose runs have come to their end, and what they have done.
pub(super) struct Carried {
    pub(super) node: Node,
    pub(super) ledger: Ledger,
    pub(super) runs: Vec<Address>,
}

/// What is judged.
pub(super) struct Seen {
    pub(super) runs: Vec<Run>,
    pub(super) ledger: Vec<String>,
    /// What each approval says to a late answer that is a different one.
    pub(super) late: Vec<Answered>,
    pub(super) restarts: Vec<Restart>,
}

/// A kill, and the start after it.
pub(super) struct Restart {
    /// Lines of the ledger at the kill.
    pub(super) after_effects: usize,
    pub(super) killed_at: Timestamp,
}

/// Carries runs to their end over some kills, and judges them.
pub(super) async fn carry(scratch: &Scratch) -> anyhow::Result<(Carried, Findings)> {
    let ledger = Ledger::begin(scratch.path(), "restarts.ledger")?;
    let node = Node::start(&scratch.path().join("restarts")).await?;
    let mut runs = Vec::new();
    for number in 0..RUNS {
        runs.push(node.open(plans::restarted(&ledger), &format!("run-{number}")).await?);
    }
    let kills = (1..=KILLS).map(|kill| RUNS * EFFECTS * kill / (KILLS + 1)).collect();
    let carried = Carried { node, ledger, runs };
    let mut course = Course {
        carried,
        clock: SystemClock::new(),
        kills,
        signaled: BTreeSet::new(),
        restarts: Vec::new(),
    };
    course.follow().await?;
    let Course { carried, restarts, .. } = course;
    let found = judge(&see(&carried, restarts).await?);
    Ok((carried, found))
}

/// What happens to the runs on their way.
struct Course {
    carried: Carried,
    clock: SystemClock,
    /// At how many effects the node is killed.
    kills: VecDeque<usize>,
    signaled: BTreeSet<Address>,
    restarts: Vec<Restart>,
}

impl Course {
    /// Until all runs are over, or nobody waits any more. Whatever was acknowledged is never said again.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let effects = self.carried.ledger.lines()?.len();
            if self.kills.front().is_some_and(|kill| *kill <= effects) {
                self.kills.pop_front();
                self.restart(effects).await?;
                continue;
            }
            let runs = self.carried.node.runs().await?;
            // What has not ended by then is judged as it is.
            if runs.iter().all(|run| run.state.is_final()) || WAIT_MAX <= begun.elapsed() {
                return Ok(());
            }
            self.signal(&runs).await?;
            self.answer().await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn restart(&mut self, after_effects: usize) -> anyhow::Result<()> {
        let node = &mut self.carried.node;
        node.kill()?;
        self.restarts.push(Restart { after_effects, killed_at: self.clock.now() });
        node.start_again().await
    }

    /// One run hears it before it listens, the next one while it does.
    async fn signal(&mut self, runs: &[Run]) -> anyhow::Result<()> {
        for (number, run) in runs.iter().enumerate() {
            let is_due = number % 2 == 0 || waits(run);
            if is_due && !run.state.is_final() && !self.signaled.contains(&run.id) {
                self.carried.node.signal(run.id, SIGNAL).await?;
                self.signaled.insert(run.id);
            }
        }
        Ok(())
    }

    async fn answer(&mut self) -> anyhow::Result<()> {
        for approval in self.carried.node.approvals().await? {
            self.carried.node.answer(approval.id, true).await?;
        }
        Ok(())
    }
}

fn waits(run: &Run) -> bool {
    run.steps.iter().any(|step| step.id == HEARS && step.state == StepState::Running)
}

async fn see(carried: &Carried, restarts: Vec<Restart>) -> anyhow::Result<Seen> {
    let Carried { node, ledger, runs } = carried;
    let (mut seen, mut late) = (Vec::new(), Vec::new());
    for run in runs {
        let run = node.show(*run).await?;
        for approval in run.steps.iter().flat_map(|step| &step.approvals) {
            late.push(node.answer(approval.id, false).await?);
        }
        seen.push(run);
    }
    Ok(Seen { runs: seen, ledger: ledger.lines()?, late, restarts })
}

/// Whether every run has completed with every effect once, over all kills.
pub(super) fn judge(seen: &Seen) -> Findings {
    let Seen { runs, ledger, late, restarts } = seen;
    let mut found = Findings::default();
    let completed = runs.iter().filter(|run| run.state == State::Completed).count();
    found.exactly("runs_completed", RUNS, completed);
    found.exactly("kills", KILLS, restarts.len());

    let acting = |run: &Run| run.steps.iter().filter(|step| step.tool == "shell").count();
    found.exactly("effects_wanted", RUNS * EFFECTS, runs.iter().map(acting).sum());
    let steps = || runs.iter().flat_map(|run| &run.steps);
    let wanted = steps().filter(|step| step.tool == "shell").map(|step| step.key.clone());
    let tally = compare(&wanted.collect::<Vec<_>>(), ledger);
    found.exactly("effects_once", RUNS * EFFECTS, tally.once);
    found.exactly("effects_lost", 0, tally.lost);
    found.exactly("effects_doubled", 0, tally.doubled);
    found.exactly("effects_foreign", 0, tally.foreign);
    // A kill that finds nobody at work shows nothing.
    found.at_least("steps_in_doubt", 1, steps().map(|step| step.doubts.len()).sum());
    // The others were found done.
    let again: usize = steps().map(|step| step.attempts.len().saturating_sub(1)).sum();
    found.tell("steps_begun_again", again);

    let allowed = steps().filter(|step| step.id == ALLOWED);
    let used = allowed.filter(|step| is_used_once(step, ledger)).count();
    found.exactly("approvals_used_once", RUNS, used);
    let stays = |late: &&Answered| late.verdict == Verdict::Granted && !late.is_first;
    found.exactly("approvals_that_stay", RUNS, late.iter().filter(stays).count());
    resumed(runs, restarts, &mut found);
    found
}

/// One question, one answer, one effect; what a kill has cut off goes on under the same answer.
fn is_used_once(step: &Step, ledger: &[String]) -> bool {
    let verdicts = step.approvals.iter().map(|asked| asked.answer.as_ref().map(|one| one.verdict));
    let effects = ledger.iter().filter(|line| **line == step.key).count();
    verdicts.eq([Some(Verdict::Granted)]) && effects == 1
}

/// How long after each kill something new was begun: the end of the old node, the start of the new
/// one, and all that it had to read.
fn resumed(runs: &[Run], restarts: &[Restart], found: &mut Findings) {
    let steps = runs.iter().flat_map(|run| &run.steps);
    // What was cut off and goes on is no new step.
    let begun = steps.filter_map(|step| step.attempts.first()).map(|first| first.begun_at);
    let begun: Vec<Timestamp> = begun.collect();
    let mut waits = Vec::new();
    for Restart { killed_at, .. } in restarts {
        let after = begun.iter().filter(|begun| killed_at <= begun).min();
        waits.extend(after.map(|begun| millis(begun.since(*killed_at))));
    }
    found.exactly("restarts_that_went_on", restarts.len(), waits.len());
    found.tell("kill_to_next_step_ms", waits);
    let kills: Vec<usize> = restarts.iter().map(|restart| restart.after_effects).collect();
    found.tell("kills_after_effects", kills);
}
