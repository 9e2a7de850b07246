//! Conversations, for the doors.

use std::sync::Arc;
use std::time::Duration;

use domain::BoxFuture;
use domain::conversation::{Input, Session as Shown, Taken};
use domain::id::{Address, Id, Kind};
use domain::journal::{Journal, Post, Undeliverable};
use domain::run::Error;
use domain::time::{Clock, Dice};
use domain::tool::Tools;
use domain::wire::Written;
use plan::script::Script;
use runtime::durable::{Mail, past};

use crate::brief::{self, Limits};
use crate::runs::{answered, faults};
use crate::session::{self, Answer, Session};

/// How long somebody at the door waits for a session to hear.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// The port, over the entities of this node.
pub struct Sessions {
    pub mail: Mail,
    pub journal: Arc<dyn Journal>,
    pub tools: Arc<dyn Tools>,
    pub clock: Arc<dyn Clock>,
    pub dice: Arc<dyn Dice>,
    pub limits: Limits,
}

impl Sessions {
    async fn say(
        &self,
        session: Option<Address>,
        input: Input,
        key: Option<String>,
    ) -> Result<Taken, Error> {
        let text = match input {
            Input::Script(text) => text,
            Input::Text(_) => {
                let why = "nobody here plans what is asked in words yet: send a script";
                return Err(Error::Refused(why.to_owned()));
            }
        };
        let script = Script::parse(&text, &self.limits.script()).map_err(faults)?;
        let brief = brief::resolve(&script, &*self.tools, &self.limits).map_err(Error::Faults)?;
        let roll = || Id::roll(self.clock.now(), &*self.dice);
        // A session that is begun under a key is found again under it.
        let id = || key.as_deref().map_or_else(roll, crate::named);
        let to = session.unwrap_or_else(|| Address { kind: Kind::Session, id: id() });
        known(to)?;
        let post = Post {
            to,
            key: key.clone().unwrap_or_else(|| roll().to_string()).into(),
            from: None,
            opens: session.is_none(),
            body: session::Post::Turn(session::Turn { brief }).write(),
            at: self.clock.now(),
        };
        match answered(self.mail.ask(post, HEARD_WITHIN).await)? {
            Some(Answer::Turn(turn)) => Ok(Taken { session: to, turn }),
            Some(Answer::Refused(why)) => Err(Error::Refused(why)),
            None => Err(Error::Unavailable("it was taken, and not answered yet".to_owned())),
        }
    }

    async fn show(&self, session: Address) -> Result<Shown, Error> {
        known(session)?;
        let history = past::<Session>(&*self.journal, session).await.map_err(Error::Journal)?;
        let told = session::tell::session(session, &history);
        told.ok_or_else(|| Undeliverable::Unknown(session).into())
    }
}

fn known(session: Address) -> Result<(), Error> {
    match session.kind {
        Kind::Session => Ok(()),
        Kind::Plan => Err(Undeliverable::Unknown(session).into()),
    }
}

impl domain::conversation::Sessions for Sessions {
    fn say(
        &self,
        session: Option<Address>,
        input: Input,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Taken, Error>> {
        Box::pin(self.say(session, input, key))
    }

    fn show(&self, session: Address) -> BoxFuture<'_, Result<Shown, Error>> {
        Box::pin(self.show(session))
    }
}
