//! The program: reads what it is told, wires the adapters, boots the house, and says how it ended.
//!
//! Only this crate reads the environment and the configuration file; everything below it gets plain
//! values. Every verb ends with one of the codes of [`cli::Exit`].

#![expect(
    clippy::disallowed_methods,
    reason = "lares: the outermost; it alone reads the environment, and it outlives every actor"
)]

mod carry;
mod check;
mod code;
mod configuration;
mod copies;
mod dice;
mod environment;
mod explain;
mod failure;
mod folder;
mod house;
mod journal;
mod log;
mod new;
mod signals;
mod up;
mod usage;
mod verify;

use std::ffi::OsString;
use std::io::{StdoutLock, Write};
use std::pin::Pin;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::Exit;
use domain::token::Token;

use crate::failure::Failure;

/// Keeps a house of actors running
#[derive(Debug, Parser)]
#[command(name = "lares", version, after_help = EXIT_CODES)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes of every verb:
  0   done
  1   failed
  2   wrong usage, configuration or address, or a second node on one folder
  3   something needed is absent, such as a running node
  4   not judged
  70  the root of the tree gave up";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a node until it is told to stop (SIGTERM or Ctrl-C; a second one ends it at once)
    Up(up::Arguments),
    /// Show who lives on a running node
    Tree(cli::tree::Arguments),
    /// Show the actors of a running node that deserve a look first
    Top(cli::top::Arguments),
    /// Run a plan, or look at a run and change it
    Run(Box<cli::run::Arguments>),
    /// List runs, the newest first
    Runs(cli::runs::Arguments),
    /// List steps of which only a person can say what became
    Doubts(cli::doubts::Arguments),
    /// Say what became of a step
    Doubt(cli::doubt::Arguments),
    /// List what people are asked before it is done
    Approvals(cli::approvals::Arguments),
    /// Allow what a run asks about
    Approve(cli::approve::Approve),
    /// Refuse what a run asks about
    Deny(cli::approve::Deny),
    /// Say all that is wrong with plans, without a node
    Check(check::Arguments),
    /// Write a plan to begin with
    New(new::Arguments),
    /// Look at who was put aside, and let it go on or give it up
    Quarantine(cli::quarantine::Arguments),
    /// Look at posts that could not be handled, and send them again or remove them
    Dead(cli::dead::Arguments),
    /// Look at what was done, and whether anybody has changed that since
    Audit(cli::audit::Arguments),
    /// Copy all that a node has recorded into one file, while it runs or not
    Backup(cli::backup::Arguments),
    /// Make the journal of a new node from a copy
    Restore(copies::Restore),
    /// Take the journal of a stopped node to another folder or server
    Store(carry::Arguments),
    /// Show on real nodes that the promises hold here, on a store that is thrown away
    Verify(verify::Arguments),
    /// Print the page of an error, such as E0003
    Explain(explain::Arguments),
    /// Keep watch over one tool
    #[command(name = GUARD, hide = true, trailing_var_arg = true)]
    Guard {
        #[arg(allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

/// The verb by which this program becomes the guard of a tool.
const GUARD: &str = "guard";

fn main() -> ExitCode {
    // The one provider of TLS; fails only where there is one already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => return usage::explain(&error).into(),
    };
    let ended = match line.verb {
        Verb::Up(arguments) => up::run(arguments),
        Verb::Tree(arguments) => ask(|token, out| Box::pin(cli::tree::run(arguments, token, out))),
        Verb::Top(arguments) => ask(|token, out| Box::pin(cli::top::run(arguments, token, out))),
        Verb::Run(arguments) => ask(|token, out| Box::pin(cli::run::run(*arguments, token, out))),
        Verb::Runs(arguments) => ask(|token, out| Box::pin(cli::runs::run(arguments, token, out))),
        Verb::Doubts(arguments) => {
            ask(|token, out| Box::pin(cli::doubts::run(arguments, token, out)))
        }
        Verb::Doubt(arguments) => {
            ask(|token, out| Box::pin(cli::doubt::run(arguments, token, out)))
        }
        Verb::Approvals(arguments) => {
            ask(|token, out| Box::pin(cli::approvals::run(arguments, token, out)))
        }
        Verb::Approve(arguments) => {
            ask(|token, out| Box::pin(cli::approve::approve(arguments, token, out)))
        }
        Verb::Deny(arguments) => {
            ask(|token, out| Box::pin(cli::approve::deny(arguments, token, out)))
        }
        Verb::Store(arguments) => carry::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::New(arguments) => new::run(&arguments),
        Verb::Quarantine(arguments) => {
            ask(|token, out| Box::pin(cli::quarantine::run(arguments, token, out)))
        }
        Verb::Dead(arguments) => ask(|token, out| Box::pin(cli::dead::run(arguments, token, out))),
        Verb::Audit(arguments) => {
            ask(|token, out| Box::pin(cli::audit::run(arguments, token, out)))
        }
        Verb::Backup(arguments) => copies::back_up(arguments),
        Verb::Restore(arguments) => copies::restore(&arguments),
        Verb::Verify(arguments) => verify::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Guard { words } => return skills::guard::run(&words),
    };
    let exit = ended.unwrap_or_else(|failure| {
        say_to_stderr(&failure.to_string());
        failure.exit
    });
    exit.into()
}

/// Carries out a verb that asks a running node.
fn ask<F>(verb: F) -> Result<Exit, Failure>
where
    F: for<'a> FnOnce(Option<Token>, &'a mut StdoutLock<'static>) -> Asking<'a>,
{
    Ok(try_ask(verb)??)
}

type Asking<'a> = Pin<Box<dyn Future<Output = Result<Exit, cli::Error>> + 'a>>;

/// The same, for a verb that can do something about what went wrong.
fn try_ask<F>(verb: F) -> Result<Result<Exit, cli::Error>, Failure>
where
    F: for<'a> FnOnce(Option<Token>, &'a mut StdoutLock<'static>) -> Asking<'a>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, error))?;
    let mut out = std::io::stdout().lock();
    Ok(runtime.block_on(verb(environment::token(), &mut out)))
}

/// What a verb was asked for.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(bytes) {
        // Who reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::new(Exit::Failed, error)),
    }
}

/// One line for a person. Where even stderr is gone there is nobody left to tell.
fn say_to_stderr(text: &str) {
    writeln!(std::io::stderr(), "lares: {text}").ok();
}
