//! `lares run output`: all that a step has written.

use std::io::Write;

use clap::Args;
use domain::token::Token;
use serde::Serialize;

use super::{OfRun, is_plain, path};
use crate::ask::Ask;
use crate::{Error, Exit, text};

#[derive(Debug, Clone, Args)]
pub(super) struct Output {
    /// RUN/STEP, as `lares run show` names it
    id: OfRun,
    /// Which of what it has written, such as stdout
    #[arg(value_parser = plain)]
    name: String,
    #[command(flatten)]
    ask: Ask,
}

pub(super) async fn run(
    output: Output,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        name: &'a str,
        bytes: usize,
        text: &'a str,
    }

    let Output { id: OfRun { run, step }, name, ask } = output;
    let place = path(run, &format!("/steps/{step}/attachments/{name}"));
    let bytes = ask.client(token)?.bytes(&place).await?;
    if ask.json {
        let text = String::from_utf8_lossy(&bytes);
        let shown = Shown { name: &name, bytes: bytes.len(), text: &text };
        return ask.show(&shown, |_| String::new(), out);
    }
    text::write_bytes(&bytes, out)?;
    Ok(Exit::Done)
}

fn plain(name: &str) -> Result<String, String> {
    match is_plain(name) {
        true => Ok(name.to_owned()),
        false => Err("write it as `lares run show` does, such as stdout".to_owned()),
    }
}
