//! What is sent to a plan and what it records: written down, and read for ever.

mod brief;
mod events;

use domain::approval::Verdict;
use domain::journal::Body;
use domain::signals::written;
use domain::wire::{Unread, Written, read, write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use brief::{
    Approval, Brief, Caps, Check, Course, Descent, Source, Task, Text, To, Use, Way, When,
};
pub use events::{
    Answered, Asked, Begun, By, Cancelling, Checking, Closed, Doubted, Ended, Ending, Fill, Filled,
    Given, Opened, Outcome, Paused, Planned, Rested, Resumed, Reused, Settled, Signaled, Sought,
    Then, Unclear, Undoing,
};

/// What others may send it.
#[derive(Debug, Clone, PartialEq)]
pub enum Post {
    Open(Brief),
    Cancel(Cancel),
    Settle(Settle),
    Answer(Said),
    Signal(Signal),
    Give(Give),
    Resume(Resume),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    pub reason: String,
}

/// A person says what became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    pub step: String,
    pub happened: bool,
}

/// A person says whether a step may be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub number: u32,
    pub granted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Of what the person has seen, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Something has happened that a step may wait for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub name: String,
    pub data: Value,
}

/// The run is given something else than before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Give {
    pub name: String,
    pub value: Value,
    /// What it is known to be, if whoever gives it would not overwrite what others gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// A plan that has paused is to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How many rounds it had taken up when whoever resumes it has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
}

/// What it says to who posted; kept with the post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Taken,
    Refused(String),
    /// What became of an approval, and whether it was this that decided it.
    Verdict {
        verdict: Verdict,
        is_first: bool,
    },
    /// What a given input is called by from now on.
    Version(u64),
    /// Nobody in this plan waits for such a signal, or ever will.
    Unawaited(String),
}

impl Answer {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an answer is plain data")
    }
}

/// What it records.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Opened(Opened),
    Planned(Planned),
    Begun(Begun),
    Ended(Ended),
    Rested(Rested),
    Doubted(Doubted),
    Checking(Checking),
    Unclear(Unclear),
    Asked(Asked),
    Settled(Settled),
    Sought(Sought),
    Answered(Answered),
    Signaled(Signaled),
    Given(Given),
    Reused(Reused),
    Paused(Paused),
    Resumed(Resumed),
    Undoing(Undoing),
    Cancelling(Cancelling),
    Closed(Closed),
}

impl Written for Post {
    fn write(&self) -> Body {
        match self {
            Post::Open(brief) => write(written::PLAN_OPEN, 1, brief),
            Post::Cancel(cancel) => write(written::PLAN_CANCEL, 1, cancel),
            Post::Settle(settle) => write(written::PLAN_SETTLE, 1, settle),
            Post::Answer(said) => write(written::PLAN_ANSWER, 1, said),
            Post::Signal(signal) => write(written::PLAN_SIGNAL, 1, signal),
            Post::Give(give) => write(written::PLAN_GIVE, 1, give),
            Post::Resume(resume) => write(written::PLAN_RESUME, 1, resume),
        }
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        match (&*body.name, body.version) {
            (written::PLAN_OPEN, 1) => read(body).map(Post::Open),
            (written::PLAN_CANCEL, 1) => read(body).map(Post::Cancel),
            (written::PLAN_SETTLE, 1) => read(body).map(Post::Settle),
            (written::PLAN_ANSWER, 1) => read(body).map(Post::Answer),
            (written::PLAN_SIGNAL, 1) => read(body).map(Post::Signal),
            (written::PLAN_GIVE, 1) => read(body).map(Post::Give),
            (written::PLAN_RESUME, 1) => read(body).map(Post::Resume),
            _ => Err(Unread::unknown(body)),
        }
    }
}

impl Written for Event {
    fn write(&self) -> Body {
        match self {
            Event::Opened(opened) => write(written::PLAN_OPENED, 1, opened),
            Event::Planned(planned) => write(written::PLAN_PLANNED, 1, planned),
            Event::Begun(begun) => write(written::STEP_BEGUN, 1, begun),
            Event::Ended(ended) => write(written::STEP_ENDED, 1, ended),
            Event::Rested(rested) => write(written::STEP_RESTED, 1, rested),
            Event::Doubted(doubted) => write(written::STEP_DOUBTED, 1, doubted),
            Event::Checking(checking) => write(written::STEP_CHECKING, 1, checking),
            Event::Unclear(unclear) => write(written::STEP_UNCLEAR, 1, unclear),
            Event::Asked(asked) => write(written::STEP_ASKED, 1, asked),
            Event::Settled(settled) => write(written::STEP_SETTLED, 1, settled),
            Event::Sought(sought) => write(written::APPROVAL_SOUGHT, 1, sought),
            Event::Answered(answered) => write(written::APPROVAL_ANSWERED, 1, answered),
            Event::Signaled(signaled) => write(written::SIGNAL_TAKEN, 1, signaled),
            Event::Given(given) => write(written::INPUT_GIVEN, 1, given),
            Event::Reused(reused) => write(written::STEP_REUSED, 1, reused),
            Event::Paused(paused) => write(written::PLAN_PAUSED, 1, paused),
            Event::Resumed(resumed) => write(written::PLAN_RESUMED, 1, resumed),
            Event::Undoing(undoing) => write(written::PLAN_UNDOING, 1, undoing),
            Event::Cancelling(cancelling) => write(written::PLAN_CANCELLING, 1, cancelling),
            Event::Closed(closed) => write(written::PLAN_CLOSED, 1, closed),
        }
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        match (&*body.name, body.version) {
            (written::PLAN_OPENED, 1) => read(body).map(Event::Opened),
            (written::PLAN_PLANNED, 1) => read(body).map(Event::Planned),
            (written::STEP_BEGUN, 1) => read(body).map(Event::Begun),
            (written::STEP_ENDED, 1) => read(body).map(Event::Ended),
            (written::STEP_RESTED, 1) => read(body).map(Event::Rested),
            (written::STEP_DOUBTED, 1) => read(body).map(Event::Doubted),
            (written::STEP_CHECKING, 1) => read(body).map(Event::Checking),
            (written::STEP_UNCLEAR, 1) => read(body).map(Event::Unclear),
            (written::STEP_ASKED, 1) => read(body).map(Event::Asked),
            (written::STEP_SETTLED, 1) => read(body).map(Event::Settled),
            (written::APPROVAL_SOUGHT, 1) => read(body).map(Event::Sought),
            (written::APPROVAL_ANSWERED, 1) => read(body).map(Event::Answered),
            (written::SIGNAL_TAKEN, 1) => read(body).map(Event::Signaled),
            (written::INPUT_GIVEN, 1) => read(body).map(Event::Given),
            (written::STEP_REUSED, 1) => read(body).map(Event::Reused),
            (written::PLAN_PAUSED, 1) => read(body).map(Event::Paused),
            (written::PLAN_RESUMED, 1) => read(body).map(Event::Resumed),
            (written::PLAN_UNDOING, 1) => read(body).map(Event::Undoing),
            (written::PLAN_CANCELLING, 1) => read(body).map(Event::Cancelling),
            (written::PLAN_CLOSED, 1) => read(body).map(Event::Closed),
            _ => Err(Unread::unknown(body)),
        }
    }
}
