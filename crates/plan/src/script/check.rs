//! What a script of the right shape may still have wrong: bounds, names and the order of steps.

use std::collections::{BTreeMap, BTreeSet};

use domain::nearest::nearest;

use super::{Deadline, Fault, Limits, Script, Step};

/// Everything that is wrong, in the order of the text.
pub(super) fn faults(script: &Script, limits: &Limits) -> Vec<Fault> {
    let mut faults = Vec::new();
    let count = script.steps().count();
    if count > limits.steps_max {
        let what = format!(
            "hold {count} steps, and {} is the most (`runs.steps_max`): split it",
            limits.steps_max
        );
        // Whatever else is wrong with so many would hide this.
        return vec![Fault { place: "rounds".to_owned(), what }];
    }
    let places = places(script, &mut faults);
    for (round, steps) in script.rounds.iter().enumerate() {
        for (at, step) in steps.steps.iter().enumerate() {
            let place = format!("rounds[{round}].steps[{at}]");
            bounds(step, &place, limits, &mut faults);
            order(step, round, &place, &places, &mut faults);
        }
        cycle(script, round, &mut faults);
    }
    faults
}

/// The round of each step.
fn places<'a>(script: &'a Script, faults: &mut Vec<Fault>) -> BTreeMap<&'a str, usize> {
    let mut places = BTreeMap::new();
    for (round, steps) in script.rounds.iter().enumerate() {
        for (at, step) in steps.steps.iter().enumerate() {
            if places.insert(step.id.as_str(), round).is_some() {
                let place = format!("rounds[{round}].steps[{at}].id");
                let what = format!("`{}` is another step already: name each differently", step.id);
                faults.push(Fault { place, what });
            }
        }
    }
    places
}

fn bounds(step: &Step, place: &str, limits: &Limits, faults: &mut Vec<Fault>) {
    let mut fault = |key: &str, what: String| {
        faults.push(Fault { place: format!("{place}.{key}"), what });
    };
    if !(1..=limits.attempts_max).contains(&step.attempts) {
        let what =
            format!("is {}, and must lie between 1 and {}", step.attempts, limits.attempts_max);
        fault("attempts", what);
    }
    if let Deadline::Ms(ms) = step.deadline
        && !(1..=limits.deadline_ms_max).contains(&ms)
    {
        let what = format!("is {ms} ms, and must lie between 1 and {}", limits.deadline_ms_max);
        fault("deadline", what);
    }
    let check = step.check.iter().map(|check| ("check.args", &check.args));
    for (key, args) in std::iter::once(("args", &step.args)).chain(check) {
        let bytes = args.to_string().len();
        if bytes > limits.args_bytes_max {
            let max = limits.args_bytes_max;
            fault(key, format!("take {bytes} bytes, and {max} is the most: pass a file's name"));
        }
    }
}

fn order(
    step: &Step,
    round: usize,
    place: &str,
    places: &BTreeMap<&str, usize>,
    faults: &mut Vec<Fault>,
) {
    for (at, before) in step.after.iter().enumerate() {
        let place = format!("{place}.after[{at}]");
        let what = match places.get(before.as_str()) {
            Some(earlier) if *earlier <= round && *before != step.id => continue,
            Some(_) if *before == step.id => "is the step itself".to_owned(),
            Some(later) => format!("`{before}` comes later, in round {later}"),
            None => match nearest(before, places.keys().copied()) {
                Some(meant) => format!("no step is called `{before}`: did you mean `{meant}`?"),
                None => format!("no step is called `{before}`"),
            },
        };
        faults.push(Fault { place, what });
    }
}

/// Takes away whoever waits for nobody, until all are gone or those left wait for each other.
fn cycle(script: &Script, round: usize, faults: &mut Vec<Fault>) {
    let steps = &script.rounds[round].steps;
    let mut left: BTreeSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    loop {
        let free: Vec<&str> = steps
            .iter()
            .filter(|step| left.contains(step.id.as_str()))
            .filter(|step| {
                let waits = |before: &String| *before != step.id && left.contains(before.as_str());
                !step.after.iter().any(waits)
            })
            .map(|step| step.id.as_str())
            .collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|id| {
            left.remove(id);
        });
    }
    if !left.is_empty() {
        let names: Vec<&str> = left.into_iter().collect();
        let what = format!("{} wait for each other: take one `after` away", names.join(", "));
        faults.push(Fault { place: format!("rounds[{round}].steps"), what });
    }
}
