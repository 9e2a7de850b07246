//! Replay equivalence: what was recorded is enough to decide it all again, and to repeat it without
//! an effect.

use domain::id::Address;
use domain::run::{Replayed, Run, State, StepState};
use serde_json::Value;

use super::node::Node;
use super::report::Findings;
use super::restarts::Carried;
use super::wait::until;

/// What is judged.
pub(super) struct Seen {
    pub(super) pairs: Vec<Pair>,
    pub(super) ledger_before: Vec<String>,
    pub(super) ledger_after: Vec<String>,
}

/// A run, the one that repeats it, and what has become of both.
pub(super) struct Pair {
    pub(super) source: Run,
    pub(super) repeated: Run,
    /// Both histories, decided again.
    pub(super) replayed: [Replayed; 2],
    pub(super) is_untouched: bool,
}

/// Replays every run in both ways.
pub(super) async fn compare(carried: Carried) -> anyhow::Result<Findings> {
    let Carried { node, ledger, runs } = carried;
    let ledger_before = ledger.lines()?;
    let mut pairs = Vec::new();
    for run in runs {
        pairs.push(pair(&node, run).await?);
    }
    Ok(judge(&Seen { pairs, ledger_before, ledger_after: ledger.lines()? }))
}

async fn pair(node: &Node, run: Address) -> anyhow::Result<Pair> {
    let before = node.timeline(run).await?;
    let first = node.replay(run).await?;
    let repeated = node.repeat(run).await?;
    let repeated = until("a replay comes to its end", async || {
        let run = node.show(repeated).await?;
        Ok(run.state.is_final().then_some(run))
    })
    .await?;
    let again = node.replay(repeated.id).await?;
    let source = node.show(run).await?;
    let is_untouched = !before.is_empty() && before == node.timeline(run).await?;
    Ok(Pair { source, repeated, replayed: [first, again], is_untouched })
}

/// Whether every run could be replayed without anybody noticing it outside.
pub(super) fn judge(seen: &Seen) -> Findings {
    let Seen { pairs, ledger_before, ledger_after } = seen;
    let mut found = Findings::default();
    let count = |is: fn(&Pair) -> bool| pairs.iter().filter(|pair| is(pair)).count();
    found.at_least("runs", 1, pairs.len());
    let same = |replayed: &Replayed| matches!(replayed, Replayed::Same { .. });
    let replayed = || pairs.iter().flat_map(|pair| &pair.replayed);
    found.exactly("histories_decided_the_same", 2 * pairs.len(), {
        replayed().filter(|replayed| same(replayed)).count()
    });
    found.tell("events_decided_again", replayed().map(events).sum::<u64>());
    found.exactly("repeats_completed", pairs.len(), {
        count(|pair| pair.repeated.state == State::Completed)
    });
    let is_same = |pair: &Pair| {
        pair.source.state == pair.repeated.state
            && outcomes(&pair.source) == outcomes(&pair.repeated)
    };
    found.exactly("repeats_with_the_same_outcomes", pairs.len(), count(is_same));
    found.exactly("histories_left_as_they_were", pairs.len(), count(|pair| pair.is_untouched));
    let added = ledger_after.len().saturating_sub(ledger_before.len());
    found.exactly("effects_added", 0, added);
    if added == 0 {
        found.same("the ledger", ledger_before, ledger_after);
    }
    found
}

fn events(replayed: &Replayed) -> u64 {
    match replayed {
        Replayed::Same { events, .. } => *events,
        Replayed::Different { .. } => 0,
    }
}

fn outcomes(run: &Run) -> Vec<(&str, StepState, Option<&Value>)> {
    run.steps.iter().map(|step| (&*step.id, step.state, step.output.as_ref())).collect()
}
