//! The workers of a replay, and whoever writes down what becomes of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::BoxError;
use runtime::{Actor, Context, Handle, Leave, Message, Next, Sight, Witness};
use tokio::sync::Notify;

use super::{Line, Reason};

/// Tells a puppet to end by itself.
pub(super) struct End(pub(super) Reason);

impl Message for End {}

/// A worker that does what the history says.
#[derive(Clone)]
pub(super) struct Puppet {
    pub(super) path: String,
    pub(super) fails: Vec<u32>,
    pub(super) stubborn: bool,
    pub(super) recorder: Arc<Recorder>,
}

impl Actor for Puppet {
    type Message = End;

    async fn init(&mut self, cx: &mut Context<End>) -> Result<(), BoxError> {
        let mut book = self.recorder.book();
        let attempt = book.attempts.get(&self.path).copied().unwrap_or(0) + 1;
        if self.fails.contains(&attempt) {
            return Err("as the history says".into());
        }
        book.puppets.insert(self.path.clone(), cx.myself());
        Ok(())
    }

    async fn handle(&mut self, End(reason): End, _cx: &mut Context<End>) -> Result<Next, BoxError> {
        match reason {
            Reason::Normal => Ok(Next::Done),
            Reason::Shutdown => Ok(Next::Shutdown),
            Reason::Error | Reason::Kill => Err("as the history says".into()),
        }
    }

    async fn leave(&mut self, why: Leave, _cx: &mut Context<End>) {
        if self.stubborn && why == Leave::Asked {
            std::future::pending::<()>().await;
        }
    }
}

/// Writes down what happens, in the order it is known.
#[derive(Default)]
pub(super) struct Recorder {
    book: Mutex<Book>,
    pub(super) news: Notify,
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) lines: Vec<Line>,
    /// Attempts to start each path, over the whole history.
    pub(super) attempts: BTreeMap<String, u32>,
    /// The attempt by which a path is alive now.
    pub(super) alive: HashMap<String, u32>,
    ever: HashSet<String>,
    /// How to reach whoever was born last at each path.
    puppets: HashMap<String, Handle<End>>,
}

impl Recorder {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is alive at this path, and by which attempt.
    pub(super) fn puppet(&self, path: &str) -> Option<(u32, Handle<End>)> {
        let book = self.book();
        let life = book.alive.get(path)?;
        Some((*life, book.puppets.get(path)?.clone()))
    }

    pub(super) fn life(&self, path: &str) -> Option<u32> {
        self.book().alive.get(path).copied()
    }

    pub(super) fn ever_started(&self, path: &str) -> bool {
        self.book().ever.contains(path)
    }

    pub(super) fn drain(&self, lines: &mut Vec<Line>) {
        lines.append(&mut self.book().lines);
    }
}

impl Witness for Recorder {
    fn saw(&self, path: &str, sight: &Sight) {
        let mut book = self.book();
        match sight {
            Sight::Started | Sight::Failed => {
                let n = book.attempts.entry(path.to_owned()).or_default();
                *n += 1;
                let n = *n;
                let path = path.to_owned();
                if *sight == Sight::Started {
                    book.alive.insert(path.clone(), n);
                    book.ever.insert(path.clone());
                    book.lines.push(Line::Started { started: path, n });
                } else {
                    book.lines.push(Line::Failed { failed: path, n });
                }
            }
            Sight::Stopped(exit) => {
                book.alive.remove(path);
                book.puppets.remove(path);
                let reason = exit.word();
                book.lines.push(Line::Stopped { stopped: path.to_owned(), reason });
            }
            Sight::AtRest => {}
        }
        drop(book);
        self.news.notify_waiters();
    }
}
