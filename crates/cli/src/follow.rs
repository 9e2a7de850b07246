//! Following a run: a line for whatever changes, also across restarts of its node.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use domain::id::Address;
use domain::run::{Run, State, Step, StepState};
use domain::time::Timestamp;
use domain::token::Token;

use crate::ask::Ask;
use crate::run::path;
use crate::text::{self, clean};
use crate::{Error, Exit, story};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a node may be away before nobody waits for it any more.
const AWAY_MAX: Duration = Duration::from_secs(10 * 60);

/// Shows a run until it has ended.
pub(crate) async fn run(
    id: Address,
    ask: Ask,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let mut shown = Shown::default();
    let mut away: Option<Instant> = None;
    loop {
        match look(id, &ask, token.clone()).await {
            Ok(run) => {
                if away.take().is_some() && !ask.json {
                    text::write("the node is back\n", out)?;
                }
                if !ask.json {
                    text::write(&shown.news(&run), out)?;
                }
                // Whoever is put aside does nothing more by itself.
                if run.state.is_final() || run.quarantined.is_some() {
                    ask.show(&run, summary, out)?;
                    let is_completed = run.state == State::Completed;
                    return Ok(if is_completed { Exit::Done } else { Exit::Failed });
                }
            }
            // Nobody gives it another one.
            Err(error @ Error::Token { .. }) if ask.find.is_told() => return Err(error),
            Err(error)
                if error.is_absence() && away.is_none_or(|since| since.elapsed() < AWAY_MAX) =>
            {
                if away.is_none() && !ask.json {
                    text::write("the node is away: waiting for it\n", out)?;
                }
                away.get_or_insert_with(Instant::now);
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A node that was restarted has another address and another token.
async fn look(id: Address, ask: &Ask, token: Option<Token>) -> Result<Run, Error> {
    ask.client(token)?.get(&path(id, "")).await
}

fn summary(run: &Run) -> String {
    if run.state == State::Completed {
        return format!("{} completed\n", run.id);
    }
    format!("\n{}", story::tell(run, story::File::Unknown))
}

/// What a person has seen so far.
#[derive(Default)]
struct Shown {
    is_begun: bool,
    steps: BTreeMap<String, (StepState, usize)>,
}

impl Shown {
    fn news(&mut self, run: &Run) -> String {
        let mut news = String::new();
        if !self.is_begun {
            self.is_begun = true;
            news += &format!("{}\n", run.id);
        }
        for step in &run.steps {
            let now = (step.state, step.attempts.len());
            let before = self.steps.insert(step.id.clone(), now);
            let is_untouched = step.state == StepState::Waiting && step.attempts.is_empty();
            if before == Some(now) || (before.is_none() && is_untouched) {
                continue;
            }
            let at = story::span(run.opened_at, moment(run, step));
            let story = hint(step).map_or(String::new(), |hint| format!(": {hint}"));
            let is_tried_again = step.state == StepState::Waiting && !step.attempts.is_empty();
            let word = if is_tried_again { "is tried again" } else { step.state.word() };
            news += &format!("  +{at:<8} {}  {word}{story}\n", clean(&step.id));
        }
        news
    }
}

/// When it came to be as it is.
fn moment(run: &Run, step: &Step) -> Timestamp {
    let tried = step.attempts.last();
    let tried = tried.map(|attempt| attempt.ended_at.unwrap_or(attempt.begun_at));
    let asked = step.approvals.last();
    let asked = asked.map(|asked| asked.answer.as_ref().map_or(asked.since, |answer| answer.at));
    tried.or(asked).or(run.closed_at).unwrap_or(run.opened_at)
}

/// Why it is as it is, or what a person can do about it.
fn hint(step: &Step) -> Option<String> {
    match step.approvals.last().filter(|asked| asked.answer.is_none()) {
        Some(asked) => Some(format!("lares approve {0} (or lares deny {0})", asked.id)),
        None => {
            let told = step.attempts.last().and_then(|attempt| attempt.story.as_deref());
            told.or(step.story.as_deref()).map(clean)
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::approval::{Answer, Approval, ApprovalId, Verdict};
    use domain::tool::Effect;
    use expect_test::expect;
    use serde_json::Value;

    use super::*;
    use crate::story::sample;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000 + seconds * 1_000)
    }

    #[test]
    fn whoever_follows_is_told_how_to_answer_and_each_change_once() {
        let mut run = sample::run();
        let mut push = sample::step("push", "http", Effect::Unsafe);
        push.state = StepState::AwaitsApproval;
        push.approvals.push(Approval {
            id: ApprovalId { run: run.id, number: 1 },
            run: run.id,
            step: "push".to_owned(),
            about: "May it go out?".to_owned(),
            tool: "http".to_owned(),
            args: Value::Null,
            digest: "00ff".to_owned(),
            since: at(2),
            until: at(9),
            answer: None,
        });
        run.steps = vec![push];
        let mut shown = Shown::default();
        let mut news = shown.news(&run);
        news += &shown.news(&run);
        let answer = Answer { verdict: Verdict::Denied, note: None, at: at(7) };
        run.steps[0].approvals[0].answer = Some(answer);
        run.steps[0].state = StepState::Failed;
        run.steps[0].story = Some("it was denied".to_owned());
        news += &shown.news(&run);
        expect![[r#"
            pln_00000000000000000000000000
              +2s       push  awaits approval: lares approve apr_00000000000000000000000000-1 (or lares deny apr_00000000000000000000000000-1)
              +7s       push  failed: it was denied
        "#]]
        .assert_eq(&news);
    }
}
