//! What every verb takes: which node is asked, and how its answer is printed.

use std::io::Write;

use clap::Args;
use domain::token::Token;
use serde::Serialize;

use crate::client::Client;
use crate::find::Find;
use crate::{Error, Exit, text};

#[derive(Debug, Clone, Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    pub(crate) find: Find,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl Ask {
    pub(crate) fn client(&self, token: Option<Token>) -> Result<Client, Error> {
        Client::new(self.find.find(token)?)
    }

    /// For questions whose answer takes as long as reading all that the node keeps.
    pub(crate) fn patient_client(&self, token: Option<Token>) -> Result<Client, Error> {
        Client::patient(self.find.find(token)?)
    }

    /// Prints an answer as it was wanted.
    pub(crate) fn show<T: Serialize>(
        &self,
        answer: &T,
        tell: impl FnOnce(&T) -> String,
        out: &mut impl Write,
    ) -> Result<Exit, Error> {
        text::write(&if self.json { text::json(answer)? } else { tell(answer) }, out)?;
        Ok(Exit::Done)
    }
}
