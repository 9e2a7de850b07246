//! An approval: a person is asked, once, whether one thing may be done.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::BoxFuture;
use crate::id::{Address, Kind};
use crate::run::Error;
use crate::time::Timestamp;

/// Names one approval for good. Written as `apr_01KB...-2`: the second that this run has sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApprovalId {
    pub run: Address,
    pub number: u32,
}

/// One approval, from the question to what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    pub id: ApprovalId,
    pub run: Address,
    pub step: String,
    /// What a person reads.
    pub about: String,
    pub tool: String,
    pub args: Value,
    /// Of the tool and its arguments: what was allowed is what is done.
    pub digest: String,
    pub since: Timestamp,
    /// After this it counts as refused.
    pub until: Timestamp,
    pub answer: Option<Answer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub verdict: Verdict,
    pub note: Option<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Granted,
    Denied,
    /// Nobody has said anything in time.
    Expired,
    /// What it was about is not what would be done any more, or will not be done at all.
    Void,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Granted => "granted",
            Verdict::Denied => "denied",
            Verdict::Expired => "expired",
            Verdict::Void => "void",
        }
    }
}

/// What a person says to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saying {
    pub granted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Of what the person has seen: anything else is not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What became of it, and who decided that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub verdict: Verdict,
    /// Whether it was this answer.
    pub is_first: bool,
    /// The one that is asked in its place, where it is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<ApprovalId>,
}

/// The port: what people are asked, for the doors.
pub trait Approvals: Send + Sync + 'static {
    /// All that wait for an answer, oldest first, no more than so many.
    fn list(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Approval>, Error>>;

    fn show(&self, approval: ApprovalId) -> BoxFuture<'_, Result<Approval, Error>>;

    /// The first answer counts. Every later one is told what the first was.
    fn answer(
        &self,
        approval: ApprovalId,
        saying: Saying,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Answered, Error>>;
}

/// A text that names no approval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no approval: write one such as apr_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3-1, as `lares \
     approvals` lists it"
)]
pub struct NoApproval(String);

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "apr_{}-{}", self.run.id, self.number)
    }
}

impl FromStr for ApprovalId {
    type Err = NoApproval;

    fn from_str(text: &str) -> Result<Self, NoApproval> {
        let no = || NoApproval(text.to_owned());
        let (id, number) =
            text.strip_prefix("apr_").and_then(|rest| rest.split_once('-')).ok_or_else(no)?;
        let id = id.parse().map_err(|_| no())?;
        let number = number.parse().ok().filter(|number| 0 < *number).ok_or_else(no)?;
        Ok(ApprovalId { run: Address { kind: Kind::Plan, id }, number })
    }
}

impl Serialize for ApprovalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApprovalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
