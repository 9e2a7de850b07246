//! `lares run plan`: the text of a plan, as it runs.

use std::io::Write;

use domain::token::Token;
use serde::Serialize;

use super::{One, path};
use crate::{Error, Exit, text};

pub(super) async fn run(
    one: One,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        plan: &'a str,
    }

    let plan = one.ask.client(token)?.bytes(&path(one.id, "/plan")).await?;
    if one.ask.json {
        let plan = String::from_utf8_lossy(&plan);
        return one.ask.show(&Shown { plan: &plan }, |_| String::new(), out);
    }
    text::write_bytes(&plan, out)?;
    Ok(Exit::Done)
}
