//! What the plans of the stage are asked to do.

use std::time::Duration;

use domain::priority::Priority;
use domain::tool::{Effect, OnDoubt, Tools};
use serde_json::{Value, json};
use work::plan::{Brief, Caps, Task, WAIT};

use super::stage::NARROW;
use super::tools::NAME;

/// More than any step of the stage takes.
const WITHIN: Duration = Duration::from_secs(600);

/// So many trivial steps, one after the other.
pub(crate) fn in_sequence(steps: usize) -> Brief {
    let after = |number: usize| match number {
        0 => vec![],
        _ => vec![format!("s{}", number - 1)],
    };
    round((0..steps).map(|number| Task { after: after(number), ..task(number, json!({})) }))
}

/// The same, as a person writes them down in a script.
pub(crate) fn scripted(steps: usize, tools: &dyn Tools) -> anyhow::Result<Brief> {
    let step = |number: usize| {
        let before = number.checked_sub(1);
        let after: Vec<String> = before.iter().map(|before| format!("s{before}")).collect();
        json!({"id": format!("s{number}"), "tool": NAME, "args": {"command": "true"}, "after": after})
    };
    let steps: Vec<Value> = (0..steps).map(step).collect();
    let text = json!({"version": 1, "rounds": [{"steps": steps}]}).to_string();
    Ok(work::read(&text.into(), tools, &work::Limits::default())?)
}

/// The same, as a blueprint.
pub(crate) fn written(steps: usize, tools: &dyn Tools) -> anyhow::Result<Brief> {
    let stage = |number: usize| {
        format!(
            "  - {{id: s{number}, type: deterministic, action: {NAME}, inputs: {{command: \"true\"}}}}\n"
        )
    };
    let stages: String = (0..steps).map(stage).collect();
    let text = format!("version: 1\nname: trivial steps\nstages:\n{stages}");
    Ok(work::read(&text.into(), tools, &work::Limits::default())?)
}

/// One stage that leads back to itself, so often.
pub(crate) fn around(times: usize, tools: &dyn Tools) -> anyhow::Result<Brief> {
    let text = format!(
        "version: 1\nname: around\nstages:\n  - {{id: again, type: deterministic, action: {NAME}, \
         inputs: {{command: \"true\"}}, on_success: again, on_failure: done}}\n"
    );
    let passes_max = u32::try_from(times)?;
    Ok(work::read(&text.into(), tools, &work::Limits { passes_max, ..work::Limits::default() })?)
}

/// So many trivial steps, all at once.
pub(crate) fn at_once(steps: usize) -> Brief {
    round((0..steps).map(|number| task(number, json!({}))))
}

/// One step that does not end by itself.
pub(crate) fn for_ever() -> Brief {
    round([task(0, json!({"for_ever": true}))])
}

/// The same, of which one at a time may be under way.
pub(crate) fn for_ever_in_line() -> Brief {
    round([Task { lane: NARROW.to_owned(), ..task(0, json!({"for_ever": true})) }])
}

/// A moment to wait for, and then so many trivial steps at once.
pub(crate) fn after(pause: Duration, steps: usize) -> Brief {
    let ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    let wait = Task {
        id: WAIT.to_owned(),
        tool: WAIT.to_owned(),
        effect: Effect::None,
        lane: WAIT.to_owned(),
        within_ms: ms,
        ..task(0, json!({ "ms": ms }))
    };
    let steps =
        (0..steps).map(|number| Task { after: vec![WAIT.to_owned()], ..task(number, json!({})) });
    round([wait].into_iter().chain(steps))
}

fn round(tasks: impl IntoIterator<Item = Task>) -> Brief {
    let caps = Caps { idle_rounds_max: 3, silence_max_ms: 1_000, depth_max: 1 };
    let (rounds, priority) = (vec![tasks.into_iter().collect()], Priority::Normal);
    Brief { rounds, caps, priority, depth: 0, course: None, descent: None }
}

fn task(number: usize, args: Value) -> Task {
    Task {
        id: format!("s{number}"),
        tool: NAME.to_owned(),
        args,
        digest: format!("{number}"),
        effect: Effect::Keyed,
        after: vec![],
        locks: vec![],
        lane: NAME.to_owned(),
        is_far: false,
        attempts: 1,
        within_ms: u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX),
        on_doubt: OnDoubt::Ask,
        check: None,
        title: String::new(),
        uses: vec![],
        outputs: vec![],
        approval: None,
        undo: None,
    }
}
