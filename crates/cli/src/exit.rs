use std::process::ExitCode;

/// How a verb ends, for whoever started it. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// It tried and failed.
    Failed,
    /// Wrong usage, configuration or address, or a second node on one folder: trying again changes
    /// nothing until a person does.
    Usage,
    /// Something it needs is not there, such as a running node.
    Absent,
    /// It measured and could not judge.
    NotJudged,
    /// The root of the tree gave up: whoever manages the process should start it again.
    RootGaveUp,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Absent => 3,
            Exit::NotJudged => 4,
            Exit::RootGaveUp => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
