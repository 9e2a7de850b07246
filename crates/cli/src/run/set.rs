//! `lares run set`: gives a run something else under the name of an input.

use std::io::Write;

use clap::Args;
use domain::id::Address;
use domain::token::Token;
use serde::{Deserialize, Serialize};

use super::given::Given;
use super::path;
use crate::ask::Ask;
use crate::{Error, Exit, place, text};

#[derive(Debug, Clone, Args)]
pub(super) struct Set {
    /// As `lares runs` lists it
    id: Address,
    /// The input and what it is from now on, as `lares run --input` takes it
    #[arg(value_name = "NAME=VALUE")]
    given: Given,
    /// The version that you have seen; if it has another one meanwhile, nothing is done
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
struct Version {
    version: u64,
}

pub(super) async fn run(
    set: Set,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body {
        value: String,
        version: Option<u64>,
    }

    let Set { id, given: Given { name, value }, version, ask } = set;
    let name = place::name(&name).map_err(Error::Malformed)?;
    let body = text::json(&Body { value, version })?.into_bytes();
    let place = path(id, &format!("/inputs/{}", place::segment(&name)));
    let given: Version = ask.client(token)?.put(&place, body).await?;
    let line = format!("{} is version {}\n", text::clean(&name), given.version);
    ask.show(&given, |_| line, out)
}
