//! What a node is asked here, in its own words.

use cli::Error;
use domain::approval::{Answered, Approval, ApprovalId};
use domain::backup::Copied;
use domain::id::Address;
use domain::run::{Page, Replayed, Run};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::node::Node;

/// More runs than any store of these checks has, and no more than a page holds.
const RUNS_MAX: u32 = 100;

#[derive(Deserialize)]
struct Opened {
    id: Address,
}

#[derive(Deserialize)]
struct Quarantine {
    entities: Vec<PutAside>,
}

#[derive(Deserialize)]
struct PutAside {
    id: Address,
}

impl Node {
    pub(super) async fn open(&self, plan: String, key: &str) -> Result<Address, Error> {
        let opened = self.client().post("/v1/runs", plan.into_bytes(), Some(key)).await;
        opened.map(|Opened { id }| id)
    }

    /// All runs, the newest first, without what their steps have brought.
    pub(super) async fn runs(&self) -> Result<Vec<Run>, Error> {
        let page = self.client().get(&format!("/v1/runs?limit={RUNS_MAX}")).await;
        page.map(|Page { runs, .. }| runs)
    }

    pub(super) async fn show(&self, run: Address) -> Result<Run, Error> {
        self.client().get(&path(run, "")).await
    }

    /// Its history as it is told, byte for byte.
    pub(super) async fn timeline(&self, run: Address) -> Result<Vec<u8>, Error> {
        self.client().bytes(&path(run, "/timeline")).await
    }

    /// Its history, decided again.
    pub(super) async fn replay(&self, run: Address) -> Result<Replayed, Error> {
        self.client().post(&path(run, "/replay"), Vec::new(), None).await
    }

    /// A run that takes what the other one has recorded.
    pub(super) async fn repeat(&self, run: Address) -> Result<Address, Error> {
        let (body, key) = (body(&json!({"how": "replay"})), format!("replay-{run}"));
        let opened = self.client().post(&path(run, "/descend"), body, Some(&key)).await;
        opened.map(|Opened { id }| id)
    }

    /// The same signal once more is no second one.
    pub(super) async fn signal(&self, run: Address, name: &str) -> Result<(), Error> {
        let (key, signal) = (format!("signal-{run}"), format!("/signals/{name}"));
        let taken = self.client().post(&path(run, &signal), body(&json!({})), Some(&key)).await;
        taken.map(|_: IgnoredAny| ())
    }

    pub(super) async fn approvals(&self) -> Result<Vec<Approval>, Error> {
        #[derive(Deserialize)]
        struct Listed {
            approvals: Vec<Approval>,
        }
        let listed = self.client().get("/v1/approvals").await;
        listed.map(|Listed { approvals }| approvals)
    }

    /// What a person says to it; the first one counts.
    pub(super) async fn answer(&self, id: ApprovalId, granted: bool) -> Result<Answered, Error> {
        let key = format!("{id}-{granted}");
        let saying = body(&json!({"granted": granted}));
        self.client().post(&format!("/v1/approvals/{id}"), saying, Some(&key)).await
    }

    pub(super) async fn put_aside(&self) -> Result<Vec<Address>, Error> {
        let listed = self.client().get("/v1/quarantine").await;
        listed.map(|Quarantine { entities }| entities.iter().map(|aside| aside.id).collect())
    }

    pub(super) async fn back_up(&self, file: &str) -> Result<Copied, Error> {
        self.client().post("/v1/backup", body(&json!({"file": file})), None).await
    }

    /// Whether it begins nothing more.
    pub(super) async fn drains(&self) -> bool {
        let ready: Result<IgnoredAny, Error> = self.client().get("/readyz").await;
        matches!(ready, Err(Error::Refused { status: 503, .. }))
    }
}

fn path(run: Address, part: &str) -> String {
    format!("/v1/runs/{run}{part}")
}

fn body(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
