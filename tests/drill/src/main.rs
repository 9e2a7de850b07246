//! `drill`: kills a node again and again, and says what came of it. Its other verbs are the
//! processes that it starts.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use drill::{kill, ledger, node, writers};

#[derive(Parser)]
#[command(name = "drill", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    options: kill::Options,
}

#[derive(Subcommand)]
enum Verb {
    /// Keeps the ledger that judges.
    Ledger(ledger::Options),
    /// Lives one life of the node.
    Node(node::Options),
    /// Has two writers at one plan.
    Writers(writers::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { verb, options } = Arguments::parse();
    match verb {
        Some(Verb::Ledger(options)) => ledger::run(options)?,
        Some(Verb::Node(options)) => node::run(&options)?,
        Some(Verb::Writers(options)) => writers::run(&options)?,
        None => return drill(&options),
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "drill: tells a person what came of it")]
fn drill(options: &kill::Options) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe().context("the program has a path")?;
    let report = kill::run(&program, folder.path(), options)?;
    println!("{report}");
    if report.violations.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("what they have left is in {}", folder.keep().display());
    Ok(ExitCode::FAILURE)
}
