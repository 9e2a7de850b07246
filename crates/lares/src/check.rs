//! `lares check`: reads plans, and says all that is wrong with them. It asks no node.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use cli::Exit;
use plan::graph::{self, Checked, Severity};
use plan::script::Script;
use serde::Serialize;
use skills::Toolbox;
use skills::guard::Verb;

use crate::configuration::Configuration;
use crate::failure::Failure;

/// What may be said after `lares check`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The plans to read: workflows, blueprints and scripts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Let warnings count: the exit code is then 1 where there are only warnings
    #[arg(long)]
    strict: bool,
    /// The data folder of the node whose limits count, as its lares.toml says them; without it the
    /// limits are those of a node without a configuration
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// One thing that is wrong with a file, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    file: String,
    /// From 1; nothing where the fault has a place of another kind, or none.
    line: Option<usize>,
    column: Option<usize>,
    severity: &'static str,
    what: String,
    /// The line as it should stand.
    instead: Option<String>,
}

/// More than any plan; one that is longer than its limit says is told so by name.
const FILE_BYTES_MAX: u64 = 16 << 20;

const ERROR: &str = "error";
const WARNING: &str = "warning";

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Arguments { files, strict, data, json } = arguments;
    let limits = match data {
        Some(data) => {
            let configuration = Configuration::read(data);
            configuration.map_err(|error| Failure::new(Exit::Usage, error))?.runs
        }
        None => work::Limits::default(),
    };
    let tools = tools().map_err(|error| Failure::new(Exit::Failed, error))?;
    let findings: Vec<Finding> =
        files.iter().flat_map(|file| check(file, &tools, &limits)).collect();
    let text = match json {
        true => {
            let text = serde_json::to_string(&findings);
            text.map_err(|error| Failure::new(Exit::Failed, error))? + "\n"
        }
        false => tell(&findings, files.len()),
    };
    crate::print(text.as_bytes())?;
    Ok(exit(&findings, *strict))
}

/// Those of a node on this machine; nothing is done with them.
fn tools() -> Result<Toolbox, skills::Error> {
    Toolbox::new(skills::Options::new(Verb::of_this_program(&[crate::GUARD]), "/".into()))
}

/// All that is to be said of one file.
fn check(file: &Path, tools: &Toolbox, limits: &work::Limits) -> Vec<Finding> {
    let name = file.display().to_string();
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(error) => return vec![without_place(&name, format!("cannot be read: {error}"))],
    };
    match graph::text(&bytes) {
        Ok(text) if Script::is_meant_by(text) => check_script(&name, text, limits),
        Ok(text) => {
            let Checked { graph, draft, faults } = graph::check(text, &limits.graph());
            let found = faults.into_iter().map(|fault| of_graph(&name, fault));
            // What the tools of a node would not take, and what there is none for.
            let read = graph.iter().chain(&draft);
            let untaken = read.flat_map(|graph| work::unresolved(graph, tools, limits));
            let mut all: Vec<Finding> =
                found.chain(untaken.map(|fault| of_graph(&name, fault))).collect();
            all.sort_by_key(|found| (found.line, found.column));
            all
        }
        Err(fault) => vec![of_graph(&name, fault)],
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The places of a script are names, but for what is no JSON.
fn check_script(file: &str, text: &str, limits: &work::Limits) -> Vec<Finding> {
    let faults = Script::parse(text, &limits.script()).err().unwrap_or_default();
    let found = faults.into_iter().map(|fault| match lined(&fault.place) {
        Some((line, column)) => {
            Finding { line: Some(line), column: Some(column), ..without_place(file, fault.what) }
        }
        None => without_place(file, fault.to_string()),
    });
    found.collect()
}

/// A place that is written as `line 2, column 12`.
fn lined(place: &str) -> Option<(usize, usize)> {
    let (line, column) = place.strip_prefix("line ")?.split_once(", column ")?;
    // What ends too early has ended before the first column.
    Some((line.parse().ok()?, column.parse().ok().map(|column: usize| column.max(1))?))
}

fn without_place(file: &str, what: String) -> Finding {
    let (line, column, instead) = (None, None, None);
    Finding { file: file.to_owned(), line, column, severity: ERROR, what, instead }
}

fn of_graph(file: &str, fault: graph::Fault) -> Finding {
    let graph::Fault { place, severity, what, instead } = fault;
    let severity = match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
    };
    let (line, column) = (Some(place.line), Some(place.column));
    Finding { file: file.to_owned(), line, column, severity, what, instead }
}

/// A line for each, as compilers and editors write them, and how many there are.
fn tell(findings: &[Finding], files: usize) -> String {
    let mut text = String::new();
    for Finding { file, line, column, severity, what, instead } in findings {
        let place = match (line, column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            (_, _) => file.clone(),
        };
        text += &format!("{place}: {severity}: {what}\n");
        if let Some(instead) = instead {
            text += &format!("    {}\n", instead.trim());
        }
    }
    let count = |severity| findings.iter().filter(|found| found.severity == severity).count();
    let count = |severity| counted(count(severity), severity);
    text += &format!("{}: {}, {}\n", counted(files, "file"), count(ERROR), count(WARNING));
    text
}

fn counted(count: usize, of: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {of}{plural}")
}

fn exit(findings: &[Finding], strict: bool) -> Exit {
    match findings.iter().any(|found| found.severity == ERROR) {
        true => Exit::Usage,
        false if strict && !findings.is_empty() => Exit::Failed,
        false => Exit::Done,
    }
}

#[cfg(test)]
mod tests;
