//! Written plans in a simulated world: the ways they go, what they ask, and what they take back.

use crate::stage::*;
use std::sync::atomic::Ordering;

use domain::approval::Verdict;
use domain::run::{self, Descending, Descent, Effects, State, StepState};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use work::Limits;
use work::plan::{self as entity, Cancel, Give, Resume, Said, Settle, Signal};

mod descent;
mod people;
mod routes;
mod taken_back;

/// The first steps of every written plan of these tests; its end is what they are about.
fn begin(text: &str) -> Stage {
    let stage = stage(1);
    stage.begin(1, text.to_owned().into());
    stage
}

fn check(text: &str, expected: &Expect) -> Stage {
    finish(begin(text), expected)
}

fn finish(mut stage: Stage, expected: &Expect) -> Stage {
    stage.finish(1);
    expected.assert_eq(&story(&stage, 1));
    stage.check_replay(1);
    stage
}

fn said(number: u32, granted: bool) -> entity::Post {
    entity::Post::Answer(Said { number, granted, note: None, digest: None })
}

fn cancel() -> entity::Post {
    entity::Post::Cancel(Cancel { reason: "enough".to_owned() })
}

fn settle(step: &str, happened: bool) -> entity::Post {
    entity::Post::Settle(Settle { step: step.to_owned(), happened })
}

fn give(name: &str, value: Value, version: Option<u64>) -> entity::Post {
    entity::Post::Give(Give { name: name.to_owned(), value, version })
}

/// If it has taken up so many steps, where that is said.
fn resume(at: Option<u32>) -> entity::Post {
    entity::Post::Resume(Resume { note: None, at })
}

/// Goes on until a step is there.
fn until(stage: &mut Stage, step: &str, state: StepState) {
    stage.until(1, |run| run.steps.iter().any(|known| known.id == step && known.state == state));
}
