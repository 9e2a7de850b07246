//! `lares run verify`: decides a history again, and compares.

use std::io::Write;

use domain::run::Replayed;
use domain::token::Token;

use super::{One, path};
use crate::text::clean;
use crate::{Error, Exit};

pub(super) async fn run(
    one: One,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let client = one.ask.client(token)?;
    let replayed: Replayed = client.post(&path(one.id, "/replay"), Vec::new(), None).await?;
    let (exit, line) = match &replayed {
        Replayed::Same { turns, events } => (
            Exit::Done,
            format!("the same: {turns} turns decided again, {events} events, byte by byte\n"),
        ),
        Replayed::Different { seq, recorded, decided } => {
            let (recorded, decided) = (clean(recorded), clean(decided));
            let line = format!(
                "different from event {seq} on\n  recorded: {recorded}\n  decided:  {decided}\n"
            );
            (Exit::Failed, line)
        }
    };
    one.ask.show(&replayed, |_| line, out)?;
    Ok(exit)
}
