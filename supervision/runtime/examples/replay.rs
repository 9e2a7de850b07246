//! Replays one history of supervision on the real actors and prints its trace.
//!
//! Reads JSON lines on standard input: the tree, then one event per line. Prints the trace and
//! nothing else as JSON lines, each as soon as it is known, so that anyone can compare it with
//! anything, also line by line. Empty lines count but say nothing. A line that cannot be read ends
//! it with exit code 2; what was printed before stands.
//!
//! `exit` is a child ending by itself. A supervisor never does, so for one it is an error.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use kit::history::replay::{Ground, Player};
use kit::history::{Line, empty, parse_event, parse_tree};

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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut lines = (1..).zip(std::io::stdin().lock().lines());
    let mut next = || -> Result<Option<(usize, String)>, kit::history::Error> {
        for (number, line) in lines.by_ref() {
            let line = line
                .map_err(|error| kit::history::Error { line: number, what: error.to_string() })?;
            if !line.trim().is_empty() {
                return Ok(Some((number, line)));
            }
        }
        Ok(None)
    };
    let (number, first) = next()?.ok_or_else(empty)?;
    let tree = parse_tree(number, &first)?;
    let (mut player, begun) = runtime.block_on(Player::begin(&tree, Ground::Own))?;
    print(&begun)?;
    while let Some((number, line)) = next()? {
        let event = parse_event(number, &line)?;
        print(&runtime.block_on(player.play(number, &event)))?;
    }
    print(&[runtime.block_on(player.end())])?;
    Ok(())
}

fn print(lines: &[Line]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", line.print())?;
    }
    out.flush()
}
