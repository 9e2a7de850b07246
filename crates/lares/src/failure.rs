//! Why a verb failed, and the code it ends with.

use std::fmt;

use cli::Exit;

/// An error on its way to the person who started the program.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }
}

/// The error with all that caused it, in one line.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#}", self.error)
    }
}

impl From<cli::Error> for Failure {
    fn from(error: cli::Error) -> Self {
        Self::new(error.exit(), error)
    }
}
