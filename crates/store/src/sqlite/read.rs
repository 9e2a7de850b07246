//! Reading: short questions on threads of their own, so that nobody waits for the writer.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use domain::BoxError;
use domain::id::Address;
use domain::journal::{Boot, Due, Error, Ordinal, Recorded, Seq, Waiting};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use super::lease::NOW;
use super::rows;
use crate::rows::Walk;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read.
pub(super) struct Readers {
    questions: Option<mpsc::Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    #[expect(clippy::disallowed_methods, reason = "store: an adapter that owns its threads")]
    pub(super) fn start(
        connections: Vec<Connection>,
        queue_max: usize,
    ) -> Result<Self, std::io::Error> {
        let (questions, asked) = mpsc::channel::<Question>(queue_max);
        let asked = Arc::new(Mutex::new(asked));
        let mut threads = Vec::with_capacity(connections.len());
        for (number, connection) in connections.into_iter().enumerate() {
            let asked = Arc::clone(&asked);
            let read = move || {
                loop {
                    let next = asked.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    let Some(question) = next else { return };
                    question(&connection);
                }
            };
            threads.push(thread::Builder::new().name(format!("read-{number}")).spawn(read)?);
        }
        Ok(Readers { questions: Some(questions), threads })
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let gone = || Error::Unavailable("its readers have ended".to_owned());
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            // Whoever asked may have left.
            let _ = reply.send(question(connection));
        });
        let questions = self.questions.as_ref().ok_or_else(gone)?;
        questions.send(question).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.questions = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked has said so.
            let _ = thread.join();
        }
    }
}

pub(super) fn failed(error: rusqlite::Error) -> Error {
    Error::Store(BoxError::from(error))
}

pub(super) fn history(
    connection: &Connection,
    entity: Address,
    after: Seq,
    limit: u32,
) -> Result<Vec<Recorded>, Error> {
    // The head comes along, so that events which are missing at the end are missed.
    let sql = "SELECT seq, events.epoch, at, name, version, body, heard, checksum, head
               FROM entities LEFT JOIN events
                   ON events.entity = entities.entity AND events.seq > ?3
               WHERE kind = ?1 AND id = ?2 ORDER BY seq LIMIT ?4";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let key = params![entity.kind.prefix(), entity.id.to_bytes(), after.0, limit];
    let mut rows = statement.query(key).map_err(failed)?;
    let (mut walk, mut head) = (Walk::after(entity, after), Seq(0));
    while let Some(row) = rows.next().map_err(failed)? {
        head = Seq(row.get(8).map_err(failed)?);
        if row.get_ref(0).is_ok_and(|seq| seq == ValueRef::Null) {
            break;
        }
        walk.take(rows::recorded(entity, row))?;
    }
    walk.end(head, limit)
}

pub(super) fn inbox(
    connection: &Connection,
    entity: Address,
    after: Ordinal,
    limit: u32,
) -> Result<Vec<Waiting>, Error> {
    let sql = "SELECT ordinal, key, from_kind, from_id, name, version, body, at FROM inbox
               WHERE entity = (SELECT entity FROM entities WHERE kind = ?1 AND id = ?2)
               AND state = 0 AND ordinal > ?3 ORDER BY ordinal LIMIT ?4";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let key = params![entity.kind.prefix(), entity.id.to_bytes(), after.0, limit];
    let waiting = statement.query_map(key, |row| rows::waiting(entity, row)).map_err(failed)?;
    waiting.collect::<Result<_, _>>().map_err(failed)
}

pub(super) fn answer(
    connection: &Connection,
    entity: Address,
    key: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT answer FROM inbox
               WHERE entity = (SELECT entity FROM entities WHERE kind = ?1 AND id = ?2)
               AND key = ?3 AND state = 1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let key = params![entity.kind.prefix(), entity.id.to_bytes(), key];
    let answer = statement.query_row(key, |row| row.get(0)).optional().map_err(failed)?;
    Ok(answer.flatten())
}

pub(super) fn due(
    connection: &Connection,
    boot: Boot,
    after: Option<Address>,
    limit: u32,
) -> Result<Vec<Due>, Error> {
    // Those that owe or wake are found by their index, in order; those that are waited for by
    // theirs, and they are few: nobody is looked at who has nothing to do.
    let free = format!(
        "(owner IS NULL OR owner = ?4 OR NOT EXISTS (
             SELECT 1 FROM nodes WHERE boot = owner AND until > {NOW}))"
    );
    let sql = format!(
        "SELECT kind, id, wake_at, owes > 0 OR EXISTS (
             SELECT 1 FROM inbox WHERE inbox.entity = entities.entity AND state = 0)
         FROM entities
         WHERE status = 0 AND (kind, id) > (?1, ?2) AND {free} AND entity IN (
             SELECT entity FROM (
                 SELECT entity FROM entities
                 WHERE status = 0 AND (owes > 0 OR wake_at IS NOT NULL) AND (kind, id) > (?1, ?2)
                     AND {free}
                 ORDER BY kind, id LIMIT ?3)
             UNION SELECT entity FROM inbox WHERE state = 0)
         ORDER BY +kind, +id LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let (kind, id) = match after {
        Some(after) => (after.kind.prefix(), after.id.to_bytes().to_vec()),
        None => ("", Vec::new()),
    };
    let due = statement.query_map(params![kind, id, limit, boot.to_bytes()], |row| {
        let wake_at: Option<u64> = row.get(2)?;
        let at_once: bool = row.get(3)?;
        let at = wake_at.filter(|_| !at_once).map(domain::time::Timestamp::from_millis);
        Ok(Due { entity: rows::address(row, 0)?, at })
    });
    due.map_err(failed)?.collect::<Result<_, _>>().map_err(failed)
}
