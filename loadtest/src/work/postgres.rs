//! A Postgres of our own, as its packager configured it: what is acknowledged is on the disk.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::commands::{is_root, run};
use super::dbos::NoDbos;
use super::usage::share_mib_of;

/// Where Debian puts one folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// It refuses to be root.
const USER: &str = "postgres";
const WITHIN: Duration = Duration::from_secs(60);
const TIDY_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Stopped when this is dropped.
pub(super) struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    pub(super) fn start() -> anyhow::Result<Self> {
        let programs = programs().ok_or(NoDbos("the package postgresql is not installed"))?;
        let folder = tempfile::tempdir_in(".")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut postgres = Postgres { programs, folder, port, server: None };
        let path = postgres.path()?;
        if is_root()? {
            run(Command::new("chown").arg(USER).arg(&path), WITHIN)?;
        }
        let mut init = postgres.command("initdb")?;
        init.args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]);
        run(&mut init, WITHIN)?;
        // A child of this process, so that whoever interrupts this one interrupts it too.
        let mut serve = postgres.command("postgres")?;
        serve.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        serve.args(["-c", "unix_socket_directories="]).stdin(Stdio::null()).stdout(Stdio::null());
        let server = serve.stderr(File::create(path.join("log"))?).spawn()?;
        postgres.server = Some(server);
        postgres.wait()?;
        Ok(postgres)
    }

    /// Until it takes connections.
    fn wait(&self) -> anyhow::Result<()> {
        let until = Instant::now() + WITHIN;
        let port = self.port.to_string();
        loop {
            let mut ask = Command::new(self.programs.join("pg_isready"));
            match run(ask.args(["-h", "127.0.0.1", "-p", &port]), WITHIN) {
                Ok(()) => return Ok(()),
                Err(error) if until < Instant::now() => return Err(error),
                Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Does at once what it would do later by itself, in somebody else's turn: what was deleted is
    /// cleaned up, and what is dirty is on the disk.
    pub(super) fn tidy_up(&self, database: &str) -> anyhow::Result<()> {
        let mut ask = Command::new(self.programs.join("psql"));
        ask.args(["--quiet", "--no-psqlrc", "-c", "VACUUM ANALYZE", "-c", "CHECKPOINT"]);
        run(ask.arg(self.url(database)), TIDY_WITHIN)
    }

    /// Of all its processes, what they share counted once.
    pub(super) fn memory_mib(&self) -> anyhow::Result<f64> {
        let first = self.server.as_ref().map(Child::id).context("Postgres is not running")?;
        let mut sum = share_mib_of(first)?;
        for process in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
            let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if parent(id) == Some(first) {
                // It may have ended just now.
                sum += share_mib_of(id).unwrap_or(0.0);
            }
        }
        Ok(sum)
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(std::path::absolute(self.folder.path())?)
    }

    /// One of its programs, on its folder.
    fn command(&self, program: &str) -> anyhow::Result<Command> {
        let program = self.programs.join(program);
        let mut command = match is_root()? {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", USER, "--regid", USER, "--init-groups"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.arg("-D").arg(self.path()?.join("db"));
        Ok(command)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let stopped = self
            .command("pg_ctl")
            .and_then(|mut stop| run(stop.args(["-m", "immediate", "stop"]), WITHIN));
        if let Err(error) = stopped {
            eprintln!("loadtest: Postgres is ended the hard way: {error:#}");
            // Gone already, there is nothing to end.
            let _ = server.kill();
        }
        let _ = server.wait();
    }
}

/// Those of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let paths = versions.map(|version| version.path());
    let whole = paths.filter(|path| path.join("bin/initdb").is_file());
    whole.max_by_key(|path| number(path)).map(|path| path.join("bin"))
}

fn parent(process: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    text.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
