//! `lares runs`: the list of runs.

use std::io::Write;

use clap::Args;
use domain::run::{Page, Run, StepState};
use domain::token::Token;

use crate::client::Client;
use crate::find::Find;
use crate::{Error, Exit, text};

/// What may be said after `lares runs`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// How many at most; 100 is the most that one page holds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Those before this place, as the page before says it
    #[arg(long, value_name = "PLACE")]
    before: Option<i64>,
    #[command(flatten)]
    find: Find,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { limit, before, find, json } = arguments;
    let before = before.map_or(String::new(), |place| format!("&before={place}"));
    let path = format!("/v1/runs?limit={limit}{before}");
    let page: Page = Client::new(find.find(token)?)?.get(&path).await?;
    let text = if json { text::json(&page)? } else { table(&page) };
    text::write(&text, out)?;
    Ok(Exit::Done)
}

fn table(page: &Page) -> String {
    if page.runs.is_empty() {
        return "there are no runs: begin one with `lares run SCRIPT`\n".to_owned();
    }
    let mut rows = vec![["RUN", "STATE", "STEPS", "TOOK", "WHY"].map(str::to_owned)];
    rows.extend(page.runs.iter().map(row));
    let mut text = text::lay_out(&rows);
    if let Some(next) = page.next {
        text += &format!("more with --before {next}\n");
    }
    text
}

fn row(run: &Run) -> [String; 5] {
    let done = run.steps.iter().filter(|step| step.state == StepState::Done).count();
    let took = run.closed_at.map(|closed_at| closed_at.since(run.opened_at));
    let took = took.map(|took| text::age(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    [
        run.id.to_string(),
        run.state.word().to_owned(),
        format!("{done}/{}", run.steps.len()),
        took.unwrap_or_else(|| "-".to_owned()),
        run.reason.as_deref().map_or("-".to_owned(), text::clean),
    ]
}
