//! `lares run fork` and `lares run replay`: runs that begin from another one, which stays as it is.

use std::io::Write;

use clap::{Args, ValueEnum};
use domain::id::Address;
use domain::run::{self, Descending, Descent};
use domain::token::Token;

use super::given::{self, Given};
use super::{path, submit};
use crate::ask::Ask;
use crate::{Error, Exit, text};

#[derive(Debug, Clone, Args)]
pub(super) struct Fork {
    #[command(flatten)]
    descend: Descend,
    /// The step from which on it goes its own way
    #[arg(long, value_name = "STEP")]
    from: String,
    /// What it is given instead of what the other was given; may be repeated
    #[arg(long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<Given>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    descend: Descend,
    /// The step from which on it does everything itself
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
}

/// What both have in common.
#[derive(Debug, Clone, Args)]
struct Descend {
    /// The run to begin from, as `lares runs` lists it
    id: Address,
    /// What it does where the other run has had an effect
    #[arg(long, value_enum, default_value_t = Effects::UseRecorded)]
    effects: Effects,
    /// A name for this request: the same key again is the same run
    #[arg(long, value_parser = submit::key)]
    key: Option<String>,
    /// Show what happens until the run has ended; the exit code is then 0 only if it completed
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Effects {
    /// None that was recorded before the step it begins from
    UseRecorded,
    /// Every one again
    Reexecute,
    /// Every one again, each after a person has allowed it
    RequireHuman,
}

impl From<Effects> for run::Effects {
    fn from(effects: Effects) -> Self {
        match effects {
            Effects::UseRecorded => run::Effects::UseRecorded,
            Effects::Reexecute => run::Effects::Reexecute,
            Effects::RequireHuman => run::Effects::RequireHuman,
        }
    }
}

pub(super) async fn fork(
    fork: Fork,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Fork { descend, from, inputs } = fork;
    let (inputs, effects) = (given::all(&inputs)?, descend.effects.into());
    let how = Descent::Fork;
    begin(descend, Descending { how, from: Some(from), inputs, effects }, token, out).await
}

pub(super) async fn replay(
    replay: Replay,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Replay { descend, from } = replay;
    let (inputs, effects) = (Default::default(), descend.effects.into());
    let how = Descent::Replay;
    begin(descend, Descending { how, from, inputs, effects }, token, out).await
}

async fn begin(
    descend: Descend,
    descending: Descending,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Descend { id, effects: _, key, follow, ask } = descend;
    let client = ask.client(token.clone())?;
    let body = text::json(&descending)?.into_bytes();
    let opened =
        submit::submit(&client, ("application/json", &path(id, "/descend")), body, key).await?;
    submit::tell(opened, follow, ask, token, out).await
}
