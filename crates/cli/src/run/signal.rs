//! `lares run signal`: tells a run that something has happened.

use std::io::Write;

use clap::Args;
use domain::id::Address;
use domain::token::Token;
use serde::Serialize;
use serde_json::Value;

use super::{given, path};
use crate::ask::Ask;
use crate::{Error, Exit, place, text};

#[derive(Debug, Clone, Args)]
pub(super) struct Signal {
    /// As `lares runs` lists it
    id: Address,
    /// What has happened, in the word that the plan uses
    #[arg(value_parser = place::name)]
    name: String,
    /// What the step that waits brings of it: JSON, or else a text; `-` reads standard input
    #[arg(value_name = "DATA")]
    brings: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

pub(super) async fn run(
    signal: Signal,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body {
        data: Value,
    }

    let Signal { id, name, brings, ask } = signal;
    let data = brings.map_or(Ok(Value::Null), |brings| given::data(&brings))?;
    let body = text::json(&Body { data })?.into_bytes();
    let place = path(id, &format!("/signals/{}", place::segment(&name)));
    let client = ask.client(token)?;
    // Heard twice it is two signals, unless both have one name.
    let key = text::once();
    let taken: Value = match client.post(&place, body.clone(), Some(&key)).await {
        Err(Error::Broken { .. }) => client.post(&place, body, Some(&key)).await?,
        answer => answer?,
    };
    ask.show(&taken, |_| format!("{id} has heard {}\n", text::clean(&name)), out)
}
