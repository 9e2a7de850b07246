//! A place to use the tool `shell` in: a folder, a toolbox, and a mark by which all processes of a
//! test are known, wherever they have gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::BoxFuture;
use domain::tool::{Call, Effect, Failure, Output, Tools};
use serde_json::{Value, json};
use skills::guard::Verb;
use skills::{Options, Toolbox};
use tempfile::TempDir;

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_skills-program");

pub(crate) struct Yard {
    folder: TempDir,
    pub(crate) toolbox: Toolbox,
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let verb = Verb { program: PathBuf::from(PROGRAM), words: vec!["guard".to_owned()] };
        let mut options = Options::new(verb, folder.path().join("hands"));
        change(&mut options);
        Self { folder, toolbox: Toolbox::new(options).expect("the options are good") }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn hands(&self) -> PathBuf {
        self.folder().join("hands")
    }

    /// The key of every call, which every process of it carries in its environment.
    pub(crate) fn key(&self) -> String {
        self.folder().display().to_string()
    }

    pub(crate) fn call(&self, args: Value, within: Duration) -> Call {
        let (tool, key) = (Arc::from("shell"), Arc::from(self.key()));
        Call { tool, args, key, effect: Effect::Unsafe, within }
    }

    pub(crate) async fn run(&self, command: &str) -> Result<Output, Failure> {
        self.perform(json!({ "command": command }), PATIENCE, never()).await
    }

    pub(crate) async fn perform(
        &self,
        args: Value,
        within: Duration,
        stop: BoxFuture<'static, ()>,
    ) -> Result<Output, Failure> {
        self.toolbox.perform(self.call(args, within), stop).await
    }

    /// Whoever carries the key and has not ended.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let mark = format!("LARES_KEY={}", self.key());
        let carries = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        };
        pids().filter(carries).collect()
    }
}

pub(crate) fn never() -> BoxFuture<'static, ()> {
    Box::pin(std::future::pending())
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").expect("every Linux has it");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Polls until it is so, and lets everybody else run meanwhile.
pub(crate) async fn until(what: &str, mut fact: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !fact() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
}

pub(crate) fn stdout(output: &Output) -> &str {
    output.value["stdout"].as_str().expect("it is always there")
}
