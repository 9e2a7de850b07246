//! Failure injection: a node that is told to stop lets what runs end and leaves the rest to the
//! next one; and while it runs, its folder takes no second one.

use domain::run::{Run, State};

use super::ledger::Ledger;
use super::node::{self, Node};
use super::plans;
use super::report::Findings;
use super::scratch::Scratch;
use super::wait::until;

/// What is judged.
pub(super) struct Seen {
    /// How a second node on the folder has ended.
    pub(super) second: Option<i32>,
    pub(super) first: Option<i32>,
    /// When the node had ended, and when the run had.
    pub(super) ledger_between: Vec<String>,
    pub(super) ledger: Vec<String>,
    pub(super) run: Run,
}

pub(super) async fn look(scratch: &Scratch) -> anyhow::Result<Findings> {
    let folder = scratch.path().join("drained");
    let ledger = Ledger::begin(scratch.path(), "drained.ledger")?;
    let may_end = scratch.path().join("drained.may-end");
    let node = Node::start(&folder).await?;
    let run = node.open(plans::patient(&ledger, &may_end), "drained").await?;
    until("the step is at work", async || {
        let is_at_work = !ledger.lines()?.is_empty();
        Ok(is_at_work.then_some(()))
    })
    .await?;
    let second = node::second(&folder).await?.code();

    node.tell_to_stop()?;
    until("the node drains", async || Ok(node.drains().await.then_some(()))).await?;
    std::fs::write(&may_end, "")?;
    let first = node.ended().await?.code();
    let ledger_between = ledger.lines()?;

    let node = Node::start(&folder).await?;
    let run = until("the run goes on and ends", async || {
        let run = node.show(run).await?;
        Ok(run.state.is_final().then_some(run))
    })
    .await?;
    Ok(judge(&Seen { second, first, ledger_between, ledger: ledger.lines()?, run }))
}

/// Whether nothing was cut off, repeated, or begun too early.
pub(super) fn judge(seen: &Seen) -> Findings {
    let Seen { second, first, ledger_between, ledger, run } = seen;
    let mut found = Findings::default();
    let usage = Some(i32::from(cli::Exit::Usage.code()));
    found.exactly("second_nodes_refused", 1, usize::from(*second == usage));
    found.same("the exit code of a second node", &usage, second);
    found.exactly("nodes_ended_in_order", 1, usize::from(*first == Some(0)));
    found.same("the exit code of a node that is told to stop", &Some(0), first);

    let expected = ["begun", "ended", "next"].map(ToOwned::to_owned);
    found.same("effects before the next start", &expected[..2].to_vec(), ledger_between);
    found.same("effects in the end", &expected.to_vec(), ledger);
    found.exactly("runs_completed", 1, usize::from(run.state == State::Completed));
    let doubts = run.steps.iter().map(|step| step.doubts.len()).sum();
    found.exactly("steps_cut_off", 0, doubts);
    let attempts = run.steps.iter().map(|step| step.attempts.len()).sum();
    found.exactly("attempts", 2, attempts);
    found
}
