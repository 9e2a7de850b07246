//! The folder in which everything happens: new, for its owner alone, and gone at the end.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use cli::Exit;
use domain::time::Dice;

use crate::dice::SystemDice;
use crate::failure::Failure;
use crate::{environment, house};

/// Commands end within a second of the node that was killed; a machine may be slow.
const COMMANDS_WITHIN: Duration = Duration::from_secs(10);
const FOLDER_MODE: u32 = 0o700;

/// A folder with a folder for each node that is judged, and the ledgers of their effects.
pub(super) struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    /// In this folder, which is left; else in one of the system's, which goes.
    pub(super) fn make(keep: Option<&Path>) -> Result<Self, Failure> {
        let usage = |error| Failure::new(Exit::Usage, error);
        let path = match keep {
            Some(path) => std::path::absolute(path),
            None => {
                let name = format!("lares-verify-{:016x}", SystemDice::new().roll());
                std::path::absolute(environment::temporary().join(name))
            }
        };
        let path = path.context("there is no place for a folder").map_err(usage)?;
        make(&path, keep.is_some()).map_err(usage)?;
        Ok(Scratch { path, is_kept: keep.is_some() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where to look afterwards.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.is_kept.then_some(&*self.path)
    }

    /// Removes it, if it is not kept. No node runs any more; what their commands have started may
    /// still be ending.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        let told = || format!("cannot clear {}", self.path.display());
        for folder in std::fs::read_dir(&self.path).with_context(told)? {
            let hands = folder.with_context(told)?.path().join(house::HANDS);
            if hands.exists() {
                skills::hands_down(&hands, COMMANDS_WITHIN).await.with_context(told)?;
            }
        }
        match self.is_kept {
            true => Ok(()),
            false => std::fs::remove_dir_all(&self.path).with_context(told),
        }
    }
}

fn make(path: &Path, is_named: bool) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(is_named).mode(FOLDER_MODE).create(path);
    made.with_context(|| format!("cannot make the folder {}", path.display()))?;
    match is_empty(path).with_context(|| format!("cannot read {}", path.display()))? {
        true => Ok(()),
        false => Err(anyhow!("{} is not empty: name a new folder with --keep", path.display())),
    }
}

fn is_empty(path: &Path) -> io::Result<bool> {
    Ok(std::fs::read_dir(path)?.next().is_none())
}
