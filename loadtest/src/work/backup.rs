//! Backups of a journal in use: whether they are whole, and what they cost those who write.
//!
//! A backup stands between two windows without one, under one load. The journal grows under it, and
//! with it every later backup, so each has a process of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::load::Load;
use super::plans::STEPS;
use super::stage::Stage;
use super::tools::{One, Plain};
use super::{all, briefs};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};

const BACKUPS: usize = 20;
const AT_ONCE: usize = 64;
/// Before the first window: caches are warm, and there is something to copy.
const WARM_UP: Duration = Duration::from_secs(2);
/// Without a backup.
const WINDOW: Duration = Duration::from_secs(1);
const BACKUP_WITHIN: Duration = Duration::from_secs(60);

/// Steps, and how long they took.
#[derive(Default)]
struct Windows {
    steps: u64,
    took: Duration,
}

impl Windows {
    fn add(&mut self, before: u64, plain: &Plain, began: Instant) {
        self.steps += plain.done.load(Ordering::Relaxed) - before;
        self.took += began.elapsed();
    }

    fn per_s(&self) -> f64 {
        self.steps as f64 / self.took.as_secs_f64()
    }
}

pub(crate) async fn ours(at_once: usize) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let plain = Arc::new(Plain::default());
    let stage = Stage::new(folder.path(), Arc::new(One(Arc::clone(&plain)))).await?;
    let stage = Arc::new(stage);
    let load = Load::begin(&stage, at_once, &briefs::in_sequence(STEPS));
    tokio::time::sleep(WARM_UP).await;
    let (mut with, mut without) = (Windows::default(), Windows::default());
    // Before it and after it: everybody is slower in a journal that has grown.
    idle(&plain, &mut without).await;
    let to = folder.path().join("backup");
    let (before, began) = (plain.done.load(Ordering::Relaxed), Instant::now());
    let made = back_up(&stage, to.clone()).await?;
    with.add(before, &plain, began);
    idle(&plain, &mut without).await;
    let began = Instant::now();
    let whole = made && is_whole(to).await?;
    let checking = began.elapsed();
    load.end().await?;
    stage.stop().await;
    Ok(Figures::from([
        ("whole", f64::from(u8::from(whole))),
        ("with_per_s", with.per_s()),
        ("without_per_s", without.per_s()),
        ("backup_s", with.took.as_secs_f64()),
        ("check_s", checking.as_secs_f64()),
    ]))
}

/// A window without a backup.
async fn idle(plain: &Plain, without: &mut Windows) {
    let (before, began) = (plain.done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(WINDOW).await;
    without.add(before, plain, began);
}

/// As the product makes one: copied, and read from end to end.
async fn back_up(stage: &Stage, to: PathBuf) -> anyhow::Result<bool> {
    let journal = Arc::clone(&stage.journal);
    let copy = move || journal.sqlite.backup(&to, store::Pace::default());
    let making = tokio::task::spawn_blocking(copy);
    let made = tokio::time::timeout(BACKUP_WITHIN, making).await;
    let made = made.context("a backup does not end")??;
    Ok(made.inspect_err(|error| tracing::error!(%error, "no backup")).is_ok())
}

/// Once more, by itself.
async fn is_whole(copy: PathBuf) -> anyhow::Result<bool> {
    let looking = tokio::task::spawn_blocking(move || {
        let checked = store::check(&copy);
        std::fs::remove_file(&copy).map(|()| checked)
    });
    let checked = looking.await??;
    Ok(checked.inspect_err(|error| tracing::error!(%error, "a copy is not whole")).is_ok())
}

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut figures = Vec::new();
    for _ in 0..BACKUPS {
        figures.push(bench.part(&format!("backup {AT_ONCE}"))?);
    }
    let whole = all(&figures, "whole")?.iter().sum();
    let every = Some(Bar::AtLeast(BACKUPS as f64));
    let steps = (all(&figures, "with_per_s")?, all(&figures, "without_per_s")?);
    let one = |name: &str| all(&figures, name).map(|values| median(&values));
    Ok(vec![
        Row::alone("20 backups of 64 plans at once: whole", "", whole, every),
        Row::beside(
            "20 backups of 64 plans at once: steps",
            "/s",
            &steps.0,
            "without",
            &steps.1,
            Some(Bar::AtLeast(0.8)),
        ),
        Row::alone("20 backups of 64 plans at once: one", "s", one("backup_s")?, None),
        Row::alone("20 backups of 64 plans at once: one check", "s", one("check_s")?, None),
    ])
}
