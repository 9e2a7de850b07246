//! A journal in memory: what `domain::journal` promises, in the plainest form.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::BoxFuture;
use domain::id::Address;
use domain::id::Id;
use domain::journal::{
    Append, Appended, Before, Boot, Claim, Claimed, Due, Epoch, Error, Fate, Journal, Ordinal,
    Outgoing, Post, Posted, Recorded, Seq, Status, Taken, Unclaimed, Undeliverable, Waiting,
};
use domain::time::Timestamp;

/// Posts that may wait for one entity.
const INBOX_MAX: usize = 1_024;

/// Everything that was recorded, for as long as this lives.
#[derive(Default)]
pub struct FakeJournal {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    entities: BTreeMap<Address, Entity>,
    last_ordinal: i64,
    dead: Vec<Dead>,
    audit: Vec<Vec<u8>>,
    /// So many appends are not taken.
    refusals: u32,
    /// So many are taken, and nobody hears of it.
    lost_answers: u32,
}

struct Entity {
    epoch: Epoch,
    owner: Option<Boot>,
    owes: u32,
    wake_at: Option<Timestamp>,
    status: Status,
    format: u16,
    last_append: Option<Id>,
    events: Vec<Recorded>,
    inbox: Vec<Row>,
}

struct Row {
    waiting: Waiting,
    is_taken: bool,
    answer: Option<Vec<u8>>,
}

/// A post that could not be handled, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    pub post: Post,
    pub story: String,
}

impl Entity {
    fn new() -> Self {
        Entity {
            epoch: Epoch(0),
            owner: None,
            owes: 0,
            wake_at: None,
            status: Status::Open,
            format: 0,
            last_append: None,
            events: Vec::new(),
            inbox: Vec::new(),
        }
    }

    fn refusal(&self, address: Address) -> Option<Undeliverable> {
        match &self.status {
            Status::Open => None,
            Status::Closed => Some(Undeliverable::Closed(address)),
            Status::Quarantined(reason) => {
                Some(Undeliverable::Quarantined { address, reason: reason.clone() })
            }
        }
    }

    fn waiting(&self) -> impl Iterator<Item = &Row> {
        self.inbox.iter().filter(|row| !row.is_taken)
    }
}

impl Shelf {
    fn put_in(&mut self, post: Post) -> Ordinal {
        self.last_ordinal += 1;
        let ordinal = Ordinal(self.last_ordinal);
        let entity = self.entities.entry(post.to).or_insert_with(Entity::new);
        let waiting = Waiting { ordinal, post: Post { opens: false, ..post } };
        entity.inbox.push(Row { waiting, is_taken: false, answer: None });
        ordinal
    }

    fn post(&mut self, post: Post) -> Posted {
        let to = post.to;
        match self.entities.get(&to) {
            None if !post.opens => return Posted::Refused(Undeliverable::Unknown(to)),
            None => {}
            Some(entity) => {
                let before = entity.inbox.iter().find(|row| row.waiting.post.key == post.key);
                if let Some(row) = before {
                    return Posted::Known(row.answer.clone());
                }
                if let Some(refusal) = entity.refusal(to) {
                    return Posted::Refused(refusal);
                }
                if entity.waiting().count() >= INBOX_MAX {
                    return Posted::Refused(Undeliverable::Full(to));
                }
            }
        }
        Posted::Taken(self.put_in(post))
    }

    fn claim(&mut self, claim: Claim) -> Result<Claimed, Unclaimed> {
        let Claim { entity: address, boot, format } = claim;
        let unknown = Undeliverable::Unknown(address);
        let entity = self.entities.get_mut(&address).ok_or(unknown)?;
        if let Some(refusal) = entity.refusal(address) {
            return Err(refusal.into());
        }
        if entity.format > format {
            return Err(Unclaimed::TooNew { entity: address, format: entity.format });
        }
        entity.epoch.0 += 1;
        entity.owner = Some(boot);
        Ok(Claimed {
            epoch: entity.epoch,
            head: Seq(entity.events.len() as u64),
            before: if entity.owes > 0 { Before::Crashed } else { Before::Clean },
            wake_at: entity.wake_at,
        })
    }

    fn append(&mut self, append: Append) -> Appended {
        let head = Seq(append.after.0 + append.events.len() as u64);
        let address = append.entity;
        let Some(entity) = self.entities.get_mut(&address) else { return Appended::Superseded };
        if entity.last_append == Some(append.id) {
            let bells = append.posts.iter().map(|outgoing| outgoing.to).collect();
            return Appended::Done { head, bells };
        }
        let is_late = entity.epoch != append.epoch
            || entity.events.len() as u64 != append.after.0
            || entity.status != Status::Open;
        if is_late {
            return Appended::Superseded;
        }
        let mut heard = Some(append.heard);
        for (seq, body) in (append.after.0 + 1..).zip(append.events) {
            let heard = heard.take();
            let recorded =
                Recorded { seq: Seq(seq), epoch: append.epoch, at: append.at, body, heard };
            entity.events.push(recorded);
        }
        entity.owes = append.owes;
        entity.wake_at = append.wake_at;
        entity.status = append.status;
        entity.format = entity.format.max(append.format);
        entity.last_append = Some(append.id);
        let dead = append.taken.into_iter().filter_map(|taken| take(entity, taken)).collect();
        self.dead.extend::<Vec<Dead>>(dead);
        self.audit.extend(append.audit);
        let mut bells = Vec::new();
        for (index, Outgoing { to, opens, body }) in append.posts.into_iter().enumerate() {
            let key = format!("{address}/{}/{index}", head.0).into();
            let post = Post { to, key, from: Some(address), opens, body, at: append.at };
            let refusal = match self.entities.get(&to) {
                Some(entity) => entity.refusal(to),
                None => (!opens).then_some(Undeliverable::Unknown(to)),
            };
            match refusal {
                Some(refusal) => self.dead.push(Dead { post, story: refusal.to_string() }),
                None => {
                    self.put_in(post);
                    bells.push(to);
                }
            }
        }
        Appended::Done { head, bells }
    }
}

fn take(entity: &mut Entity, taken: Taken) -> Option<Dead> {
    let at = entity.inbox.iter().position(|row| row.waiting.ordinal == taken.ordinal)?;
    let row = &mut entity.inbox[at];
    let post = row.waiting.post.clone();
    row.is_taken = true;
    row.waiting.post.body.bytes.clear();
    let dead = match taken.fate {
        Fate::Heard(answer) => {
            row.answer = answer;
            None
        }
        Fate::Dead(story) => Some(Dead { post: post.clone(), story }),
    };
    if post.from.is_some() {
        entity.inbox.remove(at);
    }
    dead
}

impl FakeJournal {
    /// The posts that could not be handled.
    pub fn dead(&self) -> Vec<Dead> {
        self.shelf().dead.clone()
    }

    /// The next appends are not taken, so many of them.
    pub fn refuse_appends(&self, count: u32) {
        self.shelf().refusals = count;
    }

    /// The next appends are taken, but their answers are lost, as when a connection breaks.
    pub fn lose_answers(&self, count: u32) {
        self.shelf().lost_answers = count;
    }

    /// What a disk does that flips a bit: this event cannot be read any more.
    pub fn spoil(&self, entity: Address, seq: Seq) {
        let mut shelf = self.shelf();
        let events = shelf.entities.get_mut(&entity).map(|entity| &mut entity.events);
        if let Some(event) = events.and_then(|events| events.get_mut(seq.0 as usize - 1)) {
            event.body.bytes = b"spoiled".to_vec();
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for FakeJournal {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        Box::pin(ready(Ok(self.shelf().post(post))))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        Box::pin(ready(Ok(self.shelf().claim(claim))))
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, Error>> {
        let mut shelf = self.shelf();
        let unavailable = || Err(Error::Unavailable("as it was told".to_owned()));
        let appended = match shelf.refusals.checked_sub(1) {
            Some(left) => {
                shelf.refusals = left;
                unavailable()
            }
            None => {
                let appended = shelf.append(append);
                match shelf.lost_answers.checked_sub(1) {
                    Some(left) => {
                        shelf.lost_answers = left;
                        unavailable()
                    }
                    None => Ok(appended),
                }
            }
        };
        Box::pin(ready(appended))
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        let shelf = self.shelf();
        let events = shelf.entities.get(&entity).map_or(&[][..], |entity| &entity.events);
        let later = events.iter().filter(|event| event.seq > after);
        Box::pin(ready(Ok(later.take(limit as usize).cloned().collect())))
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        let shelf = self.shelf();
        let rows = shelf.entities.get(&entity).into_iter().flat_map(Entity::waiting);
        let later = rows.map(|row| &row.waiting).filter(|waiting| waiting.ordinal > after);
        Box::pin(ready(Ok(later.take(limit as usize).cloned().collect())))
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        let shelf = self.shelf();
        let mut rows = shelf.entities.get(&entity).into_iter().flat_map(|entity| &entity.inbox);
        let row = rows.find(|row| row.waiting.post.key == key);
        Box::pin(ready(Ok(row.and_then(|row| row.answer.clone()))))
    }

    fn due(&self, after: Option<Address>, limit: u32) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        let shelf = self.shelf();
        let later = shelf.entities.iter().filter(|(address, _)| Some(**address) > after);
        let due = later.filter(|(_, entity)| entity.status == Status::Open).filter_map(
            |(address, entity)| {
                let at_once = entity.owes > 0 || entity.waiting().next().is_some();
                let at = entity.wake_at.filter(|_| !at_once);
                (at_once || at.is_some()).then_some(Due { entity: *address, at })
            },
        );
        Box::pin(ready(Ok(due.take(limit as usize).collect())))
    }
}
