//! What is said of a run before its steps: what it is, what it was given, where it comes from.

use domain::run::{Descent, Effects, Lineage, Run, State};

use super::{File, span};
use crate::run::{tell_input, tell_workspace};
use crate::text::clean;

pub(super) fn tell(run: &Run, file: File) -> String {
    let mut text = standing(run);
    let mut line = |name: &str, what: &str| text += &format!("{name:<10} {what}\n");
    if let Some(name) = &run.name {
        line("name", &clean(name));
    }
    if let Some(path) = run.text.as_ref().and_then(|text| text.file.as_ref()) {
        line("file", &clean(path));
    }
    if file == File::Changed {
        let plan = format!("lares run plan {}", run.id);
        let what = "the file has changed since: this run keeps what it began with";
        line("", &format!("{what} ({plan})"));
    }
    for (name, given) in &run.inputs {
        let version = match given.version {
            0 | 1 => String::new(),
            version => format!(" (version {version})"),
        };
        line("input", &format!("{}{version}", tell_input(name, &given.value)));
    }
    if let Some(workspace) = &run.workspace {
        line("workspace", &tell_workspace(workspace));
    }
    if let Some(lineage) = &run.lineage {
        line("lineage", &tell_lineage(lineage));
    }
    text
}

fn standing(run: &Run) -> String {
    let id = run.id;
    let mut text = format!("{id}  {}", run.state.word());
    if let Some(closed_at) = run.closed_at {
        text += &format!(" after {}", span(run.opened_at, closed_at));
    }
    if let Some(reason) = &run.reason {
        text += &format!(": {}", clean(reason));
    }
    text.push('\n');
    if run.state == State::Paused {
        text += &format!("it goes on with: lares run resume {id} --at {}\n", run.taken_up);
    }
    if run.state == State::Undoing {
        text += "it takes back what it has done, and ends then\n";
    }
    if let Some(why) = &run.quarantined {
        let why = clean(why);
        text += &format!("quarantined: {why}; look at it with `lares quarantine show {id}`\n");
    }
    text
}

fn tell_lineage(lineage: &Lineage) -> String {
    let Lineage { run, how, at, from, effects } = lineage;
    let how = match how {
        Descent::Replay => "replay",
        Descent::Fork => "fork",
    };
    // Where it goes its own way from a step on, those before it are taken as they were.
    let what = if from.is_some() { "every effect from there on" } else { "every effect once more" };
    let from = from.as_ref().map_or(String::new(), |from| format!(", its own way from {from} on"));
    let effects = match effects {
        Effects::UseRecorded => String::new(),
        Effects::Reexecute => format!("; {what}"),
        Effects::RequireHuman => format!("; {what}, each after a person allows it"),
    };
    format!("{how} of {run} up to event {at}{}{effects}", clean(&from))
}
