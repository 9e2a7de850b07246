//! `lares backup`: a copy of all that a node has recorded.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::backup::Copied;
use domain::token::Token;
use serde::Serialize;

use crate::ask::Ask;
use crate::{Error, Exit, text};

/// What may be said after `lares backup`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The file to make, on the machine of the node; nothing is written over
    file: PathBuf,
    #[command(flatten)]
    ask: Ask,
}

impl Arguments {
    /// Whether an address says which node is meant.
    pub fn is_told(&self) -> bool {
        self.ask.find.is_told()
    }

    /// The file, and the folder that it is a copy of where nobody runs.
    pub fn by_hand(&self) -> (&Path, &Path) {
        (&self.file, self.ask.find.data())
    }
}

/// Asks the node that runs; it makes the file itself.
pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        file: &'a Path,
    }

    let client = arguments.ask.patient_client(token)?;
    let file = std::path::absolute(&arguments.file)
        .map_err(|source| Error::Nowhere { path: arguments.file.clone(), source })?;
    let body = text::json(&Body { file: &file })?.into_bytes();
    let copied: Copied = client.post("/v1/backup", body, None).await?;
    show(&copied, &arguments, out)
}

/// Says what was copied.
pub fn show(copied: &Copied, arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Error> {
    let shown = arguments.ask.show(copied, tell, out)?;
    Ok(if copied.audit_broken.is_some() { Exit::Failed } else { shown })
}

/// One line of what is in a copy.
pub fn tell(copied: &Copied) -> String {
    let Copied { file, entities, events, blobs, audit_lines, audit_broken, .. } = copied;
    let but = match copied.put_aside {
        0 => String::new(),
        aside => format!(" but for the histories of {aside} that are, or were, quarantined"),
    };
    let broken = audit_broken.as_ref().map_or(String::new(), |broken| {
        format!("{}: see `lares audit verify`; all else is sound\n", text::clean(broken))
    });
    format!(
        "{}: {entities} entities, {events} events, {blobs} blobs, {audit_lines} lines of the audit, \
         all read again{but}\n{broken}",
        file.display()
    )
}
