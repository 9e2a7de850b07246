//! `lares run cancel`: ends a run.

use std::io::Write;

use clap::Args;
use domain::token::Token;
use serde::Serialize;

use super::{One, path};
use crate::{Error, Exit, text};

#[derive(Debug, Clone, Args)]
pub(super) struct Cancel {
    #[command(flatten)]
    one: One,
    /// Why, for whoever looks later
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn run(
    cancel: Cancel,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body {
        reason: Option<String>,
    }

    let Cancel { one, reason } = cancel;
    let client = one.ask.client(token)?;
    let body = text::json(&Body { reason })?.into_bytes();
    let taken: serde_json::Value = client.post(&path(one.id, "/cancel"), body, None).await?;
    let line = format!("{} is being canceled: it waits for what runs\n", one.id);
    one.ask.show(&taken, |_| line, out)
}
