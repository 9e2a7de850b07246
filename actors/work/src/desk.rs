//! What both doors to work need, and the ways that both go: what is asked becomes a post, and what
//! an entity says to it an answer.

use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use domain::id::{Address, Id, Kind};
use domain::journal::{self, Journal, Post, Undeliverable};
use domain::records::{self, Query, Records};
use domain::run::{Error, Request};
use domain::time::{Clock, Dice};
use domain::tool::Tools;
use domain::wire::Written;
use runtime::durable::{Mail, Past, Unheard, past};
use serde::de::DeserializeOwned;

use crate::brief::{self, Limits};
use crate::plan::{Brief, Event, Plan};

/// Entities that one look brings.
const PAGE: u32 = 256;
/// Runs that are looked through for questions.
const ASKING_MAX: u32 = 16 * PAGE;
/// How long somebody at the door waits for an entity to hear.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// The way to the entities of this node, and to what they have recorded.
pub struct Desk {
    pub mail: Mail,
    pub journal: Arc<dyn Journal>,
    pub records: Arc<dyn Records>,
    pub tools: Arc<dyn Tools>,
    pub clock: Arc<dyn Clock>,
    pub dice: Arc<dyn Dice>,
    pub limits: Limits,
}

impl Desk {
    pub(crate) fn resolve(&self, request: &Request) -> Result<Brief, Error> {
        brief::read(request, &*self.tools, &self.limits)
    }

    /// All that a run has recorded.
    pub(crate) async fn history(&self, run: Address) -> Result<Vec<Past<Event>>, Error> {
        known(run, Kind::Plan)?;
        past::<Plan>(&*self.journal, run).await.map_err(|error| unread(run, error))
    }

    /// The runs that wait for a person, the newest first.
    pub(crate) async fn asking(&self) -> Result<Vec<Address>, Error> {
        let mut asking = Vec::new();
        let mut before = None;
        // Beyond that many people have more urgent questions.
        for _ in 0..ASKING_MAX / PAGE {
            let (kind, state) = (Some(Kind::Plan), Some(records::State::Open));
            let query = Query { kind, state, asks: true, before };
            let entries = self.records.entities(query, PAGE).await.map_err(trouble)?;
            let Some(last) = entries.last() else { break };
            before = Some(last.place);
            asking.extend(entries.iter().map(|entry| entry.entity));
        }
        Ok(asking)
    }

    fn roll(&self) -> Id {
        Id::roll(self.clock.now(), &*self.dice)
    }

    /// One that is not there yet. Whatever begins under a key is found again under it.
    pub(crate) fn address(&self, kind: Kind, key: Option<&str>) -> Address {
        Address { kind, id: key.map_or_else(|| self.roll(), crate::named) }
    }

    /// Without a key it is a request of its own.
    pub(crate) fn post(&self, to: Address, key: Option<String>, post: &impl Written) -> Post {
        let key = key.unwrap_or_else(|| self.roll().to_string()).into();
        Post { to, key, from: None, opens: false, body: post.write(), at: self.clock.now() }
    }

    /// What the entity says to it; nothing where it had nothing to say.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, post: Post) -> Result<Option<T>, Error> {
        let answer = self.mail.ask(post, HEARD_WITHIN).await.map_err(|unheard| match unheard {
            Unheard::Undeliverable(refusal) => refusal.into(),
            Unheard::Journal(error) => trouble(error),
            Unheard::Late(_) | Unheard::Dead(_) => Error::Unavailable(unheard.to_string()),
        })?;
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        answer.map(read).transpose().map_err(|error| Error::Journal(error.into()))
    }
}

/// Whoever has a history that cannot be read is put aside, or is about to be.
pub(crate) fn unread(run: Address, error: BoxError) -> Error {
    match error.downcast::<journal::Error>() {
        Ok(error) => match *error {
            journal::Error::Unavailable(why) => Error::Unavailable(why),
            journal::Error::Store(_) => Error::Journal(error),
            journal::Error::Unreadable { .. }
            | journal::Error::Spoiled { .. }
            | journal::Error::Unkept(_)
            | journal::Error::TooBig(_) => aside(run, &*error),
        },
        Err(error) => aside(run, &*error),
    }
}

fn aside(run: Address, error: &dyn std::error::Error) -> Error {
    Error::Refused(format!(
        "{error}: look at it with `lares quarantine show {run}`; if it had ended, give it up with \
         `lares quarantine discard {run}`"
    ))
}

/// Whoever asks for an entity of another kind asks for none that there is.
pub(crate) fn known(address: Address, kind: Kind) -> Result<(), Error> {
    match address.kind == kind {
        true => Ok(()),
        false => Err(Undeliverable::Unknown(address).into()),
    }
}

pub(crate) fn trouble(error: journal::Error) -> Error {
    match error {
        journal::Error::Unavailable(why) => Error::Unavailable(why),
        journal::Error::Unreadable { .. }
        | journal::Error::Spoiled { .. }
        | journal::Error::Unkept(_)
        | journal::Error::TooBig(_)
        | journal::Error::Store(_) => Error::Journal(error.into()),
    }
}
