//! The tool contract: what can be done to the world, what is known of doing it twice, and what
//! became of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BoxFuture;

/// What a repetition would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// There is none.
    None,
    /// Once or twice is the same.
    Idempotent,
    /// The same key is one effect.
    Keyed,
    /// A second one.
    Unsafe,
}

impl Effect {
    /// Whether doing it again under its key changes nothing more.
    pub fn is_repeatable(self) -> bool {
        match self {
            Effect::None | Effect::Idempotent | Effect::Keyed => true,
            Effect::Unsafe => false,
        }
    }
}

/// What happens to a step that was begun and whose outcome nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDoubt {
    /// A person decides.
    Ask,
    Repeat,
    Fail,
}

/// What is known of a tool before it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    pub name: &'static str,
    /// One sentence for whoever chooses it.
    pub about: &'static str,
    /// The JSON schema of its arguments.
    pub arguments: Value,
    /// What a repetition does where the step does not say.
    pub effect: Effect,
    /// Whose permits it takes where the step does not say.
    pub lane: &'static str,
    /// Whether it goes on elsewhere, also when every hand on this machine has ended.
    pub is_far: bool,
}

/// One use of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub tool: Arc<str>,
    pub args: Value,
    /// Of the effect: the same for every attempt.
    pub key: Arc<str>,
    pub effect: Effect,
    /// How long it may take from now on.
    pub within: Duration,
}

/// What a tool has brought.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Small: what people read and later steps may use.
    pub value: Value,
    /// What is too big for that, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// Bytes that came with an output or a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    pub name: String,
    pub content: Content,
    /// What was recorded before this was known is bytes.
    #[serde(default, skip_serializing_if = "Media::is_bytes")]
    pub media: Media,
}

/// What bytes are, for whoever shows them or reads on in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Nobody says.
    #[default]
    Bytes,
    /// For people; a command may have written anything.
    Text,
    Markdown,
    Json,
    /// A unified diff.
    Patch,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// On its way from the tool to the store; never recorded.
    #[serde(skip)]
    Bytes(Vec<u8>),
    /// In the store, under the hash of what it holds.
    Kept { blob: String, bytes: u64 },
    /// It could not be kept.
    Lost { why: String, bytes: u64 },
}

/// Why a use of a tool came to nothing, or may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub class: Class,
    /// What happened, where, and what to do next.
    pub story: String,
    /// Whatever was seen of it.
    #[serde(default)]
    pub output: Output,
}

/// What is known of the effect after a failure, and what another try would be worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It was not begun, and never will be: the same again comes to the same.
    Refused,
    /// It was not begun: the same later may succeed, and no earlier than this if it says so.
    Busy { after_ms: Option<u64> },
    /// It was done and said no.
    Failed,
    /// It was begun, and nobody knows whether it has happened.
    Unknown,
    /// It was ended because somebody asked for that.
    Stopped,
    /// It was begun and could not be ended: it may still be going on.
    Going,
}

/// When another try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// As the back-off of the caller says.
    Soon,
    After(Duration),
}

impl Media {
    pub fn is_bytes(&self) -> bool {
        *self == Media::Bytes
    }
}

impl Output {
    /// What of it is in the store.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.attachments.iter().filter_map(|attachment| match &attachment.content {
            Content::Kept { blob, .. } => Some(blob.as_str()),
            Content::Bytes(_) | Content::Lost { .. } => None,
        })
    }
}

impl Class {
    /// Whether the effect may be there all the same; whoever was stopped half way may have done
    /// something as well.
    pub fn may_have_happened(self) -> bool {
        match self {
            Class::Unknown | Class::Stopped | Class::Going => true,
            Class::Refused | Class::Busy { .. } | Class::Failed => false,
        }
    }

    pub fn retry(self) -> Retry {
        match self {
            Class::Refused | Class::Stopped | Class::Unknown | Class::Going => Retry::Never,
            Class::Busy { after_ms: Some(ms) } => Retry::After(Duration::from_millis(ms)),
            Class::Busy { after_ms: None } | Class::Failed => Retry::Soon,
        }
    }
}

/// The port: whatever can be done to the world from a step.
pub trait Tools: Send + Sync + 'static {
    /// All there are, in the order of their names.
    fn contracts(&self) -> Vec<Contract>;

    /// What is wrong with these arguments, all of it at once; nothing if the tool would take them.
    fn faults(&self, tool: &str, args: &Value) -> Vec<String>;

    /// Performs a call, and ends it early once `stop` resolves or the returned future is dropped.
    /// When it resolves, nothing of the call is going on any more.
    fn perform(
        &self,
        call: Call,
        stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>>;
}
