//! The drill: starts the ledger and the node, kills the node at drawn requests, starts it again.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context, bail};
use domain::id::Address;
use domain::journal::Post;
use domain::mutants::Mutant;
use domain::time::Timestamp;
use domain::wire::Written;
use store::postgres::Place;
use store::transfer;
use work::plan;

use crate::check::{self, Evidence, Rule, Violation};
use crate::keeping::{self, Opened};
use crate::ledger::{self, Entry};
use crate::node::{self, splitmix};
use crate::script;
use crate::world::{PATIENCE, World};

/// Requests for each plan, before a history is spoiled.
const SPOILED_AT: u64 = 6;
/// One of so many workflows is answered while no node lives.
const ANSWERED_EVERY: u64 = 2;

/// What is to be done.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How often the node is killed.
    #[arg(long, default_value_t = 5)]
    pub kills: u32,
    /// How many plans are carried to their end.
    #[arg(long, default_value_t = 500)]
    pub plans: u32,
    /// Draws the moments.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A promise that the node breaks, to see that it is noticed.
    #[arg(long, value_parser = node::mutant)]
    pub mutant: Option<Mutant>,
    /// After the kills an event of some plan is spoiled, and all plans are opened once more.
    #[arg(long, conflicts_with = "store")]
    pub spoil: bool,
    /// The Postgres server that keeps the journal of the node; it holds nothing yet.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// How long the last life may take.
    #[arg(long, default_value_t = PATIENCE.as_secs())]
    pub patience_s: u64,
}

/// What has come of it.
#[derive(Debug)]
pub struct Report {
    /// Requests that were unanswered at each kill that came before the end.
    pub unanswered: Vec<u64>,
    pub requests: usize,
    /// Steps that were under way at a kill, as their plans have recorded it.
    pub doubts: usize,
    /// Of them, those of workflows.
    pub doubts_of_written: usize,
    pub violations: Vec<Violation>,
}

/// `program` is the binary of this package; everything is left in `folder`.
pub fn run(program: &Path, folder: &Path, options: &Options) -> anyhow::Result<Report> {
    let drill = Drill { program, folder, options };
    let file = folder.join("ledger");
    let mut ledger = drill.ledger(&file)?;
    let world = World(ledger.line()?.parse().context("the port of the ledger")?);
    let mut unanswered = Vec::new();
    for kill in 0..options.kills {
        let mut node = drill.node(world, kill, false)?;
        match drill.reach(world, drill.moment(kill), &mut node).with_context(|| drill.log())? {
            Some(count) => unanswered.push(count),
            // It has done all of it before that many requests.
            None => break,
        }
        node.kill()?;
        drill.answer_the_dead(kill)?;
    }
    if options.spoil {
        world.quiet()?;
        drill.spoil(&file)?;
    }
    let mut node = drill.node(world, options.kills, options.spoil)?;
    let ended = node.end(Duration::from_secs(options.patience_s));
    // It may be at it for ever; what it has done by now is judged all the same.
    drop(node);
    world.quiet()?;
    ledger.leave()?;
    if let Some(store) = &options.store {
        // What a server has kept is judged as a file is.
        transfer::backup(&Place::new(store)?, &folder.join("lares.db"))?;
    }
    let evidence = crate::gather(folder, &file)?;
    let requests = count_requests(&evidence);
    let doubts = check::doubts(&evidence, |_| true);
    let doubts_of_written =
        check::doubts(&evidence, |plan| script::is_written(script::number(plan)));
    let mut violations = check::judge(&evidence);
    let how = match ended {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("the node ended with {status}: {}", drill.log())),
        Err(error) => Some(format!("the node has not ended: {error}")),
    };
    violations.extend(how.map(|what| Violation { rule: Rule::Ended, what }));
    Ok(Report { unanswered, requests, doubts, doubts_of_written, violations })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { unanswered, requests, doubts, doubts_of_written, violations } = self;
        let (kills, least) = (unanswered.len(), unanswered.iter().min().unwrap_or(&0));
        writeln!(f, "{kills} kills, {requests} requests, {least} or more unanswered at each kill")?;
        write!(f, "{doubts} steps were in doubt, {doubts_of_written} of them in workflows, ")?;
        write!(f, "{} violations", violations.len())?;
        violations.iter().try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

fn count_requests(evidence: &Evidence) -> usize {
    evidence.ledger.iter().filter(|entry| matches!(entry, Entry::Request(_))).count()
}

struct Drill<'a> {
    program: &'a Path,
    folder: &'a Path,
    options: &'a Options,
}

impl Drill<'_> {
    fn ledger(&self, file: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(self.program);
        command.arg("ledger").arg("--file").arg(file);
        command.args(["--seed", &self.options.seed.to_string()]);
        Process::start(command, &self.log_file())
    }

    fn node(&self, world: World, life: u32, again: bool) -> anyhow::Result<Process> {
        let Options { plans, seed, mutant, store, .. } = self.options;
        let seed = splitmix(splitmix(*seed) ^ u64::from(life));
        let mut command = Command::new(self.program);
        command.arg("node").arg("--folder").arg(self.folder);
        command.args(["--ledger", &world.0.to_string(), "--plans", &plans.to_string()]);
        command.args(["--seed", &seed.to_string()]);
        if let Some(mutant) = mutant {
            command.args(["--mutant", mutant.name()]);
        }
        if again {
            command.arg("--again");
        }
        if let Some(store) = store {
            command.args(["--store", store]);
        }
        Process::start(command, &self.log_file())
    }

    /// The request at which this kill comes: somewhere in its part of all.
    fn moment(&self, kill: u32) -> u64 {
        let Options { kills, plans, seed, spoil, .. } = self.options;
        if *spoil && kill + 1 == *kills {
            // Some plan has come beyond its first unsafe steps, and few have ended.
            return u64::from(*plans) * SPOILED_AT;
        }
        let part = script::requests(*plans) / (u64::from(*kills) + 1);
        let roll = splitmix(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(kill)));
        u64::from(kill) * part + 1 + roll % part.max(1)
    }

    /// Returns at this many requests, with how many of them are unanswered; with nothing if the
    /// node ends before.
    fn reach(
        &self,
        world: World,
        requests: u64,
        node: &mut Process,
    ) -> anyhow::Result<Option<u64>> {
        let (sender, first) = sync_channel(2);
        let reached = sender.clone();
        std::thread::spawn(move || reached.send(Some(world.reach(requests))));
        node.at_end(move || {
            let _ = sender.send(None);
        })?;
        first.recv_timeout(PATIENCE)?.transpose()
    }

    /// Somebody answers approvals while no node lives; some that nobody has asked for yet.
    fn answer_the_dead(&self, kill: u32) -> anyhow::Result<()> {
        let Opened { journal, .. } = keeping::open(self.folder, self.options.store.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let written = (1..=self.options.plans).filter(|number| script::is_written(*number));
        for plan in written {
            let roll = splitmix(self.options.seed ^ (u64::from(kill) << 32) ^ u64::from(plan));
            if !roll.is_multiple_of(ANSWERED_EVERY) {
                continue;
            }
            let (number, granted) = (1 + u32::from(roll & 4 == 0), roll & 24 != 0);
            let said = plan::Said { number, granted, note: None, digest: None };
            let body = plan::Post::Answer(said).write();
            let (to, key) = (script::plan(plan), format!("dead/{kill}").into());
            let at = Timestamp::from_millis(u64::from(kill));
            // Where it is not open, it is refused.
            runtime.block_on(journal.post(Post { to, key, from: None, opens: false, body, at }))?;
        }
        Ok(())
    }

    /// Makes the history of some open plan unreadable that has done what must not be done twice.
    fn spoil(&self, ledger: &Path) -> anyhow::Result<()> {
        let store = rusqlite::Connection::open(self.folder.join("lares.db"))?;
        let sql = "UPDATE events SET checksum = checksum + 1 WHERE seq = 1 AND entity = (
                       SELECT entity FROM entities WHERE id = ?1 AND status = 0)";
        for entry in ledger::read(ledger)? {
            let Entry::Effect(key) = entry else { continue };
            let Some(plan) = key.strip_suffix("/c") else { continue };
            let plan: Address = plan.parse()?;
            if store.execute(sql, [plan.id.to_bytes()])? > 0 {
                return Ok(());
            }
        }
        bail!("no open plan has come that far")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What the processes have said.
    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        format!("the drill of seed {} stopped; its processes said: {text}", self.options.seed)
    }
}

/// A process of this drill, which does not outlive its value.
struct Process {
    child: Child,
    has_ended: bool,
}

impl Process {
    fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let log: File = OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        Ok(Process { child: command.spawn()?, has_ended: false })
    }

    /// The first line it says.
    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let stdout = self.child.stdout.as_mut().context("its first line is read once")?;
        // Nothing follows for as long as it is not asked for, so nothing is lost with the reader.
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            self.has_ended = true;
            bail!("it ended with {status} before it was killed");
        }
        self.child.kill()?;
        self.child.wait()?;
        self.has_ended = true;
        Ok(())
    }

    /// Tells it that nobody needs it any more, and waits.
    fn leave(&mut self) -> anyhow::Result<ExitStatus> {
        drop(self.child.stdin.take());
        self.end(PATIENCE)
    }

    /// Waits for its end; not for ever.
    fn end(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let (over, end) = sync_channel(1);
        self.at_end(move || {
            let _ = over.send(());
        })?;
        end.recv_timeout(within).context("it has not ended in time")?;
        let status = self.child.wait()?;
        self.has_ended = true;
        Ok(status)
    }

    /// Standard output ends with the process that holds it.
    fn at_end(&mut self, then: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
        let mut stdout = self.child.stdout.take().context("its end is waited for once")?;
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
            then();
        });
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended {
            // It may end by itself just now.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
