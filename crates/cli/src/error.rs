use std::io;
use std::path::{Path, PathBuf};

use domain::BoxError;

use crate::{DATA_DEFAULT, Exit};

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no node is running in {}: start one with `{}`", data.display(), start(data))]
    NoNode { data: PathBuf },
    #[error(
        "no node is running in {}: process {pid}, which {} names, has ended without a farewell; \
         start another with `{}`", data.display(), crate::Node::FILE, start(data)
    )]
    Ended { data: PathBuf, pid: u32 },
    #[error("no node answers at {url}: start one with `{start}`")]
    NoAnswer { url: String, start: String },
    #[error("the node at {url} has not answered in time: ask again, or look at its log")]
    Late { url: String },
    #[error("the node at {url} does not accept the token it was shown: {mend}")]
    Token { url: String, mend: String },
    #[error("the node at {url} refused with status {status}: {message}")]
    Refused { url: String, status: u16, message: String },
    /// What was asked is wrong in itself.
    #[error("{0}")]
    Malformed(String),
    /// What was sent is more than the node takes.
    #[error("{0}")]
    TooBig(String),
    /// Asked once more under this key it is still one request.
    #[error(
        "whether the run has begun is not known: say the same again with `--key {key}`, and it \
         begins once"
    )]
    Unsure {
        key: String,
        #[source]
        source: Box<Error>,
    },
    /// What was asked for is not there, or does not take that now.
    #[error("{0}")]
    NotNow(String),
    #[error("what answers at {url} does not speak as a node does: is it another program?")]
    Foreign {
        url: String,
        #[source]
        source: BoxError,
    },
    #[error("the answer of the node at {url} is longer than {bytes_max} bytes")]
    TooLong { url: String, bytes_max: usize },
    #[error("the connection to the node at {url} broke: ask again")]
    Broken {
        url: String,
        #[source]
        source: BoxError,
    },
    #[error("cannot read {}: it belongs to whoever started the node", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not what a node writes: remove it and start the node again", path.display())]
    Garbled {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the plan cannot be run:\n{}", .0.join("\n"))]
    Faults(Vec<String>),
    #[error("cannot read the plan {}", path.display())]
    Plan {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read what is on standard input")]
    Input(#[source] io::Error),
    #[error("{} is no folder that a run may touch: {why}", path.display())]
    Workspace { path: PathBuf, why: String },
    #[error("{} is there already: {instead}", path.display())]
    Occupied { path: PathBuf, instead: &'static str },
    #[error("cannot write {}", path.display())]
    Keep {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} names no place for a file", path.display())]
    Nowhere {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot set up the client")]
    Client(#[source] BoxError),
    #[error("cannot write the answer")]
    Write(#[source] io::Error),
}

impl Error {
    /// What the shell is told.
    pub fn exit(&self) -> Exit {
        match self {
            Error::NoNode { .. } | Error::Ended { .. } | Error::NoAnswer { .. } => Exit::Absent,
            Error::Faults(_)
            | Error::Plan { .. }
            | Error::Workspace { .. }
            | Error::Occupied { .. }
            | Error::Malformed(_)
            | Error::TooBig(_)
            | Error::Nowhere { .. } => Exit::Usage,
            Error::Late { .. }
            | Error::Token { .. }
            | Error::Refused { .. }
            | Error::NotNow(_)
            | Error::Unsure { .. }
            | Error::Foreign { .. }
            | Error::TooLong { .. }
            | Error::Broken { .. }
            | Error::Unreadable { .. }
            | Error::Garbled { .. }
            | Error::Input(_)
            | Error::Keep { .. }
            | Error::Client(_)
            | Error::Write(_) => Exit::Failed,
        }
    }
}

impl Error {
    /// Whether the node may come back and answer then.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Error::NoNode { .. }
            | Error::Ended { .. }
            | Error::NoAnswer { .. }
            | Error::Late { .. }
            | Error::Token { .. }
            | Error::Broken { .. } => true,
            Error::Refused { status, .. } => *status == 503,
            Error::Foreign { .. }
            | Error::Malformed(_)
            | Error::TooBig(_)
            | Error::Unsure { .. }
            | Error::NotNow(_)
            | Error::Nowhere { .. }
            | Error::TooLong { .. }
            | Error::Unreadable { .. }
            | Error::Garbled { .. }
            | Error::Faults(_)
            | Error::Plan { .. }
            | Error::Input(_)
            | Error::Workspace { .. }
            | Error::Occupied { .. }
            | Error::Keep { .. }
            | Error::Client(_)
            | Error::Write(_) => false,
        }
    }
}

impl Error {
    /// Whether the node may have heard what was asked, and its answer is lost.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(self, Error::Broken { .. } | Error::Late { .. })
    }
}

/// The command that starts a node on this folder.
pub(crate) fn start(data: &Path) -> String {
    if data == Path::new(DATA_DEFAULT) {
        return "lares up".to_owned();
    }
    format!("lares up --data {}", data.display())
}
