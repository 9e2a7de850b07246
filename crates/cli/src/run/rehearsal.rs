//! What a run would do, as a person reads it.

use domain::run::{Rehearsal, Rehearsed, Workspace};
use serde_json::Value;

use crate::call;
use crate::text::{clean, shorten};

/// How much of a call is shown; all of it is in the JSON.
const CALL_CHARS_MAX: usize = 200;
/// The same of one input.
const INPUT_CHARS_MAX: usize = 100;

/// All of it, in the order of the text.
pub(super) fn tell(rehearsal: &Rehearsal) -> String {
    let Rehearsal { name, inputs, workspace, steps, rollback } = rehearsal;
    let mut text = String::new();
    if let Some(name) = name {
        text += &format!("{}\n", clean(name));
    }
    for (name, value) in inputs {
        text += &format!("  input      {}\n", tell_input(name, value));
    }
    if let Some(workspace) = workspace {
        text += &format!("  workspace  {}\n", tell_workspace(workspace));
    }
    text += &tell_all(steps, true);
    if !rollback.is_empty() {
        text += &format!("\nrollback, where a route says so\n{}", tell_all(rollback, false));
    }
    text += "\nnothing was done\n";
    text.trim_start().to_owned()
}

pub(crate) fn tell_input(name: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{}={}", clean(name), shorten(&clean(&text), INPUT_CHARS_MAX))
}

pub(crate) fn tell_workspace(workspace: &Workspace) -> String {
    let Workspace { id, path, branch } = workspace;
    let branch = branch.as_ref().map_or(String::new(), |branch| format!(", branch {branch}"));
    clean(&format!("{path} ({id}){branch}"))
}

fn tell_all(steps: &[Rehearsed], has_routes: bool) -> String {
    let next = |at: usize| steps.get(at + 1).map_or("done", |step| step.id.as_str());
    let told = steps.iter().enumerate().map(|(at, step)| {
        let routes = if has_routes { tell_routes(step, next(at)) } else { String::new() };
        format!("\n{}. {}", at + 1, tell_step(step, &routes))
    });
    told.collect()
}

fn tell_step(step: &Rehearsed, routes: &str) -> String {
    let Rehearsed { id, title, tool, args, when, approval, attempts, undo, .. } = step;
    let title = if title.is_empty() || title == id { "" } else { &format!("  {}", clean(title)) };
    let mut text = format!("{}{title}\n", clean(id));
    let mut line = |name: &str, what: &str| text += &format!("   {name:<9}  {what}\n");
    line("does", &call::tell(tool, args, CALL_CHARS_MAX));
    if let Some(when) = when {
        line("only if", &clean(when));
    }
    if let Some(about) = approval {
        line("asks", &clean(about));
    }
    if *attempts != 1 {
        line("tries", &format!("{attempts} times at most"));
    }
    if let Some(undo) = undo {
        line("undo", &call::tell(&undo.tool, &undo.args, CALL_CHARS_MAX));
    }
    text + routes
}

/// Where it goes on, as far as that is not the step after it.
fn tell_routes(step: &Rehearsed, next: &str) -> String {
    let routes = [("then", &step.on_success), ("if not", &step.on_failure)];
    let routes = routes.into_iter().filter_map(|(name, to)| {
        let to = to.as_ref().filter(|to| *to != next)?;
        Some(format!("   {name:<9}  {}\n", clean(to)))
    });
    routes.collect()
}

#[cfg(test)]
mod tests;
