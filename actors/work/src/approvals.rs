//! What people are asked, for the doors.

use std::sync::Arc;

use domain::BoxFuture;
use domain::approval::{self, Answered, Approval, ApprovalId, Saying, Verdict};
use domain::id::{Address, Kind};
use domain::journal::Undeliverable;
use domain::run::{Error, Step, StepState};

use crate::desk::{Desk, known};
use crate::plan::{Answer, Post, Said, tell};

/// The port, over the entities of this node.
pub struct Approvals {
    pub desk: Arc<Desk>,
}

impl Approvals {
    async fn list(&self, limit: u32) -> Result<Vec<Approval>, Error> {
        let mut approvals = Vec::new();
        for run in self.desk.asking().await? {
            // One that cannot be read keeps nobody from the others.
            let Ok(steps) = self.steps(run).await else { continue };
            let waiting = steps.into_iter().filter(|step| step.state == StepState::AwaitsApproval);
            approvals.extend(waiting.filter_map(|mut step| step.approvals.pop()));
        }
        approvals.sort_by_key(|approval| (approval.since, approval.id));
        approvals.truncate(limit as usize);
        Ok(approvals)
    }

    async fn steps(&self, run: Address) -> Result<Vec<Step>, Error> {
        let history = self.desk.history(run).await?;
        Ok(tell::run(run, &history).map_or(Vec::new(), |run| run.steps))
    }

    async fn show(&self, id: ApprovalId) -> Result<Approval, Error> {
        let steps = self.steps(id.run).await?.into_iter();
        let mut approvals = steps.flat_map(|step| step.approvals);
        approvals.find(|approval| approval.id == id).ok_or_else(|| {
            Error::Missing(format!("there is no approval {id}: `lares approvals` lists all"))
        })
    }

    /// What is asked now about the step of one that is void.
    async fn instead(&self, id: ApprovalId) -> Result<Option<ApprovalId>, Error> {
        let mut those = self.steps(id.run).await?.into_iter().map(|step| step.approvals);
        let of_step = those.find(|approvals| approvals.iter().any(|approval| approval.id == id));
        let last = of_step.and_then(|mut approvals| approvals.pop());
        Ok(last.filter(|last| last.answer.is_none()).map(|last| last.id))
    }

    async fn answer(
        &self,
        id: ApprovalId,
        saying: Saying,
        key: Option<String>,
    ) -> Result<Answered, Error> {
        known(id.run, Kind::Plan)?;
        let Saying { granted, note, digest } = saying;
        let said = Said { number: id.number, granted, note, digest };
        let post = self.desk.post(id.run, key, &Post::Answer(said));
        match self.desk.ask(post).await {
            Ok(Some(Answer::Verdict { verdict, is_first })) => {
                let instead = match verdict {
                    Verdict::Void => self.instead(id).await?,
                    Verdict::Granted | Verdict::Denied | Verdict::Expired => None,
                };
                Ok(Answered { verdict, is_first, instead })
            }
            Ok(Some(Answer::Refused(why))) => {
                // Whoever names one that was never sought is told so.
                self.show(id).await?;
                Err(Error::Refused(why))
            }
            Ok(Some(Answer::Taken | Answer::Version(_) | Answer::Unawaited(_)) | None) => {
                Err(Error::Unavailable("it was taken, and not answered yet".to_owned()))
            }
            // Its run has ended: what became of it stands.
            Err(Error::Undeliverable(Undeliverable::Closed(_))) => {
                let answer = self.show(id).await?.answer;
                let verdict = answer.map_or(Verdict::Void, |answer| answer.verdict);
                Ok(Answered { verdict, is_first: false, instead: None })
            }
            Err(Error::Undeliverable(Undeliverable::Unknown(_))) => {
                self.show(id).await.and(Err(Error::Undeliverable(Undeliverable::Unknown(id.run))))
            }
            Err(error) => Err(error),
        }
    }
}

impl approval::Approvals for Approvals {
    fn list(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Approval>, Error>> {
        Box::pin(self.list(limit))
    }

    fn show(&self, approval: ApprovalId) -> BoxFuture<'_, Result<Approval, Error>> {
        Box::pin(self.show(approval))
    }

    fn answer(
        &self,
        approval: ApprovalId,
        saying: Saying,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Answered, Error>> {
        Box::pin(self.answer(approval, saying, key))
    }
}
