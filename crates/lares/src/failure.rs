//! Why a verb failed, and the code it ends with.

use std::fmt;

use cli::Exit;

use crate::code::Code;

/// An error on its way to the person who started the program.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    code: Option<Code>,
    error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, code: None, error: error.into() }
    }

    /// With the page that says what to do, if there is one.
    pub(crate) fn coded(self, code: impl Into<Option<Code>>) -> Self {
        Self { code: code.into(), ..self }
    }
}

/// The error with all that caused it, in one line.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(formatter, "{code}: ")?;
        }
        write!(formatter, "{:#}", self.error)
    }
}

impl From<cli::Error> for Failure {
    fn from(error: cli::Error) -> Self {
        Self::new(error.exit(), error)
    }
}
