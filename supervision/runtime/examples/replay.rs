//! Replays one history of supervision on the real actors and prints its trace.
//!
//! Reads JSON lines on standard input: the tree, then one event per line. Prints the trace and
//! nothing else as JSON lines, so that anyone can compare it with anything.

use std::io::{Read, Write};
use std::process::ExitCode;

use kit::history::replay::{Ground, replay};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let history = kit::history::parse(&text)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = runtime.block_on(replay(&history, Ground::Own))?;
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", line.print())?;
    }
    out.flush()?;
    Ok(())
}
