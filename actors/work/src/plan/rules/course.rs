//! Where a plan goes when all that it had begun has ended.

use domain::conversation::Reply;
use domain::id::Address;
use domain::run;
use runtime::durable::Moment;

use crate::plan::Decision;
use crate::plan::state::{Fate, Work};
use crate::plan::wire::{Closed, Event, Outcome, Planned};
use crate::session::{self, PlanEnded};

/// All steps of all rounds so far have ended.
pub(super) fn go_on(work: &Work, moment: &Moment, decision: &mut Decision<'_>) {
    let (outcome, reason) = if let Some(cancelling) = &work.cancelling {
        (Outcome::Canceled, Some(cancelling.reason.clone()))
    } else if work.has_failed() {
        let failed = work.steps.iter().filter(|step| step.fate() == Some(Fate::Failed));
        let names: Vec<&str> = failed.map(|step| step.task.id.as_str()).collect();
        let steps = if names.len() == 1 { "step" } else { "steps" };
        (Outcome::Failed, Some(format!("{steps} {} failed", names.join(", "))))
    } else if work.rounds.is_empty() {
        (Outcome::Completed, None)
    } else if work.idle_rounds >= work.caps.idle_rounds_max {
        let why = format!("{} rounds in a row did nothing that is new", work.idle_rounds);
        (Outcome::Failed, Some(why))
    } else {
        return decision.record(Event::Planned(Planned { round: work.planned + 1 }));
    };
    close(work.by, outcome, reason, moment, decision);
}

/// Whoever opened it hears of it in the same append.
pub(super) fn close(
    by: Option<Address>,
    outcome: Outcome,
    reason: Option<String>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    if let Some(by) = by {
        let state = match outcome {
            Outcome::Completed => run::State::Completed,
            Outcome::Failed => run::State::Failed,
            Outcome::Canceled => run::State::Canceled,
        };
        let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let text = format!("{} {}{why}", moment.me, state.word());
        let reply = Reply { state, text };
        decision.post(by, &session::Post::Ended(PlanEnded { plan: moment.me, reply }));
    }
    decision.record(Event::Closed(Closed { outcome, reason }));
    decision.close();
}
