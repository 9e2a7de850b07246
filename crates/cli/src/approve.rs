//! `lares approve` and `lares deny`: a person says whether something may be done.

use std::io::Write;

use clap::Args;
use domain::approval::{Answered, ApprovalId, Saying, Verdict};
use domain::token::Token;

use crate::ask::Ask;
use crate::{Error, Exit, text};

/// What may be said after `lares approve`.
#[derive(Debug, Clone, Args)]
pub struct Approve {
    #[command(flatten)]
    one: One,
    /// The digest of what you have seen, as `lares approvals --json` shows it; if it would be
    /// something else meanwhile, nothing is answered
    #[arg(long)]
    digest: Option<String>,
}

/// What may be said after `lares deny`.
#[derive(Debug, Clone, Args)]
pub struct Deny {
    #[command(flatten)]
    one: One,
}

#[derive(Debug, Clone, Args)]
struct One {
    /// As `lares approvals` lists it, such as apr_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3-1
    id: ApprovalId,
    /// Why, for whoever looks later
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

pub async fn approve(
    approve: Approve,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Approve { one, digest } = approve;
    answer(one, true, digest, token, out).await
}

pub async fn deny(deny: Deny, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    answer(deny.one, false, None, token, out).await
}

async fn answer(
    one: One,
    granted: bool,
    digest: Option<String>,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let One { id, note, ask } = one;
    let body = text::json(&Saying { granted, note, digest })?.into_bytes();
    let path = format!("/v1/approvals/{id}");
    let answered: Answered = ask.client(token)?.post(&path, body, None).await?;
    ask.show(&answered, |answered| format!("{id} {}\n", tell(*answered)), out)?;
    Ok(exit(answered, granted))
}

fn tell(answered: Answered) -> String {
    let what = match (answered.is_first, answered.verdict) {
        (true, Verdict::Granted) => "is granted: it is done as soon as there is room for it",
        (true, Verdict::Denied) => "is denied: it is not done",
        (false, Verdict::Granted) => "was already granted by the first answer",
        (false, Verdict::Denied) => "was already denied by the first answer",
        (_, Verdict::Expired) => "has expired: nobody had answered in time, and it is not done",
        (_, Verdict::Void) => "is void: what it was about is not going to be done",
    };
    let instead =
        answered.instead.map(|id| format!("; {id} is asked instead: lares approvals {id}"));
    format!("{what}{}", instead.unwrap_or_default())
}

/// Whoever finds what was wanted has what was wanted.
fn exit(answered: Answered, granted: bool) -> Exit {
    let wanted = if granted { Verdict::Granted } else { Verdict::Denied };
    if answered.verdict == wanted { Exit::Done } else { Exit::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_later_is_told_the_first() {
        let rows = [
            (true, Verdict::Granted, true, "is granted", Exit::Done),
            (true, Verdict::Denied, false, "is denied", Exit::Done),
            (false, Verdict::Denied, true, "already denied by the first answer", Exit::Failed),
            (false, Verdict::Granted, true, "already granted by the first answer", Exit::Done),
            (false, Verdict::Granted, false, "already granted by the first answer", Exit::Failed),
            (false, Verdict::Expired, true, "has expired", Exit::Failed),
            (false, Verdict::Expired, false, "has expired", Exit::Failed),
            (false, Verdict::Void, true, "is void", Exit::Failed),
        ];
        for (is_first, verdict, granted, part, expected) in rows {
            let answered = Answered { verdict, is_first, instead: None };
            assert!(tell(answered).contains(part), "{answered:?}: {}", tell(answered));
            assert_eq!(exit(answered, granted), expected, "{answered:?} {granted}");
        }
        let instead = Some("apr_00000000000000000000000000-2".parse().expect("an approval"));
        let answered = Answered { verdict: Verdict::Void, is_first: false, instead };
        let part = "; apr_00000000000000000000000000-2 is asked instead";
        assert!(tell(answered).contains(part), "{}", tell(answered));
    }
}
