//! Ten trivial steps as a blueprint, beside the same ten as a script.

use crate::peers::Bench;
use crate::report::{Bar, Row};
use crate::work::all;

/// How long each measurement goes on.
const SECONDS: f64 = 3.0;

pub(super) fn rows(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut written, mut scripted) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        written.push(bench.part(&format!("plans 64 {SECONDS} --form written"))?);
        scripted.push(bench.part(&format!("plans 64 {SECONDS} --form script"))?);
    }
    let beside = |what: &str, unit, name: &str, bar| -> anyhow::Result<Row> {
        let (ours, theirs) = (all(&written, name)?, all(&scripted, name)?);
        Ok(Row::beside(what, unit, &ours, "as a script", &theirs, bar))
    };
    Ok(vec![
        beside("64 blueprints at once: steps", "/s", "steps_per_s", Some(Bar::AtLeast(0.9)))?,
        beside("64 blueprints at once: p50 of a step", "us", "p50_us", None)?,
        beside("64 blueprints at once: appends", "a step", "appends_per_step", None)?,
        beside("64 blueprints at once: processor time", "us a step", "cpu_us_per_step", None)?,
    ])
}
