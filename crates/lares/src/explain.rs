//! `lares explain`: the page of an error.

use anyhow::anyhow;
use clap::Args;
use cli::Exit;

use crate::code;
use crate::failure::Failure;

/// What may be said after `lares explain`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// As the error showed it, such as E0003
    code: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let page = code::page(&arguments.code);
    let page = page.map_err(|unknown| Failure::new(Exit::Usage, anyhow!(unknown)))?;
    crate::print(page.as_bytes())?;
    Ok(Exit::Done)
}
