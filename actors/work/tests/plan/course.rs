//! Written plans in a simulated world: the ways they go, what they ask, and what they take back.

use crate::stage::*;
use std::sync::atomic::Ordering;

use domain::approval::Verdict;
use domain::run::{self, Descending, Descent, Effects, State, StepState};
use expect_test::{Expect, expect};
use serde_json::json;
use work::Limits;
use work::plan::{self as entity, Cancel, Give, Resume, Said, Signal};

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

/// Goes on until a step is there.
fn until(stage: &mut Stage, step: &str, state: StepState) {
    stage.until(1, |run| run.steps.iter().any(|known| known.id == step && known.state == state));
}
