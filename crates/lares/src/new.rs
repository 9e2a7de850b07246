//! `lares new`: a plan to begin with.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use cli::Exit;

use crate::failure::Failure;

/// What may be said after `lares new`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The file to write; nothing is written over
    file: PathBuf,
    /// Write a blueprint instead of a workflow
    #[arg(long)]
    blueprint: bool,
}

const WORKFLOW: &str = include_str!("new/workflow.yaml");
const BLUEPRINT: &str = include_str!("new/blueprint.yaml");

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Arguments { file, blueprint } = arguments;
    let shown = file.display();
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let mut opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let what = anyhow!("{shown} is there already: name a file that is not");
            return Err(Failure::new(Exit::Usage, what));
        }
        opened => opened
            .with_context(|| format!("cannot make {shown}"))
            .map_err(|error| Failure::new(Exit::Usage, error))?,
    };
    let text = if *blueprint { BLUEPRINT } else { WORKFLOW };
    let written =
        opened.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"));
    written.map_err(|error| Failure::new(Exit::Failed, error))?;
    crate::print(format!("{shown} is written: try `lares run {shown} --dry-run`\n").as_bytes())?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use plan::graph::{self, Format};

    use super::*;

    #[test]
    fn what_is_written_has_nothing_wrong_with_it() {
        for (text, format) in [(WORKFLOW, Format::Workflow), (BLUEPRINT, Format::Blueprint)] {
            let checked = graph::check(text, &work::Limits::default().graph());
            assert_eq!(checked.faults, [], "{format:?}");
            assert_eq!(checked.graph.map(|graph| graph.format), Some(format));
        }
    }
}
