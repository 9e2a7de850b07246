//! Failure injection: a copy of a store in which bytes of recorded events are flipped. What is
//! damaged is never served as good, and nobody else suffers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use domain::id::Address;
use domain::run::{Replayed, Run, State, StepState};
use store::BackupError;

use super::node::Node;
use super::plans::{self, HEARS, SIGNAL};
use super::report::Findings;
use super::scratch::Scratch;
use super::wait::until;

/// Words of the plans whose events are damaged: a run that has ended, and one that waits.
const MARKS: [&str; 2] = ["damaged-ended", "damaged-waiting"];
/// The same of those that stay as they are.
const SOUND: [&str; 2] = ["sound-ended", "sound-waiting"];
/// What is flipped in a byte: a small letter and a large one.
const FLIPPED: u8 = 0x20;
/// How long a question about a damaged run may take until it counts as one that has no answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Five about each run, and a signal for the one that waits.
const QUESTIONS: usize = 2 * 5 + 1;

/// What is judged.
#[derive(Default)]
pub(super) struct Seen {
    /// Places that were damaged, of each run.
    pub(super) flipped: [usize; 2],
    /// Whether the copy was still taken for a good one where it is put back.
    pub(super) is_restored: bool,
    /// Answers about damaged runs that show them as if nothing were.
    pub(super) served: usize,
    pub(super) refused: usize,
    pub(super) put_aside: usize,
    /// Of the others: those that are shown, replay the same, and come to their end.
    pub(super) sound: usize,
}

pub(super) async fn look(scratch: &Scratch) -> anyhow::Result<Findings> {
    let copy = scratch.path().join("damage.copy");
    let (damaged, sound) = {
        let node = Node::start(&scratch.path().join("damage")).await?;
        let damaged = [ended(&node, MARKS[0]).await?, waiting(&node, MARKS[1]).await?];
        let sound = [ended(&node, SOUND[0]).await?, waiting(&node, SOUND[1]).await?];
        node.back_up(&copy.to_string_lossy()).await?;
        (damaged, sound)
    };
    let mut seen = Seen::default();
    let folder = spoil(scratch, &copy, &mut seen)?;
    let node = Node::start(&folder).await?;
    for run in damaged {
        ask_about(&node, run, &mut seen).await;
    }
    // The one that has ended takes no signal, sound or not.
    seen.count(in_time(async { node.signal(damaged[1], SIGNAL).await.is_ok() }).await);
    // It is put aside as soon as it is to go on.
    let aside = node.put_aside().await?;
    seen.put_aside = damaged.iter().filter(|run| aside.contains(run)).count();
    node.signal(sound[1], SIGNAL).await?;
    for run in sound {
        seen.sound += usize::from(is_sound(&node, run).await?);
    }
    Ok(judge(&seen))
}

async fn ended(node: &Node, mark: &str) -> anyhow::Result<Address> {
    let run = node.open(plans::marked(mark, false), mark).await?;
    reaches(node, run, |run| run.state == State::Completed).await
}

async fn waiting(node: &Node, mark: &str) -> anyhow::Result<Address> {
    let run = node.open(plans::marked(mark, true), mark).await?;
    let waits = |run: &Run| {
        run.steps.iter().any(|step| step.id == HEARS && step.state == StepState::Running)
    };
    reaches(node, run, waits).await
}

async fn reaches(node: &Node, run: Address, is: fn(&Run) -> bool) -> anyhow::Result<Address> {
    let look = async || Ok(is(&node.show(run).await?).then_some(run));
    until("a run comes so far", look).await
}

/// Damages the copy, and makes the store of a node of it, past all that would refuse it.
fn spoil(scratch: &Scratch, copy: &Path, seen: &mut Seen) -> anyhow::Result<PathBuf> {
    let folder = scratch.path().join("damaged");
    store::restore(copy, &folder).context("cannot put the good copy back")?;
    let journal = only_file(&folder)?;
    let mut bytes = std::fs::read(&journal).context("cannot read the journal that was put back")?;
    seen.flipped = MARKS.map(|mark| flip(&mut bytes, mark.as_bytes()));
    std::fs::write(&journal, &bytes).context("cannot damage the journal")?;

    let spoiled = scratch.path().join("damage.spoiled");
    std::fs::write(&spoiled, &bytes).context("cannot damage the copy")?;
    let restored = store::restore(&spoiled, &scratch.path().join("damaged.again"));
    seen.is_restored = !matches!(restored, Err(BackupError::Damaged { .. }));
    Ok(folder)
}

fn only_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let told = || format!("there is no journal in {}", folder.display());
    let first = std::fs::read_dir(folder).with_context(told)?.next().with_context(told)?;
    Ok(first.with_context(told)?.path())
}

/// Changes one byte wherever these words stand, and returns how often.
pub(super) fn flip(bytes: &mut [u8], words: &[u8]) -> usize {
    let stands = |at: &usize| bytes[*at..].starts_with(words);
    let places: Vec<usize> = (0..bytes.len()).filter(stands).collect();
    for place in &places {
        bytes[*place] ^= FLIPPED;
    }
    places.len()
}

/// Each way in which somebody could come to believe in it.
async fn ask_about(node: &Node, run: Address, seen: &mut Seen) {
    let shown = async { node.show(run).await.is_ok_and(|run| run.quarantined.is_none()) };
    let listed = async { node.runs().await.is_ok_and(|runs| is_listed_as_good(run, &runs)) };
    let replayed = async { matches!(node.replay(run).await, Ok(Replayed::Same { .. })) };
    let told = async { node.timeline(run).await.is_ok() };
    let repeated = async { node.repeat(run).await.is_ok() };
    seen.count(in_time(shown).await);
    seen.count(in_time(listed).await);
    seen.count(in_time(replayed).await);
    seen.count(in_time(told).await);
    seen.count(in_time(repeated).await);
}

impl Seen {
    fn count(&mut self, is_served: bool) {
        self.served += usize::from(is_served);
        self.refused += usize::from(!is_served);
    }
}

/// A list shows what cannot be read as well, and says so.
pub(super) fn is_listed_as_good(id: Address, runs: &[Run]) -> bool {
    let listed = runs.iter().find(|run| run.id == id);
    listed.is_some_and(|run| run.reason.is_none() && run.quarantined.is_none())
}

async fn in_time(question: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(ANSWER_WITHIN, question).await.unwrap_or(false)
}

async fn is_sound(node: &Node, run: Address) -> anyhow::Result<bool> {
    reaches(node, run, |run| run.state == State::Completed).await?;
    Ok(matches!(node.replay(run).await?, Replayed::Same { .. }))
}

/// Whether nobody can take a damaged run for a good one.
pub(super) fn judge(seen: &Seen) -> Findings {
    let mut found = Findings::default();
    found.at_least("places_in_a_run_that_had_ended", 1, seen.flipped[0]);
    found.at_least("places_in_a_run_that_waited", 1, seen.flipped[1]);
    found.exactly("copies_put_back", 0, usize::from(seen.is_restored));
    found.exactly("questions_served_as_good", 0, seen.served);
    found.exactly("questions_refused", QUESTIONS, seen.refused);
    // One that has ended is never taken up again, and refused wherever it is read.
    found.exactly("runs_put_aside", 1, seen.put_aside);
    found.exactly("sound_runs_served", 2, seen.sound);
    found
}
