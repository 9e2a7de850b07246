//! What a run would do, told before it does anything.

use std::collections::BTreeMap;

use domain::run::{Rehearsal, Rehearsed};

use crate::plan::{Brief, Course, Task, To, When};

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
