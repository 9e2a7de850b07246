//! A step: one call of a tool, as a plan owes it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use domain::journal::Journal;
use domain::mutants::{self, Mutant};
use domain::time::Timestamp;
use domain::tool::{Attachment, Call, Class, Content, Failure, Media, Output, Tools};
use runtime::Unserved;
use runtime::durable::{Bench, Job};
use serde_json::Value;

use crate::plan::put;
use crate::plan::wire::Fill;

/// What a tool may take beyond its time, until it is given up: it ends itself before that.
const GRACE: Duration = Duration::from_secs(5);

/// How long a mutant that has said what it has not done puts it off.
const MUTANT_LAG: Duration = Duration::from_millis(50);

/// What steps touch the world with.
#[derive(Clone)]
pub struct Ports {
    pub tools: Arc<dyn Tools>,
    pub journal: Arc<dyn Journal>,
}

/// What a plan owes while a step of it runs.
#[derive(Debug)]
pub struct Step {
    pub(crate) call: Call,
    /// Whoever comes later does nothing: others may have settled by then what became of it.
    pub(crate) until: Timestamp,
    /// What of its arguments is in the store.
    pub(crate) blobs: Vec<Fill>,
    /// What of its output others use, by name.
    pub(crate) outputs: Vec<String>,
}

impl Job for Step {
    type Outcome = Result<Output, Failure>;
    type Ports = Ports;

    async fn perform(self, ports: Ports, bench: Bench<'_>) -> Result<Output, Failure> {
        let Step { mut call, until, blobs, outputs } = self;
        let within = call.within + GRACE;
        let clock = bench.clock();
        let performed = bench.call(within, |stop| async move {
            bring(&mut call, &blobs, &*ports.journal).await?;
            // Looked at in the same breath: between its intent and this the node may have stood still.
            call.within = call.within.min(until.since(clock.now()));
            if call.within.is_zero() {
                return Err(late());
            }
            if mutants::is(Mutant::OutcomeBeforeEffect) {
                clock.sleep(MUTANT_LAG).await;
            }
            let answer = ports.tools.perform(call, stop).await;
            let answer = answer.map(|output| named(output, &outputs));
            put_by(answer, &*ports.journal, clock.now()).await
        });
        if mutants::is(Mutant::OutcomeBeforeEffect) {
            // Looked at once, the call is on its way.
            let mut performed = pin!(performed);
            poll_fn(|cx| Poll::Ready(performed.as_mut().poll(cx).is_ready())).await;
            return Ok(Output::default());
        }
        performed.await.unwrap_or_else(|unserved| Err(unknown(&unserved)))
    }
}

fn late() -> Failure {
    let story = "its time was over before it could begin".to_owned();
    Failure { class: Class::Busy { after_ms: None }, story, output: Output::default() }
}

/// Puts what is in the store where it belongs in the arguments.
async fn bring(call: &mut Call, blobs: &[Fill], journal: &dyn Journal) -> Result<(), Failure> {
    for Fill { at, blob } in blobs {
        let lost = |class, why: &str| Failure {
            class,
            story: format!("what it uses as {} cannot be read: {why}", at.join(".")),
            output: Output::default(),
        };
        let missing = || lost(Class::Refused, "it is not in the journal");
        let name = blob.parse().map_err(|_| missing())?;
        let kept = journal.blob(name).await;
        let kept =
            kept.map_err(|error| lost(Class::Busy { after_ms: None }, &error.to_string()))?;
        let text = String::from_utf8(kept.ok_or_else(missing)?);
        let text = text.map_err(|_| lost(Class::Refused, "it is no text"))?;
        put(&mut call.args, at, Value::String(text));
    }
    Ok(())
}

/// Whatever others use stands in an output under the name they use. What a tool has named itself
/// keeps its name; else it is what it attached in this place, or what it said.
fn named(mut output: Output, names: &[String]) -> Output {
    let brought = output.attachments.len();
    for (at, name) in names.iter().enumerate() {
        if output.attachments.iter().any(|attachment| attachment.name == *name) {
            continue;
        }
        let (content, media) = match output.attachments.get(at).filter(|_| at < brought) {
            Some(attachment) => (attachment.content.clone(), attachment.media),
            None => said(&output.value),
        };
        output.attachments.push(Attachment { name: name.clone(), content, media });
    }
    output
}

/// What a command has written; of anything else all of it.
fn said(value: &Value) -> (Content, Media) {
    match value["stdout"].as_str() {
        Some(written) => (Content::Bytes(written.as_bytes().to_vec()), Media::Text),
        None => (Content::Bytes(value.to_string().into_bytes()), Media::Json),
    }
}

fn unknown(unserved: &Unserved) -> Failure {
    let story = format!("the tool has not ended in time: {unserved}");
    Failure { class: Class::Unknown, story, output: Output::default() }
}

/// Whatever is too big to be recorded goes into the store first, and is named from then on.
async fn put_by(
    answer: Result<Output, Failure>,
    journal: &dyn Journal,
    now: Timestamp,
) -> Result<Output, Failure> {
    match answer {
        Ok(mut output) => {
            keep_all(&mut output, journal, now).await;
            Ok(output)
        }
        Err(mut failure) => {
            keep_all(&mut failure.output, journal, now).await;
            Err(failure)
        }
    }
}

async fn keep_all(output: &mut Output, journal: &dyn Journal, now: Timestamp) {
    for attachment in &mut output.attachments {
        let Content::Bytes(bytes) = &mut attachment.content else { continue };
        let bytes = std::mem::take(bytes);
        let length = bytes.len() as u64;
        attachment.content = match journal.keep(bytes, now).await {
            Ok(blob) => Content::Kept { blob: blob.to_string(), bytes: length },
            // What has happened has: a lost text is no reason not to say so.
            Err(error) => Content::Lost { why: error.to_string(), bytes: length },
        };
    }
}
