//! The tools of the stage. None of them touches more of the world than one file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use domain::BoxFuture;
use domain::tool::{Call, Contract, Effect, Failure, Output, Tools};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::stage::{lock, wall_us};

/// The one tool there is, called as written plans call the one that they know.
pub(crate) const NAME: &str = "shell";

type Performing = BoxFuture<'static, Result<Output, Failure>>;

/// What the tool does when it is used.
pub(crate) trait Hand: Send + Sync + 'static {
    fn perform(&self, call: &Call, stop: BoxFuture<'static, ()>) -> Performing;
}

/// One tool, by what it does.
pub(crate) struct One<H>(pub(crate) Arc<H>);

impl<H: Hand> Tools for One<H> {
    fn contracts(&self) -> Vec<Contract> {
        vec![Contract {
            name: NAME,
            about: "does next to nothing",
            arguments: json!({"type": "object"}),
            effect: Effect::Keyed,
            lane: NAME,
            is_far: false,
        }]
    }

    fn faults(&self, _tool: &str, _args: &Value) -> Vec<String> {
        Vec::new()
    }

    fn perform(&self, call: Call, stop: BoxFuture<'static, ()>) -> Performing {
        self.0.perform(&call, stop)
    }
}

fn done() -> Performing {
    Box::pin(std::future::ready(Ok(Output::default())))
}

/// Does nothing, and remembers when: steps that were done, and the time from each to the next one
/// of its plan.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) done: AtomicU64,
    last: Mutex<HashMap<Box<str>, Instant>>,
    pub(crate) micros: Mutex<Histogram<u64>>,
}

impl Steps {
    pub(crate) fn new() -> anyhow::Result<Arc<Self>> {
        let micros = Mutex::new(Histogram::new(3)?);
        Ok(Arc::new(Steps { done: AtomicU64::new(0), last: Mutex::default(), micros }))
    }

    pub(crate) fn forget(&self) {
        lock(&self.micros).reset();
    }
}

impl Hand for Steps {
    fn perform(&self, call: &Call, _stop: BoxFuture<'static, ()>) -> Performing {
        self.done.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let plan = call.key.split('/').next().unwrap_or(&call.key);
        let before = lock(&self.last).insert(plan.into(), now);
        if let Some(before) = before {
            let micros = u64::try_from((now - before).as_micros()).unwrap_or(u64::MAX);
            let _ = lock(&self.micros).record(micros);
        }
        done()
    }
}

/// Does nothing, counts, and remembers the first time: no memory that grows with use.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    pub(crate) done: AtomicU64,
    first_at_us: AtomicU64,
}

impl Plain {
    /// When it was used first, if it was.
    pub(crate) fn first_at_us(&self) -> Option<u64> {
        Some(self.first_at_us.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}

impl Hand for Plain {
    fn perform(&self, _call: &Call, _stop: BoxFuture<'static, ()>) -> Performing {
        if self.done.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first_at_us.store(wall_us(), Ordering::Relaxed);
        }
        done()
    }
}

/// Does nothing once, and where its arguments say `for_ever` does not end by itself.
#[derive(Debug)]
pub(crate) struct Patient;

impl Hand for Patient {
    fn perform(&self, call: &Call, stop: BoxFuture<'static, ()>) -> Performing {
        if call.args["for_ever"] != true {
            return done();
        }
        Box::pin(async move {
            stop.await;
            Ok(Output::default())
        })
    }
}

/// Says so many bytes, different ones each time.
#[derive(Debug)]
pub(crate) struct Talkative {
    pub(crate) bytes: usize,
    pub(crate) said: AtomicU64,
}

impl Hand for Talkative {
    fn perform(&self, call: &Call, _stop: BoxFuture<'static, ()>) -> Performing {
        let words = call.key.bytes().cycle().map(char::from);
        let text: String = words.take(self.bytes).collect();
        self.said.fetch_add(text.len() as u64, Ordering::Relaxed);
        let value = json!({ "text": text });
        Box::pin(std::future::ready(Ok(Output { value, attachments: Vec::new() })))
    }
}

/// A file outside the journal that gets one line for each use of the tool: its key, and when.
pub(crate) struct Sink(Arc<Pen>);

struct Pen {
    file: File,
    done: AtomicU64,
    tell_every: u64,
    /// Nothing happens before it is open.
    gate: watch::Sender<bool>,
}

impl Sink {
    /// It says on standard output how often it was used, every so many times.
    pub(crate) fn open(path: &Path, tell_every: u64) -> anyhow::Result<Arc<Self>> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let gate = watch::Sender::new(false);
        Ok(Arc::new(Sink(Arc::new(Pen { file, done: AtomicU64::new(0), tell_every, gate }))))
    }

    /// From now on what is asked for happens.
    pub(crate) fn begin(&self) {
        self.0.gate.send_replace(true);
    }
}

impl Pen {
    fn write(&self, key: &str) {
        let line = format!("{key} {}\n", wall_us());
        (&self.file).write_all(line.as_bytes()).expect("the disk takes a line");
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(self.tell_every) {
            // Whoever listened may be gone.
            let _ = writeln!(std::io::stdout().lock(), "{done}");
        }
    }
}

impl Hand for Sink {
    fn perform(&self, call: &Call, _stop: BoxFuture<'static, ()>) -> Performing {
        let (pen, key) = (Arc::clone(&self.0), Arc::clone(&call.key));
        let mut is_open = pen.gate.subscribe();
        Box::pin(async move {
            // The sink outlives whoever waits.
            let _ = is_open.wait_for(|is_open| *is_open).await;
            pen.write(&key);
            Ok(Output::default())
        })
    }
}
