//! Where the commands of one action run, until the term of its call ends.

use std::path::PathBuf;
use std::sync::Arc;

use domain::tool::Failure;

use super::blocking;
use super::git::{self, Git};
use super::workspace::Workspace;
use crate::Options;
use crate::command::{self, Command, Ended, Term, refused};

/// A folder; one of a workspace has been looked at: it is there, with the right branch.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    options: Arc<Options>,
    key: Arc<str>,
    pub(crate) term: Term,
}

impl Site {
    /// Where the node itself works.
    pub(crate) fn of_node(options: Arc<Options>, key: Arc<str>, term: Term) -> Self {
        Site { folder: options.folder.clone(), options, key, term }
    }

    /// Looks at the workspace first, and refuses one that is not as the call says.
    pub(crate) async fn enter(
        options: Arc<Options>,
        workspace: &Workspace,
        key: Arc<str>,
        mut term: Term,
    ) -> Result<Self, Failure> {
        let path = workspace.path.clone();
        let looked =
            blocking::run(&mut term, move |_| path.canonicalize().map(|at| (at.is_dir(), at)));
        let folder = match looked.await? {
            // Guards are told in JSON where to work.
            Ok((true, folder)) if folder.to_str().is_none() => {
                return Err(unusable(workspace, "its real path is no text"));
            }
            Ok((true, folder)) => folder,
            Ok((false, _)) => return Err(unusable(workspace, "it is no folder")),
            Err(error) => return Err(unusable(workspace, &error.to_string())),
        };
        let mut site = Self { folder, options, key, term };
        if let Some(branch) = &workspace.branch {
            site.demand_branch(workspace, branch).await?;
        }
        Ok(site)
    }

    pub(crate) async fn run(
        &mut self,
        line: String,
        granted: Vec<(String, String)>,
        input: Option<String>,
        kept_bytes_max: usize,
    ) -> Result<Ended, Failure> {
        let folder = self.folder.clone();
        let command = Command { line, folder, granted, input, kept_bytes_max };
        command::run(&self.options, command, &self.key, &mut self.term).await
    }

    async fn demand_branch(&mut self, workspace: &Workspace, branch: &str) -> Result<(), Failure> {
        let ended = self.git(Git::new("symbolic-ref --quiet --short HEAD")).await?;
        let seen = match ended.exit {
            Some(0) => format!("`{}`", ended.stdout.last(NAME_BYTES_MAX)),
            Some(1) => "no branch, a commit of its own".to_owned(),
            Some(_) | None => return Err(git::failed("the branch cannot be read", &ended)),
        };
        if seen == format!("`{branch}`") {
            return Ok(());
        }
        let why = format!(
            "it has {seen} checked out, and should have `{branch}`: check that branch out, or give \
             the run another workspace"
        );
        Err(unusable(workspace, &why))
    }
}

/// No name of a branch is longer: the system bounds that of a file.
const NAME_BYTES_MAX: usize = 4 * 1024;

fn unusable(workspace: &Workspace, why: &str) -> Failure {
    let Workspace { id, path, .. } = workspace;
    refused(format!(
        "the workspace `{id}` at {} cannot be used: {why}; one is given to a run with \
         --workspace DIR",
        path.display()
    ))
}
