//! Load and comparison figures: ours beside what others reach on the same machine.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "loadtest: it measures real time on real threads, and raw ractor as a reference"
)]

mod actors;
mod figures;
mod histories;
mod peers;
mod plans;
mod report;
mod running;
mod work;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "loadtest", about = "Figures of Lares, beside others")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Supervision beside OTP and raw ractor
    Actors(actors::Options),
    /// Durable plans beside SQLite by itself
    Work(work::Options),
    /// Written plans: their cost, their check, their record
    Plans(plans::Options),
    /// Random histories of supervision against conditions, or beside OTP
    Histories(histories::Options),
    /// One measurement in a process of its own
    #[command(hide = true)]
    Part {
        #[command(subcommand)]
        part: actors::part::Part,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            match error.is::<peers::NoBeam>()
                || error.is::<histories::NoErlang>()
                || error.is::<work::NoDbos>()
            {
                true => ExitCode::from(3),
                false => ExitCode::from(1),
            }
        }
    }
}

fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Actors(options) => actors::run(&options),
        Command::Work(options) => work::run(&options),
        Command::Plans(options) => plans::run(&options),
        Command::Histories(options) => report::print(&histories::run(&options)?, options.json),
        Command::Part { part } => actors::part::run(part).map(|()| 0),
    }
}
