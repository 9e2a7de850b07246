//! What a node takes that does nothing.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::stage::Stage;
use super::tools::{One, Plain};
use super::usage::{resident_mib, resident_mib_of};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row};
use crate::running::Running;

/// By then whatever a start needs has been given back.
const SETTLED: Duration = Duration::from_secs(3);
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A node without doors.
pub(crate) async fn idle_node() -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let stage = Stage::new(folder.path(), Arc::new(One(Arc::new(Plain::default())))).await?;
    tokio::time::sleep(SETTLED).await;
    let rss = resident_mib()?;
    stage.stop().await;
    Ok(Figures::from([("rss_mib", rss)]))
}

/// The program itself, if it lies beside this one.
fn lares() -> anyhow::Result<Option<PathBuf>> {
    let program = std::env::current_exe()?.with_file_name("lares");
    Ok(program.is_file().then_some(program))
}

fn idle_lares(program: PathBuf) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(".")?;
    let mut command = Command::new(program);
    let command = command.arg("up").arg("--data").arg(folder.path().join("data"));
    let command = command.args(["--listen", "127.0.0.1:0"]);
    let running = Running::start(command, &folder.path().join("log"))?;
    running.hear(|line| line.contains("is listening"), READY_WITHIN)?;
    std::thread::sleep(SETTLED);
    resident_mib_of(running.id())
}

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let (what, rss) = match lares()? {
        Some(program) => ("idle node (lares up): memory", idle_lares(program)?),
        None => ("idle node (without doors): memory", bench.part("idle-node")?.get("rss_mib")?),
    };
    Ok(vec![Row::alone(what, "MiB", rss, Some(Bar::AtMost(40.0)))])
}
