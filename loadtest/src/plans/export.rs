//! A run of ten thousand events, written out by the program itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};
use crate::running::Running;
use crate::work::all;
use crate::work::briefs;
use crate::work::stage::Stage;
use crate::work::tools::{One, Plain};
use crate::work::usage::{resident_mib_max_of, resident_mib_of};

const EVENTS: usize = 10_000;
/// The same with less of it, to see what grows with the events.
const FEW: usize = 1_000;
/// Each pass of its one stage is taken up, begun and ended.
const EVENTS_OF_A_PASS: usize = 3;
const READY_WITHIN: Duration = Duration::from_secs(20);
const EXPORTED_WITHIN: Duration = Duration::from_secs(60);

/// A plan that goes around until it may not any more.
pub(crate) async fn fill(folder: &Path, events: usize) -> anyhow::Result<Figures> {
    let tools = Arc::new(One(Arc::new(Plain::default())));
    let brief = briefs::around(events.div_ceil(EVENTS_OF_A_PASS), &*tools)?;
    let stage = Stage::new(folder, tools).await?;
    stage.open(brief).await?.await?;
    let plans = stage.plans(None).await?;
    stage.stop().await;
    Ok(Figures::from([("plans", plans.len() as f64)]))
}

/// The program itself, which has to lie beside this one.
fn lares() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("lares");
    ensure!(program.is_file(), "there is no {}: build `lares` as well", program.display());
    Ok(program)
}

struct Exported {
    seconds: f64,
    events: f64,
    node_grown_mib: f64,
    verb_mib: f64,
}

fn export(bench: &Bench, events: usize) -> anyhow::Result<Exported> {
    let folder = tempfile::tempdir_in(".")?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    bench.part(&format!("fill-run {} {events}", data.display()))?;
    let mut up = Command::new(lares()?);
    let up = up.arg("up").arg("--data").arg(&data).args(["--listen", "127.0.0.1:0"]);
    let node = Running::start(up, &folder.path().join("log"))?;
    node.hear(|line| line.contains("is listening"), READY_WITHIN)?;
    let run = only_run(&data)?;
    let before = resident_mib_of(node.id())?;
    let into = folder.path().join("export");
    let began = Instant::now();
    let verb_mib = export_into(&data, &run, &into)?;
    let seconds = began.elapsed().as_secs_f64();
    let lines = std::fs::read_to_string(into.join("timeline.jsonl"))?;
    Ok(Exported {
        seconds,
        events: lines.lines().count() as f64,
        node_grown_mib: resident_mib_max_of(node.id())? - before,
        verb_mib,
    })
}

fn only_run(data: &Path) -> anyhow::Result<String> {
    let mut runs = Command::new(lares()?);
    let runs = runs.arg("runs").arg("--data").arg(data).arg("--json").output()?;
    ensure!(runs.status.success(), "{}", String::from_utf8_lossy(&runs.stderr));
    let runs: serde_json::Value = serde_json::from_slice(&runs.stdout)?;
    let id = runs["runs"][0]["id"].as_str().context("there is no run")?;
    Ok(id.to_owned())
}

/// Returns the most memory that the verb was seen to take.
fn export_into(data: &Path, run: &str, into: &Path) -> anyhow::Result<f64> {
    let mut verb = Command::new(lares()?);
    let verb = verb.args(["run", "export", run]).arg(into).arg("--data").arg(data);
    let mut verb = verb.stdout(Stdio::null()).spawn()?;
    let until = Instant::now() + EXPORTED_WITHIN;
    let mut most: f64 = 0.0;
    let status = loop {
        // It is gone between two looks at the latest.
        most = most.max(resident_mib_max_of(verb.id()).unwrap_or(0.0));
        match verb.try_wait()? {
            Some(status) => break status,
            None if until < Instant::now() => {
                verb.kill()?;
                verb.wait()?;
                anyhow::bail!("the export did not end within {EXPORTED_WITHIN:?}");
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    ensure!(status.success(), "the export has failed: {status}");
    Ok(most)
}

pub(super) fn rows(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut many, mut few) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        many.push(figures(&export(bench, EVENTS)?));
        few.push(figures(&export(bench, FEW)?));
    }
    let one = |name: &str| all(&many, name).map(|values| median(&values));
    let what = |what: &str| format!("a run of 10 000 events is written out: {what}");
    let grown = |name: &str, named: &str| -> anyhow::Result<Row> {
        let grown: Vec<f64> =
            all(&many, name)?.iter().zip(all(&few, name)?).map(|(a, b)| a - b).collect();
        Ok(Row::alone(&what(named), "MiB", median(&grown), Some(Bar::AtMost(16.0))))
    };
    Ok(vec![
        Row::alone(&what("events"), "", one("events")?, Some(Bar::AtLeast(EVENTS as f64))),
        Row::alone(&what("all of it"), "s", one("seconds")?, Some(Bar::AtMost(2.0))),
        grown("node_grown_mib", "growth of the node, beyond that for 1 000")?,
        grown("verb_mib", "memory of the verb, beyond that for 1 000")?,
    ])
}

fn figures(exported: &Exported) -> Figures {
    let Exported { seconds, events, node_grown_mib, verb_mib } = *exported;
    Figures::from([
        ("seconds", seconds),
        ("events", events),
        ("node_grown_mib", node_grown_mib),
        ("verb_mib", verb_mib),
    ])
}
