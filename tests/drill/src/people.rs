//! Who uses the node of the drill: a client that sends everything twice, and people who are asked.

use domain::approval::{Approval, Approvals as _, Saying};
use domain::journal::{Post, Posted};
use domain::run::Runs as _;
use domain::wire::Written;
use futures::future::join;
use futures::{StreamExt, stream};
use serde_json::json;
use work::plan::{self as entity, Brief, Signal};

use crate::node::House;
use crate::script;
use crate::trail::Said;

/// Questions that one look answers.
const QUESTIONS: u32 = 10_000;
/// Answers that may be under way at a time.
const ANSWERS: usize = 16;
/// Of so many looks at an approval one leaves it for later, and of so many answers one is a no.
const THINKS_EVERY: u64 = 3;
const DENIES_EVERY: u64 = 8;

/// As a client is that has lost its answer: the same request comes twice.
pub(crate) struct Client<'a> {
    pub(crate) house: &'a House,
    /// Under keys of its own.
    pub(crate) again: bool,
}

impl Client<'_> {
    pub(crate) async fn open(&self, number: u32) -> anyhow::Result<()> {
        let (plan, brief) = (script::plan(number), self.brief(number)?);
        let key = if self.again { "again" } else { "open" };
        for _ in 0..2 {
            let post = self.post(number, key, &entity::Post::Open(brief.clone()));
            let ordinal = match self.house.mail.post(Post { opens: true, ..post }).await? {
                Posted::Taken(ordinal) => Some(ordinal.0),
                Posted::Known(_) => None,
                // Whatever it is, it is final.
                Posted::Refused(_) => continue,
            };
            self.house.trail.write(plan, Said::Accepted { again: self.again, ordinal });
        }
        Ok(())
    }

    /// Long before anybody waits for it, or when that is over.
    pub(crate) async fn signal(&self, number: u32) -> anyhow::Result<()> {
        for _ in 0..2 {
            let signal = Signal { name: script::SIGNAL.to_owned(), data: json!({ "n": number }) };
            let post = self.post(number, "signal", &entity::Post::Signal(signal));
            self.house.mail.post(post).await?;
        }
        Ok(())
    }

    fn post(&self, number: u32, key: &str, post: &entity::Post) -> Post {
        let (to, at) = (script::plan(number), self.house.runs.desk.clock.now());
        Post { to, key: key.into(), from: None, opens: false, body: post.write(), at }
    }

    fn brief(&self, number: u32) -> anyhow::Result<Brief> {
        let desk = &self.house.runs.desk;
        Ok(work::read(&script::text(number).into(), &*desk.tools, &desk.limits)?)
    }
}

/// Whoever is asked.
pub(crate) struct People<'a> {
    pub(crate) house: &'a House,
}

impl People<'_> {
    /// Says what became of what only a person can tell, after a look at the ledger.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let House { runs, world, .. } = self.house;
        // A history that cannot be read and is not put aside yet hides all questions.
        for question in runs.questions(QUESTIONS).await.unwrap_or_default() {
            let key = format!("{}/{}", question.run, question.step);
            let happened = world.has_happened(&key)?;
            // Refused or late, it is asked again.
            let _ = runs.settle(question.run, question.step, happened, None).await;
        }
        Ok(())
    }

    /// Whatever waits for an approval gets two answers that contradict each other, now or later.
    pub(crate) async fn allow(&self) {
        let waiting = self.house.approvals.list(QUESTIONS).await.unwrap_or_default();
        let answers = stream::iter(waiting).map(async |approval| {
            if self.is_one_in(THINKS_EVERY) {
                return;
            }
            let granted = !self.is_one_in(DENIES_EVERY);
            join(self.say(&approval, granted), self.say(&approval, !granted)).await;
        });
        answers.buffer_unordered(ANSWERS).collect::<()>().await;
    }

    /// Somebody who does so once more under the same key.
    async fn say(&self, approval: &Approval, granted: bool) {
        let by = self.house.runs.desk.dice.roll() as u32;
        for _ in 0..2 {
            let digest = Some(approval.digest.clone());
            let saying = Saying { granted, note: None, digest };
            let key = Some(format!("{}/{by}", approval.id));
            // Late or refused, it waits for the next look.
            if let Ok(told) = self.house.approvals.answer(approval.id, saying, key).await {
                let (verdict, is_first) = (told.verdict, told.is_first);
                let said = Said::Told { number: approval.id.number, by, verdict, is_first };
                self.house.trail.write(approval.run, said);
            }
        }
    }

    fn is_one_in(&self, bound: u64) -> bool {
        self.house.runs.desk.dice.roll().is_multiple_of(bound)
    }
}
