//! `lares store copy`: all of a journal that nobody uses, from a folder or a server to another one.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cli::Exit;
use store::postgres::Place;
use store::{BackupError, Checked, Pace, transfer};

use crate::configuration::Store;
use crate::copies::{copied, failure};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::{environment, journal};

/// What may be said after `lares store`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Copy the journal of a stopped node to where there is none yet, and compare them row by row
    Copy(Copy),
}

#[derive(Debug, Clone, Args)]
struct Copy {
    /// The data folder of the node, or postgres://ROLE@HOST:PORT/DATABASE
    from: String,
    /// Another folder or server; it holds no journal yet
    to: String,
    /// Let a server keep it that may forget what it has acknowledged
    #[arg(long)]
    accept_loss: bool,
}

/// Where a journal is.
enum End {
    Folder(PathBuf),
    Server(Box<Place>),
}

/// The copy on its way, which is a journal as well.
const ON_ITS_WAY: &str = "lares.db.carried";

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Verb::Copy(Copy { from, to, accept_loss }) = &arguments.verb;
    let (from, to) = (end(from)?, end(to)?);
    // Before any folder is made: whoever mistypes a name finds nothing made.
    if let End::Folder(folder) = &from
        && !folder.is_dir()
    {
        return Err(failure(BackupError::NoJournal(folder.clone())));
    }
    // Nobody starts a node on either meanwhile.
    let (from_folder, to_folder) = (from.claim()?, to.claim()?);
    let folder = to_folder.as_ref().or(from_folder.as_ref()).map(Folder::path);
    let temporary = environment::temporary();
    let folder = folder.unwrap_or(&temporary);
    // Two at once would have one name.
    let part = folder.join(format!("{ON_ITS_WAY}.{}", std::process::id()));
    let carried = carry(&from, &to, &part, *accept_loss);
    // Of one that failed there may be none.
    let _ = std::fs::remove_file(&part);
    let carried = carried?;
    // Whoever starts the node of either folder finds its journal where it is now.
    let place = match &to {
        End::Server(place) => journal::name(Some(place)),
        End::Folder(_) => journal::name(None),
    };
    for folder in [&from_folder, &to_folder].into_iter().flatten() {
        folder.note_journal(&place)?;
    }
    let told = cli::backup::tell(&copied(to.shown().into(), &carried));
    writeln!(std::io::stdout(), "{told}start a node on it with `{}`", to.start()).ok();
    Ok(Exit::Done)
}

/// By way of a file: each half reads again what it has written.
fn carry(from: &End, to: &End, part: &Path, accepts_loss: bool) -> Result<Checked, Failure> {
    let made = match from {
        End::Folder(folder) => store::backup(folder, part, Pace::unhindered()),
        End::Server(place) => transfer::backup(place, part),
    };
    made.map_err(failure)?;
    let arrived = match to {
        End::Folder(folder) => store::restore(part, folder),
        End::Server(place) => transfer::restore(part, place, &journal::options(accepts_loss)),
    };
    arrived.map_err(failure)
}

fn end(text: &str) -> Result<End, Failure> {
    if !text.contains("://") {
        return Ok(End::Folder(text.into()));
    }
    let store = Store { url: text.to_owned(), ..Store::default() };
    let place = journal::place(&store)?;
    Ok(place.map_or_else(|| End::Folder(text.into()), |place| End::Server(Box::new(place))))
}

impl End {
    fn claim(&self) -> Result<Option<Folder>, Failure> {
        match self {
            End::Folder(folder) => Ok(Some(Folder::claim(folder)?)),
            End::Server(_) => Ok(None),
        }
    }

    fn shown(&self) -> String {
        match self {
            End::Folder(folder) => folder.display().to_string(),
            End::Server(place) => place.to_string(),
        }
    }

    fn start(&self) -> String {
        match self {
            End::Folder(folder) => format!("lares up --data {}", folder.display()),
            End::Server(_) => "lares up --store URL".to_owned(),
        }
    }
}
