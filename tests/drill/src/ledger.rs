//! The ledger: the world that the steps of a node change, as a process of its own.
//!
//! It takes one line on each connection and answers with one. What was asked of it and what it has
//! done are lines of its file, each written before the answer: nothing depends on its memory, and
//! it stays up while nodes are killed.
//!
//! | line | |
//! |---|---|
//! | `pay none KEY`, `pay each KEY`, `pay keyed KEY` | no effect; one for each request; one for each key |
//! | `look KEY` | `yes` if there was an effect under this key, `no` otherwise |
//! | `reach N` | answers with `reached N U` at the N-th request, while U of them are unanswered |
//! | `quiet` | answers once nobody else's request is under way |

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use domain::time::Clock;
use runtime::SystemClock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::process;

/// What one line of its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Somebody has asked for the effect of this key.
    Request(String),
    /// It has happened.
    Effect(String),
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ')? {
            ("request", key) => Some(Entry::Request(key.to_owned())),
            ("effect", key) => Some(Entry::Effect(key.to_owned())),
            _ => None,
        }
    }
}

/// How a ledger is kept.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The file it writes.
    #[arg(long)]
    pub file: PathBuf,
    /// How long a request takes at most, before its effect and once more after it.
    #[arg(long, default_value_t = 10)]
    pub delay_ms: u64,
    /// Decides how long each takes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// All that a ledger has written.
pub fn read(file: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = std::fs::read_to_string(file).context("the file of the ledger")?;
    let entry = |line| Entry::parse(line).ok_or_else(|| anyhow!("the ledger wrote `{line}`"));
    text.lines().map(entry).collect()
}

/// Prints its port, and serves until standard input ends.
pub fn run(options: Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let orphaned = process::orphaned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let desk = Arc::new(Desk::open(options)?);
        process::say(&listener.local_addr()?.port().to_string())?;
        tokio::select! {
            ended = serve(&listener, &desk) => ended,
            () = orphaned => Ok(()),
        }
    })
}

async fn serve(listener: &TcpListener, desk: &Arc<Desk>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // In the order of their coming, so that whoever asks for quiet comes after them.
        desk.counts.send_modify(|counts| counts.open += 1);
        let desk = Arc::clone(desk);
        tokio::spawn(async move {
            // Whoever asked may be dead by now; what it asked for happens all the same.
            let _ = desk.serve(stream).await;
            desk.counts.send_modify(|counts| counts.open -= 1);
        });
    }
}

/// What those who wait look at.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requests: u64,
    /// Requests that are not answered yet.
    unanswered: u64,
    /// Connections, those that wait for others included.
    open: u64,
    waiting: u64,
}

struct Desk {
    options: Options,
    clock: SystemClock,
    book: Mutex<Book>,
    counts: watch::Sender<Counts>,
}

struct Book {
    file: File,
    effects: BTreeMap<String, u64>,
    requests: HashMap<String, u64>,
}

impl Desk {
    fn open(options: Options) -> anyhow::Result<Self> {
        let mut file =
            OpenOptions::new().create(true).append(true).read(true).open(&options.file)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut book = Book { file, effects: BTreeMap::new(), requests: HashMap::new() };
        text.lines().filter_map(Entry::parse).for_each(|entry| book.count(&entry));
        let counts = watch::Sender::new(Counts::default());
        Ok(Desk { options, clock: SystemClock::new(), book: Mutex::new(book), counts })
    }

    async fn serve(&self, stream: TcpStream) -> anyhow::Result<()> {
        let (reading, mut writing) = stream.into_split();
        let mut line = String::new();
        BufReader::new(reading).read_line(&mut line).await?;
        // A node that was killed in the middle of a line has asked for nothing.
        let Some(line) = line.strip_suffix('\n') else { return Ok(()) };
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["pay", mode, key] => self.pay(mode, key).await?,
            ["look", key] => self.look(key),
            ["reach", count] => self.reach(count.parse()?).await,
            ["quiet"] => self.quiet().await,
            _ => return Err(anyhow!("nobody here knows `{line}`")),
        };
        writing.write_all(format!("{answer}\n").as_bytes()).await?;
        Ok(())
    }

    async fn pay(&self, mode: &str, key: &str) -> anyhow::Result<String> {
        let number = self.write(Entry::Request(key.to_owned()))?;
        self.counts.send_modify(|counts| {
            counts.requests += 1;
            counts.unanswered += 1;
        });
        self.clock.sleep(self.delay(key, number, 0)).await;
        let is_new = mode == "each" || (mode == "keyed" && self.look(key) == "no");
        if is_new {
            self.write(Entry::Effect(key.to_owned()))?;
        }
        self.clock.sleep(self.delay(key, number, 1)).await;
        self.counts.send_modify(|counts| counts.unanswered -= 1);
        Ok(format!("done {number}"))
    }

    fn look(&self, key: &str) -> String {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.effects.contains_key(key) { "yes" } else { "no" }.to_owned()
    }

    async fn reach(&self, count: u64) -> String {
        let counts = self.wait(|counts| counts.requests >= count).await;
        format!("reached {} {}", counts.requests, counts.unanswered)
    }

    async fn quiet(&self) -> String {
        self.wait(|counts| counts.open <= counts.waiting).await;
        "quiet".to_owned()
    }

    /// Whoever waits is at nothing meanwhile.
    async fn wait(&self, until: impl Fn(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.subscribe();
        self.counts.send_modify(|counts| counts.waiting += 1);
        let found = counts.wait_for(|counts| until(counts)).await.map(|counts| *counts);
        self.counts.send_modify(|counts| counts.waiting -= 1);
        found.expect("the sender is here")
    }

    /// Tells how many lines of its sort the key has now.
    fn write(&self, entry: Entry) -> anyhow::Result<u64> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match &entry {
            Entry::Request(key) => format!("request {key}\n"),
            Entry::Effect(key) => format!("effect {key}\n"),
        };
        // One call, so that a line is there as a whole or not at all.
        book.file.write_all(line.as_bytes())?;
        book.count(&entry);
        Ok(match &entry {
            Entry::Request(key) => book.requests[key],
            Entry::Effect(key) => book.effects[key],
        })
    }

    fn delay(&self, key: &str, number: u64, part: u8) -> Duration {
        let mut hash = DefaultHasher::new();
        (self.options.seed, key, number, part).hash(&mut hash);
        Duration::from_micros(hash.finish() % (self.options.delay_ms * 1_000 + 1))
    }
}

impl Book {
    fn count(&mut self, entry: &Entry) {
        match entry {
            Entry::Request(key) => *self.requests.entry(key.clone()).or_default() += 1,
            Entry::Effect(key) => *self.effects.entry(key.clone()).or_default() += 1,
        }
    }
}
