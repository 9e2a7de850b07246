//! Mail: how a door reaches an entity. What it sends is durable before anybody is told.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::id::Address;
use domain::journal::{Error, Fate, Ordinal, Post, Posted, Taken, Undeliverable};
use tokio::sync::oneshot;

use super::entity::Entity;
use super::house::House;
use super::turn::Came;
use crate::patience;

/// For the doors.
#[derive(Clone)]
pub struct Mail(pub(super) Arc<House>);

/// Why a post has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unheard {
    #[error(transparent)]
    Undeliverable(#[from] Undeliverable),
    #[error("it could not be handled and is a dead letter now: {0}")]
    Dead(String),
    #[error("it is taken, and nothing was answered within {0:?}: ask again with the same key")]
    Late(Duration),
    #[error(transparent)]
    Journal(#[from] Error),
}

impl Mail {
    /// Something may wait in the inbox of this entity.
    pub fn ring(&self, address: Address) {
        self.0.ring(address);
    }

    /// Puts a post into an inbox, and returns once that is durable.
    pub async fn post(&self, post: Post) -> Result<Posted, Error> {
        let to = post.to;
        let posted = self.0.journal.post(post).await?;
        if matches!(posted, Posted::Taken(_)) {
            self.ring(to);
        }
        Ok(posted)
    }

    /// Posts, and waits until it was heard: the answer, if there was one.
    pub async fn ask(&self, post: Post, within: Duration) -> Result<Option<Vec<u8>>, Unheard> {
        let (to, key) = (post.to, Arc::clone(&post.key));
        // Before it is there to be heard.
        let asking = Asking::new(&self.0, to, key);
        let again = post.clone();
        match self.post(post).await? {
            Posted::Refused(refusal) => return Err(refusal.into()),
            Posted::Known(Some(answer)) => return Ok(Some(answer)),
            // It may have been heard, or wait still.
            Posted::Known(None) => self.ring(to),
            Posted::Taken(_) => {}
        }
        match self.hear(asking, &again, within).await {
            Some(Some(Fate::Heard(answer))) => Ok(answer),
            Some(Some(Fate::Dead(story))) => Err(Unheard::Dead(story)),
            // It ended without hearing this: the journal says so to whoever asks once more.
            Some(None) => match self.0.journal.post(again).await? {
                Posted::Refused(refusal) => Err(refusal.into()),
                Posted::Known(Some(answer)) => Ok(Some(answer)),
                Posted::Known(None) | Posted::Taken(_) => Err(Unheard::Late(within)),
            },
            None => Err(Unheard::Late(within)),
        }
    }

    /// Waits for what becomes of a post: nothing in time, or nothing at all where its entity ended.
    ///
    /// Another node may have the entity, and nobody tells this one: then the journal is asked now
    /// and then.
    async fn hear(&self, asking: Asking, post: &Post, within: Duration) -> Option<Option<Fate>> {
        let (to, clock) = (post.to, &*self.0.clock);
        let mut heard = pin!(asking.heard());
        let end = clock.monotonic() + within;
        loop {
            let left = end.checked_sub(clock.monotonic()).filter(|left| !left.is_zero())?;
            let fate = patience::within(heard.as_mut(), left.min(LOOK_EVERY), clock).await;
            if fate.is_some() {
                return fate;
            }
            if self.0.seated(to).is_some() {
                continue;
            }
            // A journal that is away is asked again.
            let answer = self.0.journal.answer(to, Arc::clone(&post.key)).await;
            if let Ok(Some(answer)) = answer {
                return Some(Some(Fate::Heard(Some(answer))));
            }
        }
    }
}

/// Between two looks whether another node has answered.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who waits for the answer to a post.
#[derive(Default)]
pub(super) struct Askers(Mutex<HashMap<Address, Vec<Asker>>>);

struct Asker {
    key: Arc<str>,
    number: u64,
    answer: oneshot::Sender<Fate>,
}

/// One who waits, until it is dropped.
struct Asking {
    house: Arc<House>,
    to: Address,
    number: u64,
    answer: Option<oneshot::Receiver<Fate>>,
}

impl Asking {
    fn new(house: &Arc<House>, to: Address, key: Arc<str>) -> Self {
        let (answer, heard) = oneshot::channel();
        let number = house.next_number();
        let asker = Asker { key, number, answer };
        lock(&house.askers.0).entry(to).or_default().push(asker);
        Asking { house: Arc::clone(house), to, number, answer: Some(heard) }
    }

    async fn heard(mut self) -> Option<Fate> {
        self.answer.take()?.await.ok()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut askers = lock(&self.house.askers.0);
        if let Some(of_it) = askers.get_mut(&self.to) {
            of_it.retain(|asker| asker.number != self.number);
            if of_it.is_empty() {
                askers.remove(&self.to);
            }
        }
    }
}

/// The keys of posts in one turn whose answer somebody waits for.
pub(super) struct Asked(Vec<(Ordinal, Arc<str>)>);

impl Askers {
    pub(super) fn of<E: Entity>(&self, me: Address, came: &[Came<E>]) -> Asked {
        let askers = lock(&self.0);
        let Some(askers) = askers.get(&me) else { return Asked(Vec::new()) };
        let posts = came.iter().filter_map(|came| match came {
            Came::Post(waiting) => Some(waiting),
            Came::Ended(..) | Came::Due | Came::Reborn(_) => None,
        });
        let asked =
            posts.filter(|waiting| askers.iter().any(|asker| asker.key == waiting.post.key));
        Asked(asked.map(|waiting| (waiting.ordinal, Arc::clone(&waiting.post.key))).collect())
    }

    /// It hears nothing any more.
    pub(super) fn forget(&self, me: Address) {
        lock(&self.0).remove(&me);
    }

    /// It is on the disk.
    pub(super) fn answer(&self, me: Address, fates: Vec<(Arc<str>, Fate)>) {
        if fates.is_empty() {
            return;
        }
        let mut askers = lock(&self.0);
        let Some(of_it) = askers.get_mut(&me) else { return };
        for (key, fate) in fates {
            for asker in of_it.extract_if(.., |asker| asker.key == key) {
                // Whoever asked may have left.
                let _ = asker.answer.send(fate.clone());
            }
        }
    }
}

impl Asked {
    /// What became of them in this turn.
    pub(super) fn fates(self, taken: &[Taken]) -> Vec<(Arc<str>, Fate)> {
        let fate = |ordinal: Ordinal| taken.iter().find(|taken| taken.ordinal == ordinal);
        let fates = self.0.into_iter();
        fates.filter_map(|(ordinal, key)| Some((key, fate(ordinal)?.fate.clone()))).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
