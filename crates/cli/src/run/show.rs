//! `lares run show`: all that is known of a run.

use std::io::Write;

use domain::run::Run;
use domain::token::Token;

use super::{One, path, text};
use crate::{Error, Exit, story};

pub(super) async fn run(
    one: One,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let run: Run = one.ask.client(token)?.get(&path(one.id, "")).await?;
    one.ask.show(&run, |run| story::tell(run, text::file(run)), out)
}
