//! What must hold for every trace, stated as conditions on the trace.
//!
//! Nothing here decides what a supervisor does next: a ledger writes down what the trace says has
//! happened, and each condition looks at what one line, one supervisor or one call left behind and
//! says whether that may be. Shares no code with the supervisors it judges.
//!
//! OTP counts restarts in whole seconds. Where it depends on fractions of a second whether two
//! restarts fall into one period, nothing is judged from there on.

mod calls;
mod episode;
mod fate;
mod finale;
mod ledger;
mod life;
mod lines;
mod order;

use super::{History, Line};
use ledger::Ledger;

/// What a trace did that it must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{condition}: {what}; line {line} of the trace: {quoted}")]
pub struct Violation {
    /// The name of the condition that does not hold.
    pub condition: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// That line as the trace prints it.
    pub quoted: String,
    pub what: String,
}

/// A broken condition as whoever notices it knows it.
#[derive(Debug)]
struct Broken {
    condition: &'static str,
    line: usize,
    what: String,
}

type Verdict = Result<(), Broken>;

/// Says no, about a line counted from 0.
fn broken<T>(condition: &'static str, line: usize, what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { condition, line, what: what.into() })
}

/// Checks the whole trace of a history.
pub fn check(history: &History, trace: &[Line]) -> Result<(), Violation> {
    judge(history, trace).map_err(|Broken { condition, line, what }| Violation {
        condition,
        line: line + 1,
        quoted: trace.get(line).map_or_else(|| "(there is none)".to_owned(), Line::print),
        what,
    })
}

fn judge(history: &History, trace: &[Line]) -> Verdict {
    let mut ledger = Ledger::new(history);
    ledger.open();
    for (number, line) in trace.iter().enumerate() {
        match line {
            Line::Started { started, n } => lines::started(&mut ledger, number, started, *n)?,
            Line::Failed { failed, n } => lines::failed(&mut ledger, number, failed, *n)?,
            Line::Stopped { stopped, reason } => {
                lines::stopped(&mut ledger, number, stopped, reason)?;
            }
            Line::Result { result, of } => {
                lines::result(&ledger, number, *of)?;
                calls::answer(&ledger, number, *result == "ok")?;
                settle(&mut ledger, number)?;
                ledger.close(*result == "ok");
                ledger.open();
            }
            Line::Final { r#final } => {
                lines::last(&ledger, number, trace.len())?;
                return finale::agrees(&ledger, number, r#final);
            }
        }
        if ledger.is_ambiguous() {
            return Ok(());
        }
        if ledger.is_boot_over() {
            settle(&mut ledger, number)?;
            ledger.close(true);
            ledger.open();
        }
    }
    broken("a trace ends with what is left", trace.len(), "it ends without it")
}

/// Everything that one event caused has been told, the last of it on this line.
fn settle(ledger: &mut Ledger<'_>, line: usize) -> Verdict {
    for episode in ledger.episodes(line) {
        episode::starts_its_children(&episode)?;
        order::starts_from_left_to_right(&episode)?;
        order::stops_from_right_to_left(&episode)?;
        episode::acts_for_a_reason(&episode)?;
        episode::root_ends_for_a_reason(&episode)?;
        fate::gives_up_beyond_its_intensity(&episode)?;
        fate::ends_with_its_significant_children(&episode)?;
        fate::restart_type_decides(&episode)?;
        fate::sharers_are_stopped_first(&episode)?;
        fate::sharers_come_back(&episode)?;
        calls::does_what_it_says(&episode)?;
        lines::asked_reasons(&episode)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
