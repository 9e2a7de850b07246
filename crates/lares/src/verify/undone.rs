//! Failure injection: a plan of which a step fails takes back what it did, once, in reverse.

use domain::run::State;

use super::ledger::Ledger;
use super::node::Node;
use super::plans::{self, Fails};
use super::report::Findings;
use super::scratch::Scratch;
use super::wait::until;

/// What stands in the ledger of such a plan.
const EXPECTED: [&str; 4] = ["a", "b", "undo b", "undo a"];

/// What is judged, of one plan.
pub(super) struct Seen {
    pub(super) fails: Fails,
    pub(super) state: State,
    pub(super) ledger: Vec<String>,
}

/// Lets a plan fail in each way.
pub(super) async fn look(scratch: &Scratch) -> anyhow::Result<Findings> {
    let node = Node::start(&scratch.path().join("undone")).await?;
    let mut found = Vec::new();
    for fails in [Fails::ByCode, Fails::BySignal] {
        let ledger = Ledger::begin(scratch.path(), &format!("undone.{}.ledger", word(fails)))?;
        let run = node.open(plans::undone(&ledger, fails), word(fails)).await?;
        let state = until("a plan that fails is over", async || {
            let run = node.show(run).await?;
            Ok(run.state.is_final().then_some(run.state))
        })
        .await?;
        found.push(Seen { fails, state, ledger: ledger.lines()? });
    }
    Ok(judge(&found))
}

/// Whether every plan has failed with nothing left of what it did.
pub(super) fn judge(seen: &[Seen]) -> Findings {
    let mut found = Findings::default();
    let failed = seen.iter().filter(|seen| seen.state == State::Failed).count();
    found.exactly("plans_failed", 2, failed);
    let undone = |seen: &&Seen| seen.ledger == EXPECTED;
    found.exactly("plans_taken_back_in_reverse", 2, seen.iter().filter(undone).count());
    let expected = EXPECTED.map(ToOwned::to_owned).to_vec();
    for Seen { fails, ledger, .. } in seen {
        found.same(&format!("effects where a step fails {}", word(*fails)), &expected, ledger);
    }
    found
}

fn word(fails: Fails) -> &'static str {
    match fails {
        Fails::ByCode => "by_code",
        Fails::BySignal => "by_signal",
    }
}
