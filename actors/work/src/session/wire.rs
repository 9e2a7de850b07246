//! What is sent to a session and what it records: written down, and read for ever.

use domain::conversation::Reply;
use domain::id::Address;
use domain::journal::Body;
use domain::signals::written;
use domain::wire::{Unread, Written, read, write};
use serde::{Deserialize, Serialize};

use crate::plan::Brief;

/// What others may send it.
#[derive(Debug, Clone, PartialEq)]
pub enum Post {
    Turn(Turn),
    Ended(PlanEnded),
}

/// Something that a person asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub brief: Brief,
}

/// The plan of a turn has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEnded {
    pub plan: Address,
    pub reply: Reply,
}

/// What it says to who posted; kept with the post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Turn(u32),
    Refused(String),
}

impl Answer {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an answer is plain data")
    }
}

/// What it records.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Asked(Asked),
    Begun(Begun),
    Replied(Replied),
}

/// A turn has come in. What was asked is kept until it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub turn: u32,
    /// Only while others come first; the plan has it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brief: Option<Brief>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub turn: u32,
    pub plan: Address,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    pub turn: u32,
    pub reply: Reply,
}

impl Written for Post {
    fn write(&self) -> Body {
        match self {
            Post::Turn(turn) => write(written::SESSION_TURN, 1, turn),
            Post::Ended(ended) => write(written::SESSION_PLAN_ENDED, 1, ended),
        }
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        match (&*body.name, body.version) {
            (written::SESSION_TURN, 1) => read(body).map(Post::Turn),
            (written::SESSION_PLAN_ENDED, 1) => read(body).map(Post::Ended),
            _ => Err(Unread::unknown(body)),
        }
    }
}

impl Written for Event {
    fn write(&self) -> Body {
        match self {
            Event::Asked(asked) => write(written::TURN_ASKED, 1, asked),
            Event::Begun(begun) => write(written::TURN_BEGUN, 1, begun),
            Event::Replied(replied) => write(written::TURN_REPLIED, 1, replied),
        }
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        match (&*body.name, body.version) {
            (written::TURN_ASKED, 1) => read(body).map(Event::Asked),
            (written::TURN_BEGUN, 1) => read(body).map(Event::Begun),
            (written::TURN_REPLIED, 1) => read(body).map(Event::Replied),
            _ => Err(Unread::unknown(body)),
        }
    }
}
