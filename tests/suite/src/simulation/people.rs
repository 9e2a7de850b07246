//! What people want of a node, what they are told, and the desk they come to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::BoxError;
use domain::approval::{self, ApprovalId, Approvals as _, Saying};
use domain::id::Address;
use domain::run::{Error, Runs as _};
use kit::world::{Point, Site};
use runtime::durable::Durable;
use runtime::{Actor, Child, Context, Message, Next, Worker};
use serde_json::Value;
use work::{Approvals, Limits, Runs};

/// Something that a person wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    Open {
        plan: String,
    },
    Cancel {
        run: Address,
    },
    Settle {
        run: Address,
        step: String,
        happened: bool,
    },
    /// That something is done, or is not.
    Allow {
        approval: ApprovalId,
        granted: bool,
    },
    Signal {
        run: Address,
        name: String,
        data: Value,
    },
    Give {
        run: Address,
        name: String,
        value: Value,
    },
    /// If it had taken up so many steps, where that is said.
    Resume {
        run: Address,
        at: Option<u32>,
    },
}

/// The same with what became of it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) wish: Wish,
    /// Looks since it was asked for.
    pub(super) looks: u32,
    pub(super) answer: Option<Answer>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Opened(Address),
    Done,
    /// What became of an approval.
    Allowed(approval::Answered),
    Refused(String),
}

/// All that people want, by the keys under which they ask.
#[derive(Default)]
pub(super) struct People(Mutex<BTreeMap<String, Wanted>>);

impl People {
    pub(super) fn wishes(&self) -> MutexGuard<'_, BTreeMap<String, Wanted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish_of(&self, key: &str) -> Option<Wish> {
        self.wishes().get(key).map(|wanted| wanted.wish.clone())
    }

    fn hear(&self, key: &str, answer: Answer) {
        if let Some(wanted) = self.wishes().get_mut(key) {
            wanted.answer.get_or_insert(answer);
        }
    }
}

/// Where people come with their wishes: the door of a node, without its socket.
struct Desk {
    ports: Arc<Ports>,
    people: Arc<People>,
    answered: Point,
}

struct Ports {
    runs: Runs,
    approvals: Approvals,
}

struct Wished(String);

impl Message for Wished {}

impl Actor for Desk {
    type Message = Wished;

    async fn handle(
        &mut self,
        Wished(key): Wished,
        cx: &mut Context<Wished>,
    ) -> Result<Next, BoxError> {
        let Some(wish) = self.people.wish_of(&key) else { return Ok(Next::Go) };
        let (ports, people) = (Arc::clone(&self.ports), Arc::clone(&self.people));
        let (answered, path) = (self.answered.clone(), cx.path());
        cx.spawn(async move {
            if let Some(answer) = ports.fulfil(&key, wish).await {
                answered.reach(&path).await;
                people.hear(&key, answer);
            }
        });
        Ok(Next::Go)
    }
}

impl Ports {
    /// Nothing where nobody can say yet: whoever wants it asks again.
    async fn fulfil(&self, key: &str, wish: Wish) -> Option<Answer> {
        let key = Some(key.to_owned());
        let runs = &self.runs;
        let told = match wish {
            Wish::Open { plan } => runs.open(plan.into(), key).await.map(Answer::Opened),
            Wish::Cancel { run } => done(runs.cancel(run, "enough".to_owned(), key).await),
            Wish::Settle { run, step, happened } => {
                done(runs.settle(run, step, happened, key).await)
            }
            Wish::Allow { approval, granted } => {
                let saying = Saying { granted, note: None, digest: None };
                self.approvals.answer(approval, saying, key).await.map(Answer::Allowed)
            }
            Wish::Signal { run, name, data } => done(runs.signal(run, name, data, key).await),
            Wish::Give { run, name, value } => {
                runs.give(run, name, value, None, key).await.map(|_| Answer::Done)
            }
            Wish::Resume { run, at } => done(runs.resume(run, None, at, key).await),
        };
        match told {
            Ok(answer) => Some(answer),
            Err(Error::Unavailable(_) | Error::Journal(_)) => None,
            Err(refused) => Some(Answer::Refused(refused.to_string())),
        }
    }
}

fn done(told: Result<(), Error>) -> Result<Answer, Error> {
    told.map(|()| Answer::Done)
}

pub(super) fn desk(site: &Site<'_>, durable: &Durable, people: &Arc<People>) -> Child {
    let desk = Arc::new(work::Desk {
        mail: durable.mail(),
        journal: site.journal(),
        records: site.records(),
        tools: site.tools(),
        clock: site.clock(),
        dice: site.dice(),
        limits: Limits::default(),
    });
    let runs = Runs { desk: Arc::clone(&desk) };
    let ports = Arc::new(Ports { runs, approvals: Approvals { desk } });
    let (people, answered) = (Arc::clone(people), site.point("answer"));
    let make = move || Desk {
        ports: Arc::clone(&ports),
        people: Arc::clone(&people),
        answered: answered.clone(),
    };
    let (child, handle) = Worker::new("desk", "desk", make).on(site);
    site.wire().listen("desk", move |letter| {
        // Refused, it is asked for again.
        let _ = handle.tell(Wished(letter.text));
    });
    child
}
