//! The story of a run, for people: its whole history, told once.

use std::collections::BTreeMap;

use domain::approval::{Answer, Approval, ApprovalId};
use domain::blob::Blob;
use domain::id::Address;
use domain::records::Entry;
use domain::run::{self, Attempt, Awaits, Doubt, Question, Run, StepState};
use domain::time::Timestamp;
use domain::tool::{Attachment, Content, Failure, Media};
use runtime::durable::Past;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::SIGNAL;
use super::rules::{awaits, effect_key, standing};
use super::state::{State, Step};
use super::wire::{
    Answered, Asked, Begun, Brief, By, Closed, Doubted, Ending, Event, Given, Rested, Reused,
    Settled, Sought, Task, Text, Unclear,
};

/// The run of a plan that was opened; nothing of one that was not yet.
pub fn run(id: Address, history: &[Past<Event>]) -> Option<Run> {
    read(id, history).map(|(run, _)| run)
}

/// Its story, and what it has come to.
fn read(id: Address, history: &[Past<Event>]) -> Option<(Run, State)> {
    let first = history.first()?;
    let mut run = unknown(id, first.at);
    let mut state = State::default();
    for past in history {
        state.apply(&past.event);
        run.seq = past.seq.0;
        tell(&mut run, past, &state);
    }
    run.state = standing(&state);
    Some((run, state))
}

/// The run of a plan that was sent all this, and has not heard it yet.
pub fn pending(id: Address, brief: &Brief, sent_at: Timestamp) -> Run {
    let mut run = unknown(id, sent_at);
    open(&mut run, brief);
    run
}

/// One of which nothing is known but that it is there.
fn unknown(id: Address, opened_at: Timestamp) -> Run {
    Run {
        id,
        state: run::State::Pending,
        opened_at,
        closed_at: None,
        reason: None,
        quarantined: None,
        seq: 0,
        name: None,
        text: None,
        inputs: BTreeMap::new(),
        workspace: None,
        lineage: None,
        taken_up: 0,
        steps: Vec::new(),
        left: Vec::new(),
    }
}

/// One whose history cannot be read: all that is known of it is that it is there.
pub fn unread(entry: &Entry) -> Run {
    let reason = Some("its history cannot be read".to_owned());
    Run { reason, seq: entry.head.0, ..unknown(entry.entity, entry.opened_at) }
}

/// What is in doubt about a run.
pub fn questions(id: Address, history: &[Past<Event>]) -> Vec<Question> {
    let Some((run, state)) = read(id, history) else { return Vec::new() };
    let question = |told: &run::Step| {
        let step = state.step(&told.id)?;
        let (awaits, doubt) = (awaits(step)?, told.doubts.last()?);
        Some(Question {
            run: id,
            step: told.id.clone(),
            tool: told.tool.clone(),
            args: step.args().clone(),
            begun_at: told.attempts.last().map(|attempt| attempt.begun_at),
            since: doubt.since,
            evidence: doubt.evidence.clone(),
            hands: hands(step, awaits).map(str::to_owned),
            awaits,
        })
    };
    run.steps.iter().filter_map(question).collect()
}

/// What is known of whoever was at it.
fn hands(step: &Step, awaits: Awaits) -> Option<&'static str> {
    match (step.task.is_far, awaits) {
        _ if step.is_spent() => None,
        (true, _) => Some("it reaches beyond this machine, where it may have gone on"),
        (false, Awaits::Quiet { .. }) => None,
        (false, Awaits::Check | Awaits::Person) => {
            Some("no process of it is left that could go on")
        }
    }
}

fn tell(run: &mut Run, past: &Past<Event>, state: &State) {
    let at = past.at;
    match &past.event {
        Event::Opened(opened) => {
            open(run, &opened.brief);
        }
        Event::Planned(planned) => {
            run.taken_up += 1;
            if 1 < planned.pass {
                come_by_again(run, state);
            }
        }
        Event::Sought(sought) => {
            seek(run, sought, state.step(&sought.step).map(|step| &step.task), at);
        }
        Event::Answered(answered) => answer(run, answered, at),
        Event::Given(Given { name, value, version }) => {
            let given = run::Given { value: value.clone(), version: *version };
            run.inputs.insert(name.clone(), given);
        }
        Event::Reused(Reused { step, ending }) => {
            let said = said(state, step, ending);
            with(run, step, |step| {
                end(step, ending, at);
                step.attachments.extend(said);
                let before = step.story.take().map_or(String::new(), |story| format!(": {story}"));
                step.story = Some(format!("taken from the run that this one repeats{before}"));
            });
        }
        Event::Paused(paused) => run.reason = Some(paused.reason.clone()),
        Event::Resumed(_) => run.reason = None,
        Event::Undoing(undoing) => {
            run.reason.clone_from(&undoing.reason);
            take_back(run, state);
        }
        Event::Signaled(_) => {}
        Event::Begun(begun) => {
            let awaited = state.step(&begun.step).and_then(|step| step.task.signal());
            let id = run.id;
            with(run, &begun.step, |step| {
                begin(step, begun, at);
                step.story = awaited.map(|name| {
                    format!("it waits for the signal `{name}`: lares run signal {id} \"{name}\"")
                });
            });
        }
        Event::Ended(ended) => {
            let said = said(state, &ended.step, &ended.ending);
            with(run, &ended.step, |step| {
                end(step, &ended.ending, at);
                step.attachments.extend(said);
            });
        }
        Event::Rested(Rested { step, failure, .. }) => with(run, step, |step| {
            step.state = StepState::Waiting;
            end_attempt(step, at, word(failure), Some(failure.story.clone()));
        }),
        Event::Doubted(Doubted { step, evidence, spent, .. }) => with(run, step, |step| {
            step.state = StepState::InDoubt;
            let evidence = evidence.clone();
            let word = if *spent { "unknown" } else { "cut off" };
            end_attempt(step, at, word, None);
            step.doubts.push(Doubt { since: at, evidence, settled_at: None, verdict: None });
        }),
        Event::Checking(_) => {}
        Event::Unclear(Unclear { step, seen, .. }) => with(run, step, |step| {
            if let Some(doubt) = step.doubts.last_mut() {
                doubt.evidence += &format!("; its check could not tell: {seen}");
            }
        }),
        Event::Asked(Asked { step, evidence, .. }) => with(run, step, |step| {
            step.state = StepState::Asked;
            if let Some(doubt) = step.doubts.last_mut() {
                doubt.evidence.clone_from(evidence);
            }
        }),
        Event::Settled(settled) => with(run, &settled.step, |step| settle(step, settled, at)),
        Event::Cancelling(cancelling) => run.reason = Some(cancelling.reason.clone()),
        Event::Closed(closed) => {
            close(run, closed, at);
        }
    }
}

fn with(run: &mut Run, id: &str, change: impl FnOnce(&mut run::Step)) {
    if let Some(step) = run.steps.iter_mut().rfind(|step| step.id == id) {
        change(step);
    }
}

fn open(run: &mut Run, brief: &Brief) {
    let id = run.id;
    run.steps = brief.rounds.iter().flatten().map(|task| unbegun(id, task)).collect();
    run.lineage = brief.descent.as_ref().map(|descent| descent.lineage.clone());
    let Some(course) = &brief.course else { return };
    run.name = Some(course.name.clone());
    run.workspace.clone_from(&course.workspace);
    let Text { file, digest, .. } = &course.text;
    run.text = Some(run::Text { file: file.clone(), digest: digest.clone() });
    let given = |value: &Value| run::Given { value: value.clone(), version: 1 };
    let inputs = course.inputs.iter().map(|(name, value)| (name.clone(), given(value)));
    run.inputs = inputs.collect();
}

/// Whatever comes by once more is a step of its own.
fn come_by_again(run: &mut Run, state: &State) {
    let steps = state.work.iter().flat_map(|work| &work.steps);
    run.steps.extend(steps.map(|step| unbegun(run.id, &step.task)));
}

/// What takes back what was done: each follows the one before it.
fn take_back(run: &mut Run, state: &State) {
    let tasks = state.work.iter().flat_map(|work| work.steps.iter()).map(|step| &step.task);
    let after = |task: &Task| task.after.first().cloned();
    let mut next: BTreeMap<Option<String>, &Task> = tasks.map(|task| (after(task), task)).collect();
    let mut last = None;
    while let Some(task) = next.remove(&last) {
        run.steps.push(unbegun(run.id, task));
        last = Some(task.id.clone());
    }
}

fn seek(run: &mut Run, sought: &Sought, task: Option<&Task>, at: Timestamp) {
    let Sought { number, step, digest, about, args, until } = sought;
    let id = ApprovalId { run: run.id, number: *number };
    let run_id = run.id;
    let of_plan = task.and_then(|task| task.approval.as_ref()).map(|approval| &approval.about);
    let about = about.as_ref().or(of_plan);
    let args = args.as_ref().or(task.map(|task| &task.args)).cloned().unwrap_or(Value::Null);
    with(run, step, |step| {
        step.state = StepState::AwaitsApproval;
        step.approvals.push(Approval {
            id,
            run: run_id,
            step: step.id.clone(),
            about: about.cloned().unwrap_or_default(),
            tool: step.tool.clone(),
            args,
            digest: digest.clone(),
            since: at,
            until: *until,
            answer: None,
        });
    });
}

fn answer(run: &mut Run, answered: &Answered, at: Timestamp) {
    let Answered { step, verdict, note, .. } = answered;
    with(run, step, |step| {
        step.state = StepState::Waiting;
        if let Some(approval) = step.approvals.last_mut() {
            approval.answer = Some(Answer { verdict: *verdict, note: note.clone(), at });
        }
    });
}

fn close(run: &mut Run, closed: &Closed, at: Timestamp) {
    run.closed_at = Some(at);
    run.reason.clone_from(&closed.reason);
    run.left.clone_from(&closed.left);
    for step in &mut run.steps {
        if step.state == StepState::Waiting && step.attempts.is_empty() {
            step.state = StepState::Skipped;
            step.story = Some("the plan did not come by".to_owned());
        }
    }
}

fn unbegun(plan: Address, task: &Task) -> run::Step {
    run::Step {
        id: task.id.clone(),
        title: task.title.clone(),
        tool: task.tool.clone(),
        effect: task.effect,
        key: effect_key(plan, &task.id).to_string(),
        state: StepState::Waiting,
        attempts: Vec::new(),
        doubts: Vec::new(),
        approvals: Vec::new(),
        output: None,
        attachments: Vec::new(),
        story: None,
    }
}

fn begin(step: &mut run::Step, begun: &Begun, at: Timestamp) {
    step.state = StepState::Running;
    close_doubt(step, at, || "repeated under the same key".to_owned());
    // One that a crash has cut off goes on under its number.
    let number = begun.attempt;
    let (ended_at, outcome, story) = (None, None, None);
    step.attempts.push(Attempt { number, begun_at: at, ended_at, outcome, story });
}

fn end(step: &mut run::Step, ending: &Ending, at: Timestamp) {
    let (state, word, failure) = match ending {
        Ending::Done(output) => {
            step.output = Some(output.value.clone()).filter(|value| *value != Value::Null);
            step.attachments.clone_from(&output.attachments);
            (StepState::Done, "done", None)
        }
        Ending::Failed(failure) => (StepState::Failed, word(failure), Some(failure)),
        Ending::Stopped(failure) => (StepState::Stopped, "stopped", Some(failure)),
        Ending::Skipped(why) => {
            step.state = StepState::Skipped;
            step.story = Some(why.clone());
            return;
        }
    };
    step.state = state;
    step.story = failure.map(|failure| failure.story.clone());
    if let Some(failure) = failure {
        step.output = Some(failure.output.value.clone()).filter(|value| *value != Value::Null);
        step.attachments.clone_from(&failure.output.attachments);
    }
    close_doubt(step, at, || "given up".to_owned());
    end_attempt(step, at, word, failure.map(|failure| failure.story.clone()));
}

/// What a signal has brought stands in the history, and has names like everything that is put out.
fn said(state: &State, step: &str, ending: &Ending) -> Vec<Attachment> {
    let task = state.step(step).map(|step| &step.task);
    let Some(task) = task.filter(|task| task.tool == SIGNAL) else { return Vec::new() };
    let Ending::Done(output) = ending else { return Vec::new() };
    if output.value.is_null() {
        return Vec::new();
    }
    let text = output.value.to_string();
    let attachment = |name: &String| Attachment {
        name: name.clone(),
        content: Content::Kept {
            blob: blob_of(text.as_bytes()).to_string(),
            bytes: text.len() as u64,
        },
        media: Media::Json,
    };
    task.outputs.iter().map(attachment).collect()
}

/// What a run has recorded under this name, and nobody else keeps.
pub(crate) fn in_history(run: &Run, blob: Blob) -> Option<Vec<u8>> {
    let signals = run.steps.iter().filter(|step| step.tool == SIGNAL);
    let mut texts = signals.filter_map(|step| Some(step.output.as_ref()?.to_string()));
    texts.find(|text| blob_of(text.as_bytes()) == blob).map(String::into_bytes)
}

fn blob_of(bytes: &[u8]) -> Blob {
    Blob::from_hash(Sha256::digest(bytes).into())
}

fn settle(step: &mut run::Step, settled: &Settled, at: Timestamp) {
    let by = match settled.by {
        By::Check => settled.evidence.clone(),
        By::Person => "a person has said so".to_owned(),
    };
    let verdict = if settled.happened { "happened" } else { "did not happen" };
    close_doubt(step, at, || format!("{verdict}: {by}"));
    step.state = if settled.happened { StepState::Done } else { StepState::Waiting };
    if settled.happened {
        end_attempt(step, at, "done", Some(by));
    }
}

fn close_doubt(step: &mut run::Step, at: Timestamp, verdict: impl FnOnce() -> String) {
    if let Some(doubt) = step.doubts.last_mut().filter(|doubt| doubt.settled_at.is_none()) {
        doubt.settled_at = Some(at);
        doubt.verdict = Some(verdict());
    }
}

fn end_attempt(step: &mut run::Step, at: Timestamp, word: &str, story: Option<String>) {
    if let Some(attempt) = step.attempts.last_mut().filter(|attempt| attempt.ended_at.is_none()) {
        attempt.ended_at = Some(at);
        attempt.outcome = Some(word.to_owned());
        attempt.story = story;
    }
}

fn word(failure: &Failure) -> &'static str {
    use domain::tool::Class;
    match failure.class {
        Class::Refused => "refused",
        Class::Busy { .. } => "busy",
        Class::Failed => "failed",
        Class::Unknown => "unknown",
        Class::Stopped => "stopped",
        Class::Going => "goes on",
    }
}
