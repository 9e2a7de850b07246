//! Copies of the journal: made by the node that runs, by hand where none does, and put back.

use std::error::Error as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use cli::{DATA_DEFAULT, Exit};
use domain::BoxFuture;
use domain::backup::{Backup, Copied, Error};
use domain::records::shown::hex;
use store::postgres::Place;
use store::transfer::{self, Failed};
use store::{BackupError, Checked, Pace, Sqlite};

use crate::code;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::folder::{self, Folder};
use crate::journal;

/// Makes this file from the journal of a node. It blocks.
type Make = dyn Fn(&Path) -> Result<Checked, BackupError> + Send + Sync;

/// The port, over the journal of this node.
pub(crate) struct Copies(Arc<Make>);

impl Copies {
    pub(crate) fn of_file(journal: Arc<Sqlite>) -> Self {
        Copies(Arc::new(move |file| journal.backup(file, Pace::default())))
    }

    pub(crate) fn of_server(place: Place) -> Self {
        Copies(Arc::new(move |file| transfer::backup(&place, file)))
    }
}

impl Backup for Copies {
    fn copy(&self, file: PathBuf) -> BoxFuture<'_, Result<Copied, Error>> {
        Box::pin(async move {
            let make = Arc::clone(&self.0);
            let making = tokio::task::spawn_blocking(move || {
                let checked = make(&file);
                checked.map(|checked| copied(file, &checked)).map_err(refused)
            });
            making.await.unwrap_or_else(|error| Err(Error::Failed(error.to_string())))
        })
    }
}

pub(crate) fn copied(file: PathBuf, checked: &Checked) -> Copied {
    let Checked { entities, events, blobs, put_aside, audit, audit_broken } = checked;
    Copied {
        file,
        entities: *entities,
        events: *events,
        blobs: *blobs,
        put_aside: *put_aside,
        audit_lines: audit.lines,
        audit_head: hex(&audit.head),
        audit_broken: audit_broken.as_ref().map(ToString::to_string),
    }
}

fn refused(error: BackupError) -> Error {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story += &format!(": {error}");
        cause = error.source();
    }
    match error {
        BackupError::Busy => Error::Busy,
        // About the place that was named, and not about the journal.
        BackupError::Exists(_) | BackupError::File { .. } => Error::Refused(story),
        BackupError::Occupied(_)
        | BackupError::NoJournal(_)
        | BackupError::Closed
        | BackupError::Thread(_)
        | BackupError::TooNew { .. }
        | BackupError::Damaged { .. }
        | BackupError::Transfer { .. }
        | BackupError::Sqlite { .. } => Error::Failed(story),
    }
}

/// `lares backup`: asks the node that runs; where none does, the folder itself is copied.
pub(crate) fn back_up(arguments: cli::backup::Arguments) -> Result<Exit, Failure> {
    let by_hand = arguments.clone();
    let asked = crate::try_ask(|token, out| Box::pin(cli::backup::run(arguments, token, out)))?;
    let (file, data) = by_hand.by_hand();
    match asked {
        Err(cli::Error::NoAnswer { .. }) if by_hand.is_told() || folder::is_held(data) => {
            Ok(asked?)
        }
        // No answer: its process is gone, and another one has its number.
        Err(cli::Error::NoNode { .. } | cli::Error::Ended { .. } | cli::Error::NoAnswer { .. }) => {
            // Should a node start meanwhile, the copy is as sound.
            let configuration = Configuration::read(data);
            let store = configuration.map_err(|error| Failure::new(Exit::Usage, error))?.store;
            let place = journal::place(&store)?;
            folder::check_journal(data, &journal::name(place.as_ref()))?;
            let checked = match place {
                Some(place) => transfer::backup(&place, file),
                None => store::backup(data, file, Pace::default()),
            };
            let checked = checked.map_err(failure)?;
            let copied = copied(file.to_owned(), &checked);
            Ok(cli::backup::show(&copied, &by_hand, &mut std::io::stdout().lock())?)
        }
        asked => Ok(asked?),
    }
}

/// What may be said after `lares restore`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Restore {
    /// A copy that `lares backup` made
    file: PathBuf,
    /// The folder to make the journal in, which has none yet; or that of a node whose lares.toml
    /// names a server, and the journal is made there
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Let a server keep it that may forget what it has acknowledged
    #[arg(long)]
    accept_loss: bool,
}

/// `lares restore`: makes a journal from a copy, and writes over nothing.
pub(crate) fn restore(arguments: &Restore) -> Result<Exit, Failure> {
    let Restore { file, data, accept_loss } = arguments;
    // Before the folder: whoever mistypes a name finds nothing made.
    if let Err(error) = std::fs::File::open(file) {
        let error = anyhow!(error).context(format!("cannot read the copy {}", file.display()));
        return Err(Failure::new(Exit::Usage, error));
    }
    let folder = Folder::claim(data)?;
    let configuration = Configuration::read(data);
    let store = configuration.map_err(|error| Failure::new(Exit::Usage, error))?.store;
    let place = journal::place(&store)?;
    let checked = match &place {
        Some(place) => transfer::restore(file, place, &journal::options(*accept_loss)),
        None => store::restore(file, folder.path()),
    };
    let checked = checked.map_err(failure)?;
    folder.note_journal(&journal::name(place.as_ref()))?;
    let start = match data == Path::new(DATA_DEFAULT) {
        true => "lares up".to_owned(),
        false => format!("lares up --data {}", data.display()),
    };
    let told = cli::backup::tell(&copied(data.clone(), &checked));
    // Who has left before the answer finds the journal all the same.
    writeln!(std::io::stdout(), "{told}start a node on it with `{start}`").ok();
    Ok(Exit::Done)
}

pub(crate) fn failure(error: BackupError) -> Failure {
    let (exit, code) = match &error {
        BackupError::Exists(_) => (Exit::Usage, None),
        BackupError::Occupied(_) | BackupError::Transfer { source: Failed::Occupied(_), .. } => {
            (Exit::Usage, Some(code::OCCUPIED))
        }
        BackupError::Transfer { source: Failed::Open(error), .. } => {
            (Exit::Usage, journal::code(error))
        }
        BackupError::NoJournal(_) => (Exit::Absent, None),
        BackupError::TooNew { .. } => (Exit::Usage, Some(code::TOO_NEW)),
        BackupError::Damaged { .. } => (Exit::Failed, Some(code::DAMAGED)),
        BackupError::Busy
        | BackupError::Closed
        | BackupError::Thread(_)
        | BackupError::File { .. }
        | BackupError::Transfer { .. }
        | BackupError::Sqlite { .. } => (Exit::Failed, None),
    };
    Failure::new(exit, error).coded(code)
}
