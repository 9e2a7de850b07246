//! One turn from end to end, counted: message, session, plan of ten steps, session, reply.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;

use super::briefs;
use super::plans::STEPS;
use super::stage::Stage;
use super::tools::{One, Plain};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row};

const TURNS: usize = 50;
const TURN_WITHIN: Duration = Duration::from_secs(20);

/// Turns of one session, one after the other.
pub(crate) async fn ours(turns: usize, steps: usize) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let stage = Stage::new(folder.path(), Arc::new(One(Arc::new(Plain::default())))).await?;
    let mut session = None;
    for _ in 0..turns {
        let brief = briefs::in_sequence(steps);
        let replied = match session {
            Some(session) => stage.say_more(session, brief).await?,
            None => {
                let (address, replied) = stage.say(brief).await?;
                session = Some(address);
                replied
            }
        };
        tokio::time::timeout(TURN_WITHIN, replied).await.context("a turn was not answered")??;
    }
    stage.stop().await;
    let counts = &stage.journal.counts;
    let each = |count: u64| count as f64 / turns as f64;
    Ok(Figures::from([
        ("appends", each(counts.appends.load(Ordering::Relaxed))),
        ("posts", each(counts.posts.load(Ordering::Relaxed))),
        ("claims", each(counts.claims.load(Ordering::Relaxed))),
        ("commits", each(stage.journal.sqlite.written().commits)),
    ]))
}

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let figures = bench.part(&format!("turn {TURNS} {STEPS}"))?;
    let one = |name: &str| figures.get(name);
    Ok(vec![
        Row::alone("a turn of ten steps: appends", "", one("appends")?, Some(Bar::AtMost(15.0))),
        Row::alone("a turn of ten steps: posts", "", one("posts")?, None),
        Row::alone("a turn of ten steps: claims", "", one("claims")?, None),
        Row::alone("a turn of ten steps: commits", "", one("commits")?, None),
    ])
}
