//! `lares runs`: the list of runs.

use std::io::Write;

use clap::Args;
use domain::run::{Page, Run, StepState};
use domain::token::Token;

use crate::{Error, Exit, text};

/// What may be said after `lares runs`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    page: text::Page,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { page } = arguments;
    let path = format!("/v1/runs?{}", page.query());
    let runs: Page = page.ask.client(token)?.get(&path).await?;
    page.ask.show(&runs, table, out)
}

fn table(page: &Page) -> String {
    if page.runs.is_empty() {
        return "there are no runs: begin one with `lares run PLAN`\n".to_owned();
    }
    let mut rows = vec![["RUN", "STATE", "STEPS", "TOOK", "NAME", "WHY"].map(str::to_owned)];
    rows.extend(page.runs.iter().map(row));
    text::lay_out(&rows) + &text::more("before", page.next.as_ref())
}

fn row(run: &Run) -> [String; 6] {
    let done = run.steps.iter().filter(|step| step.state == StepState::Done).count();
    let took = run.closed_at.map(|closed_at| closed_at.since(run.opened_at));
    let took = took.map(|took| text::age(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    let (state, why) = match &run.quarantined {
        Some(_) => ("quarantined", &run.quarantined),
        None => (run.state.word(), &run.reason),
    };
    [
        run.id.to_string(),
        state.to_owned(),
        format!("{done}/{}", run.steps.len()),
        took.unwrap_or_else(|| "-".to_owned()),
        run.name.as_deref().map_or("-".to_owned(), name),
        why.as_deref().map_or("-".to_owned(), text::clean),
    ]
}

/// How much of a name a row shows; all of it is in the JSON.
const NAME_CHARS_MAX: usize = 40;

fn name(name: &str) -> String {
    text::shorten(&text::clean(name), NAME_CHARS_MAX)
}
