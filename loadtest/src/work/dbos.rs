//! DBOS for Python on a Postgres of its own, on one core: the interpreter uses no more, and is
//! slower when it is moved between several.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::commands::run;
use super::crash::Family;
use super::postgres::Postgres;
use crate::figures::Figures;
use crate::running::Running;

/// What is compared with, for good.
const PACKAGE: &str = "dbos==3.4.0";
const DATABASE: &str = "bench";
const INSTALLED_WITHIN: Duration = Duration::from_secs(300);
const READY_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// DBOS was asked for and cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot have DBOS: {0}; mend that, or leave out --peer dbos")]
pub(crate) struct NoDbos(pub(super) &'static str);

pub(super) struct Dbos {
    server: Running,
    postgres: Postgres,
    folder: tempfile::TempDir,
    crashes: usize,
}

impl Dbos {
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        eprintln!("installing {PACKAGE}");
        install(folder.path())?;
        let postgres = Postgres::start()?;
        let mut serve = python(folder.path());
        let server = Running::start(
            serve.arg("serve").arg(postgres.url(DATABASE)),
            &folder.path().join("serve.log"),
        )?;
        server.hear(|line| line == "ready", READY_WITHIN).context("DBOS does not start")?;
        Ok(Dbos { server, postgres, folder, crashes: 0 })
    }

    /// Plans of ten trivial steps, so many at once.
    pub(super) fn plans(&mut self, at_once: usize, seconds: f64) -> anyhow::Result<Figures> {
        self.server.say(&format!("plans {at_once} {seconds}"))?;
        let answer = self.server.hear(|line| line.starts_with('{'), ANSWER_WITHIN)?;
        let figures: Figures = serde_json::from_str(&answer)?;
        let rss_mib = figures.get("rss_mib")? + self.postgres.memory_mib()?;
        self.postgres.tidy_up(DATABASE)?;
        Ok(Figures::from([("steps_per_s", figures.get("steps_per_s")?), ("rss_mib", rss_mib)]))
    }

    fn on_effects(&self, who: &str, sink: &Path, plans: usize) -> anyhow::Result<Running> {
        let mut command = python(self.folder.path());
        let command = command.arg(who).arg(self.postgres.url(&format!("crash{}", self.crashes)));
        let command = command.arg(sink).arg(plans.to_string());
        Running::start(command, &self.folder.path().join("crash.log"))
    }
}

impl Family for Dbos {
    /// Each on a database of its own.
    fn victim(&mut self, sink: &Path, plans: usize) -> anyhow::Result<Running> {
        self.crashes += 1;
        self.on_effects("victim", sink, plans)
    }

    fn heir(&mut self, sink: &Path, plans: usize) -> anyhow::Result<Running> {
        self.on_effects("heir", sink, plans)
    }
}

/// Into a folder that goes with this process.
fn install(folder: &Path) -> anyhow::Result<()> {
    std::fs::write(script(folder), include_str!("../../peers/dbos_bench.py"))?;
    let venv = folder.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv), INSTALLED_WITHIN)
        .context(NoDbos("`python3 -m venv` does not work (package python3-venv)"))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    run(pip.args(["install", "--quiet", PACKAGE]), INSTALLED_WITHIN)
        .context(NoDbos("pip cannot install it"))
}

/// The script, on one core.
fn python(folder: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(folder.join("venv/bin/python")).arg(script(folder));
    command
}

fn script(folder: &Path) -> PathBuf {
    folder.join("dbos_bench.py")
}
