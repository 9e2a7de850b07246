//! A run as it is written out: what was recorded, its plan, and what it would do.

use std::collections::BTreeMap;

use domain::journal::Recorded;
use domain::run::{Rehearsal, Rehearsed};
use domain::wire::read;
use serde_json::{Value, json};

use crate::plan::{Brief, Course, Task, To, When};

/// One event, as one line of JSON with the names that were recorded.
pub(crate) fn line(recorded: &Recorded) -> String {
    let body = &recorded.body;
    let data = read::<Value>(body).unwrap_or(Value::Null);
    json!({
        "seq": recorded.seq.0,
        "at": recorded.at,
        "event": &*body.name,
        "version": body.version,
        "data": data,
    })
    .to_string()
}

/// What was written, if that is known; else what was made of it.
pub(crate) fn plan(brief: &Brief) -> String {
    match &brief.course {
        Some(course) => course.text.body.clone(),
        None => json!({ "rounds": brief.rounds }).to_string(),
    }
}

pub(crate) fn rehearsal(brief: &Brief) -> Rehearsal {
    let course = brief.course.as_deref();
    let tasks: Vec<&Task> = brief.rounds.iter().flatten().collect();
    let steps = tasks.iter().enumerate().map(|(at, task)| {
        let step = rehearsed(task);
        match course {
            Some(course) => on_course(step, course, at, &tasks),
            None => step,
        }
    });
    Rehearsal {
        name: course.map(|course| course.name.clone()),
        inputs: course.map_or(BTreeMap::new(), |course| course.inputs.clone()),
        workspace: course.and_then(|course| course.workspace.clone()),
        steps: steps.collect(),
        rollback: course
            .map_or(Vec::new(), |course| course.rollback.iter().map(rehearsed).collect()),
    }
}

fn rehearsed(task: &Task) -> Rehearsed {
    Rehearsed {
        id: task.id.clone(),
        title: task.title.clone(),
        tool: task.tool.clone(),
        args: task.args.clone(),
        when: None,
        on_success: None,
        on_failure: None,
        approval: task.approval.as_ref().map(|approval| approval.about.clone()),
        attempts: task.attempts,
        undo: task.undo.as_deref().map(|undo| Box::new(rehearsed(undo))),
    }
}

fn on_course(step: Rehearsed, course: &Course, at: usize, tasks: &[&Task]) -> Rehearsed {
    let Some(way) = course.ways.get(at) else { return step };
    let when = match way.when {
        When::Always => None,
        When::PreviousOk => Some("the step before it went well".to_owned()),
        When::PreviousFailed => Some("the step before it failed".to_owned()),
    };
    let name = |to: To| match to {
        To::Round(to) => tasks.get(to as usize).map_or(String::new(), |task| task.id.clone()),
        To::Done => "done".to_owned(),
        To::Fail => "fail".to_owned(),
        To::Rollback => "rollback".to_owned(),
        To::Paused => "paused".to_owned(),
    };
    let (on_success, on_failure) = (Some(name(way.on_success)), Some(name(way.on_failure)));
    Rehearsed { when, on_success, on_failure, ..step }
}
