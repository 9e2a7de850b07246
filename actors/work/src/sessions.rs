//! Conversations, for the doors.

use std::sync::Arc;

use domain::BoxFuture;
use domain::conversation::{Input, Session as Shown, Taken};
use domain::id::{Address, Kind};
use domain::journal::{Post, Undeliverable};
use domain::run::{Error, Request};
use runtime::durable::past;

use crate::desk::{Desk, known};
use crate::session::{self, Answer, Session};

/// The port, over the entities of this node.
pub struct Sessions {
    pub desk: Arc<Desk>,
}

impl Sessions {
    async fn say(
        &self,
        session: Option<Address>,
        input: Input,
        key: Option<String>,
    ) -> Result<Taken, Error> {
        let desk = &self.desk;
        let text = match input {
            Input::Script(text) => text,
            Input::Text(_) => {
                let why = "nobody here plans what is asked in words yet: send a script";
                return Err(Error::Refused(why.to_owned()));
            }
        };
        let brief = desk.resolve(&Request::from(text))?;
        let to = session.unwrap_or_else(|| desk.address(Kind::Session, key.as_deref()));
        known(to, Kind::Session)?;
        let turn = session::Post::Turn(session::Turn { brief });
        let post = Post { opens: session.is_none(), ..desk.post(to, key, &turn) };
        match desk.ask(post).await? {
            Some(Answer::Turn(turn)) => Ok(Taken { session: to, turn }),
            Some(Answer::Refused(why)) => Err(Error::Refused(why)),
            None => Err(Error::Unavailable("it was taken, and not answered yet".to_owned())),
        }
    }

    async fn show(&self, session: Address) -> Result<Shown, Error> {
        known(session, Kind::Session)?;
        let history =
            past::<Session>(&*self.desk.journal, session).await.map_err(Error::Journal)?;
        let told = session::tell::session(session, &history);
        told.ok_or_else(|| Undeliverable::Unknown(session).into())
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
