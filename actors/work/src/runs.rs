//! Runs, for the doors: what people send becomes posts to plans, and what plans have recorded
//! becomes something to look at.

use std::sync::Arc;

use domain::BoxFuture;
use domain::id::{Address, Kind};
use domain::journal::{self, Ordinal, Post, Posted, Seq, Undeliverable};
use domain::records::{self, Place, Query};
use domain::run::{Descending, Error, Page, Question, Rehearsal, Replayed, Request, Run};
use domain::time::Timestamp;
use domain::tool::Content;
use domain::wire::Written;
use runtime::durable;
use serde_json::Value;

use crate::brief::fit;
use crate::descent::descend;
use crate::desk::{Desk, known, trouble, unread};
use crate::plan::{
    self as entity, Answer, Brief, Cancel, Course, Give, Plan, Resume, Settle, Signal,
};
use crate::rehearsal::rehearsal;
use crate::timeline;

/// Looks for a run; it may be heard between the look at its history and that at its inbox.
const LOOKS: u32 = 2;

/// The port, over the entities of this node.
pub struct Runs {
    pub desk: Arc<Desk>,
}

impl Runs {
    async fn begin(&self, brief: Brief, key: Option<String>) -> Result<Address, Error> {
        let desk = &self.desk;
        let to = desk.address(Kind::Plan, key.as_deref());
        let post = Post { opens: true, ..desk.post(to, key, &entity::Post::Open(brief)) };
        match desk.mail.post(post).await {
            Ok(Posted::Taken(_) | Posted::Known(_)) => Ok(to),
            Ok(Posted::Refused(refusal)) => Err(refusal.into()),
            Err(error) => Err(trouble(error)),
        }
    }

    async fn list(&self, before: Option<i64>, limit: u32) -> Result<Page, Error> {
        let query = Query { kind: Some(Kind::Plan), before: before.map(Place), ..Query::default() };
        let entries = self.desk.records.entities(query, limit).await.map_err(trouble)?;
        let is_last = entries.len() < limit as usize;
        let next = entries.last().map(|entry| entry.place.0).filter(|_| !is_last);
        let mut runs = Vec::with_capacity(entries.len());
        for entry in entries {
            let mut run = match self.look(entry.entity).await {
                Ok(run) => run,
                Err(Error::Refused(_)) => entity::tell::unread(&entry),
                // It went while this was looked at.
                Err(Error::Undeliverable(_)) => continue,
                Err(error) => return Err(error),
            };
            run.quarantined = entry.reason.filter(|_| entry.state == records::State::Quarantined);
            for step in &mut run.steps {
                step.output = None;
                step.attachments.clear();
            }
            runs.push(run);
        }
        Ok(Page { runs, next })
    }

    async fn show(&self, run: Address) -> Result<Run, Error> {
        let mut told = self.look(run).await?;
        if !told.state.is_final() {
            let entry = self.desk.records.entity(run).await.map_err(trouble)?;
            let aside = entry.filter(|entry| entry.state == records::State::Quarantined);
            told.quarantined = aside.map(|entry| entry.reason.unwrap_or_default());
        }
        Ok(told)
    }

    async fn look(&self, run: Address) -> Result<Run, Error> {
        for _ in 0..LOOKS {
            let history = self.desk.history(run).await?;
            if let Some(told) = entity::tell::run(run, &history) {
                return Ok(told);
            }
            if let Some(pending) = self.pending(run).await? {
                return Ok(pending);
            }
        }
        Err(Undeliverable::Unknown(run).into())
    }

    /// One whose plan has not heard yet that it is to be opened.
    async fn pending(&self, run: Address) -> Result<Option<Run>, Error> {
        let opening = self.opening(run).await?;
        Ok(opening.map(|(brief, sent_at)| entity::tell::pending(run, &brief, sent_at)))
    }

    /// What waits to be opened, and since when.
    async fn opening(&self, run: Address) -> Result<Option<(Brief, Timestamp)>, Error> {
        let waiting = self.desk.journal.inbox(run, Ordinal::default(), 1).await.map_err(trouble)?;
        Ok(waiting.first().and_then(|waiting| match entity::Post::read(&waiting.post.body) {
            Ok(entity::Post::Open(brief)) => Some((brief, waiting.post.at)),
            Ok(
                entity::Post::Cancel(_)
                | entity::Post::Settle(_)
                | entity::Post::Answer(_)
                | entity::Post::Signal(_)
                | entity::Post::Give(_)
                | entity::Post::Resume(_),
            )
            | Err(_) => None,
        }))
    }

    async fn questions(&self, limit: u32) -> Result<Vec<Question>, Error> {
        let mut questions = Vec::new();
        for run in self.desk.asking().await? {
            // As in the list: one that cannot be read keeps nobody from the others.
            let Ok(history) = self.desk.history(run).await else { continue };
            questions.extend(entity::tell::questions(run, &history));
        }
        questions.sort_by_key(|question: &Question| question.since);
        questions.truncate(limit as usize);
        Ok(questions)
    }

    /// What the plan says to it; nothing where it only takes it.
    async fn ask(
        &self,
        run: Address,
        key: Option<String>,
        post: entity::Post,
    ) -> Result<Option<Answer>, Error> {
        known(run, Kind::Plan)?;
        match self.desk.ask(self.desk.post(run, key, &post)).await? {
            Some(Answer::Refused(why)) => Err(Error::Refused(why)),
            Some(Answer::Unawaited(why)) => Err(Error::Unawaited(why)),
            Some(answer @ (Answer::Taken | Answer::Verdict { .. } | Answer::Version(_))) => {
                Ok(Some(answer))
            }
            None => Ok(None),
        }
    }

    async fn tell(
        &self,
        run: Address,
        key: Option<String>,
        post: entity::Post,
    ) -> Result<(), Error> {
        self.ask(run, key, post).await.map(|_| ())
    }

    async fn give(&self, run: Address, give: Give, key: Option<String>) -> Result<u64, Error> {
        let Give { name, value, version } = give;
        let brief = self.brief(run).await?;
        let fit = |course: &Course| fit(course, &self.desk.limits, &name, value.clone());
        let value = match brief.course.as_deref().map(fit) {
            // It takes none, and says so.
            None => value,
            Some(Ok(value)) => value,
            Some(Err(expected)) => {
                let why = format!("`{name}` is {value}, and must be {expected}: its plan says so");
                let entry = self.desk.records.entity(run).await.map_err(trouble)?;
                let is_over = entry.is_some_and(|entry| entry.state == records::State::Closed);
                let over = || Undeliverable::Closed(run).into();
                return Err(if is_over { over() } else { Error::Refused(why) });
            }
        };
        match self.ask(run, key, entity::Post::Give(Give { name, value, version })).await? {
            Some(Answer::Version(version)) => Ok(version),
            Some(
                Answer::Taken | Answer::Refused(_) | Answer::Verdict { .. } | Answer::Unawaited(_),
            )
            | None => Err(Error::Unavailable("it was taken, and not answered".to_owned())),
        }
    }

    async fn descend(
        &self,
        run: Address,
        descending: Descending,
        key: Option<String>,
    ) -> Result<Address, Error> {
        // Whoever asks again under its key has it, whatever became of the other run since.
        if let Some(begun) = self.begun(key.as_deref()).await? {
            return Ok(begun);
        }
        let history = self.desk.history(run).await?;
        if history.is_empty() {
            self.look(run).await?;
        }
        let Desk { tools, limits, .. } = &*self.desk;
        let brief = descend(&**tools, limits, run, &history, &descending)?;
        self.begin(brief, key).await
    }

    /// The run that was begun under a key.
    async fn begun(&self, key: Option<&str>) -> Result<Option<Address>, Error> {
        if key.is_none() {
            return Ok(None);
        }
        let run = self.desk.address(Kind::Plan, key);
        let known = self.desk.records.entity(run).await.map_err(trouble)?;
        Ok(known.map(|_| run))
    }

    async fn timeline(&self, run: Address, after: u64, limit: u32) -> Result<Vec<String>, Error> {
        known(run, Kind::Plan)?;
        let events = self.desk.journal.history(run, Seq(after), limit).await.map_err(trouble)?;
        if events.is_empty() && self.desk.records.entity(run).await.map_err(trouble)?.is_none() {
            self.look(run).await?;
        }
        Ok(events.iter().map(timeline::line).collect())
    }

    async fn plan(&self, run: Address) -> Result<String, Error> {
        self.brief(run).await.map(|brief| timeline::plan(&brief))
    }

    /// What a run began with, or will.
    async fn brief(&self, run: Address) -> Result<Brief, Error> {
        known(run, Kind::Plan)?;
        for _ in 0..LOOKS {
            let mut first = self.desk.journal.history(run, Seq(0), 1).await.map_err(trouble)?;
            let opened = first.pop().map(|event| entity::Event::read(&event.body));
            if let Some(Ok(entity::Event::Opened(opened))) = opened {
                return Ok(opened.brief);
            }
            if let Some((brief, _)) = self.opening(run).await? {
                return Ok(brief);
            }
        }
        Err(Undeliverable::Unknown(run).into())
    }

    async fn artifact(&self, run: Address, name: &str) -> Result<Vec<u8>, Error> {
        // One that is not there is told so, whatever is asked for.
        self.brief(run).await?;
        let missing = || Error::Missing(format!("{run} has brought nothing of the name {name}"));
        let blob = name.parse().map_err(|_| missing())?;
        if self.desk.records.names(run, blob).await.map_err(trouble)? {
            let kept = self.desk.journal.blob(blob).await.map_err(trouble)?;
            return kept.ok_or_else(missing);
        }
        let told = self.look(run).await?;
        entity::tell::in_history(&told, blob).ok_or_else(missing)
    }

    async fn attachment(&self, run: Address, step: &str, name: &str) -> Result<Vec<u8>, Error> {
        let told = self.look(run).await?;
        let found = told.steps.iter().find(|told| told.id == step).ok_or_else(|| {
            Error::Refused(format!("it has no step {step}: `lares run show {run}` lists them"))
        })?;
        let all = || found.attachments.iter().map(|attachment| attachment.name.as_str());
        let Some(attachment) = found.attachments.iter().find(|found| found.name == name) else {
            let which = match found.attachments.is_empty() {
                true => "`lares run show` shows all that it has brought".to_owned(),
                false => format!("it has {}", all().collect::<Vec<_>>().join(" and ")),
            };
            return Err(Error::Refused(format!("step {step} has no attachment {name}: {which}")));
        };
        let lost = |why: &str| Error::Refused(format!("{name} of step {step} is lost: {why}"));
        let blob = match &attachment.content {
            Content::Kept { blob, .. } => blob.parse().ok(),
            Content::Lost { why, .. } => return Err(lost(why)),
            Content::Bytes(_) => None,
        };
        let blob = blob.ok_or_else(|| lost("its name cannot be read"))?;
        if let Some(bytes) = entity::tell::in_history(&told, blob) {
            return Ok(bytes);
        }
        let kept = self.desk.journal.blob(blob).await.map_err(trouble)?;
        kept.ok_or_else(|| lost("it is not in the journal"))
    }

    async fn replay(&self, run: Address) -> Result<Replayed, Error> {
        let events = self.show(run).await?.seq;
        let replayed = durable::replay::<Plan>(&*self.desk.journal, run).await;
        Ok(match replayed.map_err(|error| unread(run, error))? {
            durable::Replayed::Same { turns } => Replayed::Same { turns, events },
            durable::Replayed::Different { seq, recorded, decided } => Replayed::Different {
                seq: seq.0,
                recorded: shown(recorded.as_ref()),
                decided: shown(decided.as_ref()),
            },
        })
    }
}

/// An event as a person reads it.
fn shown(body: Option<&journal::Body>) -> String {
    match body.map(entity::Event::read) {
        Some(Ok(event)) => format!("{event:?}"),
        Some(Err(unread)) => unread.to_string(),
        None => "nothing".to_owned(),
    }
}

impl domain::run::Runs for Runs {
    fn open(&self, request: Request, key: Option<String>) -> BoxFuture<'_, Result<Address, Error>> {
        Box::pin(async move { self.begin(self.desk.resolve(&request)?, key).await })
    }

    fn rehearse(&self, request: Request) -> BoxFuture<'_, Result<Rehearsal, Error>> {
        Box::pin(async move { Ok(rehearsal(&self.desk.resolve(&request)?)) })
    }

    fn list(&self, before: Option<i64>, limit: u32) -> BoxFuture<'_, Result<Page, Error>> {
        Box::pin(self.list(before, limit))
    }

    fn show(&self, run: Address) -> BoxFuture<'_, Result<Run, Error>> {
        Box::pin(self.show(run))
    }

    fn cancel(
        &self,
        run: Address,
        reason: String,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.tell(run, key, entity::Post::Cancel(Cancel { reason })))
    }

    fn attachment(
        &self,
        run: Address,
        step: String,
        name: String,
    ) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        Box::pin(async move { self.attachment(run, &step, &name).await })
    }

    fn replay(&self, run: Address) -> BoxFuture<'_, Result<Replayed, Error>> {
        Box::pin(self.replay(run))
    }

    fn questions(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Question>, Error>> {
        Box::pin(self.questions(limit))
    }

    fn settle(
        &self,
        run: Address,
        step: String,
        happened: bool,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>> {
        let settle = entity::Post::Settle(Settle { step, happened });
        Box::pin(self.tell(run, key, settle))
    }

    fn signal(
        &self,
        run: Address,
        name: String,
        data: Value,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.tell(run, key, entity::Post::Signal(Signal { name, data })))
    }

    fn give(
        &self,
        run: Address,
        input: String,
        value: Value,
        version: Option<u64>,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(self.give(run, Give { name: input, value, version }, key))
    }

    fn resume(
        &self,
        run: Address,
        note: Option<String>,
        at: Option<u32>,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.tell(run, key, entity::Post::Resume(Resume { note, at })))
    }

    fn descend(
        &self,
        run: Address,
        descending: Descending,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Address, Error>> {
        Box::pin(self.descend(run, descending, key))
    }

    fn timeline(
        &self,
        run: Address,
        after: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(self.timeline(run, after, limit))
    }

    fn plan(&self, run: Address) -> BoxFuture<'_, Result<String, Error>> {
        Box::pin(self.plan(run))
    }

    fn artifact(&self, run: Address, blob: String) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        Box::pin(async move { self.artifact(run, &blob).await })
    }
}
