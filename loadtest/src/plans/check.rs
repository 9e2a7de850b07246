//! How fast a text is checked, and what that takes where it is too much of it.

use std::fmt::Write;
use std::time::Instant;

use anyhow::ensure;
use plan::graph::{self, Severity};

use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};
use crate::work::all;
use crate::work::usage::{resident_mib, resident_mib_max};

/// Texts that are much of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Text {
    /// Two megabytes of a plan with nothing wrong in it.
    Long,
    /// A few lines whose aliases would be a billion nodes.
    Bomb,
    /// Ten thousand stages.
    Stages,
}

const LONG_BYTES: usize = 2_000_000;
/// As many as a plan may have.
const STAGES: usize = 25;
const MANY: usize = 10_000;

impl Text {
    fn write(self) -> String {
        match self {
            Text::Long => long(),
            Text::Bomb => bomb(),
            Text::Stages => stages(MANY, ""),
        }
    }

    /// What a refusal has to name; nothing where there must be none.
    fn cap(self) -> Option<&'static str> {
        match self {
            Text::Long => None,
            Text::Bomb => Some("200000"),
            Text::Stages => Some("25"),
        }
    }
}

/// Commands as long as they may be, and what people write beside them.
fn long() -> String {
    let command = "x".repeat(60_000);
    let note = "# what the next one does, and why\n".repeat((LONG_BYTES / STAGES - 60_200) / 34);
    stages(STAGES, &format!(" {command}\n{note}"))
}

fn stages(count: usize, more: &str) -> String {
    let mut text = "version: 1\nname: many\nstages:\n".to_owned();
    for number in 0..count {
        let more = if more.is_empty() { "\n" } else { more };
        let _ = write!(
            text,
            "  - id: s{number}\n    type: deterministic\n    action: shell\n    inputs:\n      \
             command: echo{more}"
        );
    }
    text
}

fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = level - 1;
        let all = vec![format!("*a{before}"); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{all}]");
    }
    text + "stages: *a9\n"
}

pub(crate) fn ours(text: Text) -> anyhow::Result<Figures> {
    let (written, limits) = (text.write(), work::Limits::default().graph());
    let before = resident_mib()?;
    let began = Instant::now();
    let checked = graph::check(&written, &limits);
    let took = began.elapsed().as_secs_f64();
    let errors = checked.faults.iter().filter(|fault| fault.severity == Severity::Error);
    let told: Vec<String> = errors.map(ToString::to_string).collect();
    match text.cap() {
        None => ensure!(told.is_empty(), "nothing is wrong with it: {told:?}"),
        Some(cap) => ensure!(told.iter().any(|told| told.contains(cap)), "no cap: {told:?}"),
    }
    Ok(Figures::from([
        ("seconds", took),
        ("bytes", written.len() as f64),
        ("grown_mib", resident_mib_max()? - before),
        ("told", told.len() as f64),
    ]))
}

pub(super) fn rows(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let measured = |name: &str| -> anyhow::Result<Vec<Figures>> {
        (0..rounds).map(|_| bench.part(&format!("check {name}"))).collect()
    };
    let (long, bomb, stages) = (measured("long")?, measured("bomb")?, measured("stages")?);
    let one = |of: &[Figures], name: &str| all(of, name).map(|values| median(&values));
    let most = |most| Some(Bar::AtMost(most));
    Ok(vec![
        Row::alone("a text of 2 MB is checked", "s", one(&long, "seconds")?, most(1.0)),
        Row::alone("a text of 2 MB: its length", "MB", one(&long, "bytes")? / 1e6, None),
        Row::alone("a text of 2 MB: memory", "MiB", one(&long, "grown_mib")?, most(64.0)),
        Row::alone("an alias bomb is refused", "s", one(&bomb, "seconds")?, most(1.0)),
        Row::alone("an alias bomb: memory", "MiB", one(&bomb, "grown_mib")?, most(64.0)),
        Row::alone("10 000 stages are refused", "s", one(&stages, "seconds")?, most(1.0)),
        Row::alone("10 000 stages: faults told", "", one(&stages, "told")?, most(1.0)),
    ])
}
