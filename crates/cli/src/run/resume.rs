//! `lares run resume`: lets a run go on that has paused.

use std::io::Write;

use clap::Args;
use domain::token::Token;
use serde::Serialize;

use super::{One, path};
use crate::{Error, Exit, text};

#[derive(Debug, Clone, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    one: One,
    /// What was found, for whoever looks later
    #[arg(long)]
    note: Option<String>,
    /// How many steps it has taken up as far as you have seen; if it is more, nothing is done
    #[arg(long, value_name = "N")]
    at: Option<u32>,
}

pub(super) async fn run(
    resume: Resume,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body {
        note: Option<String>,
        at: Option<u32>,
    }

    let Resume { one, note, at } = resume;
    let client = one.ask.client(token)?;
    let body = text::json(&Body { note, at })?.into_bytes();
    let taken: serde_json::Value = client.post(&path(one.id, "/resume"), body, None).await?;
    one.ask.show(&taken, |_| format!("{} goes on\n", one.id), out)
}
