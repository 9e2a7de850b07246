//! A journal in memory: what `domain::journal` promises, in the plainest form.

mod audit;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::BoxFuture;
use domain::blob::{BYTES_MAX, Blob};
use domain::id::Address;
use domain::id::Id;
use domain::journal::{
    Append, Appended, Before, Boot, Claim, Claimed, Due, Epoch, Error, Fate, Journal, Ordinal,
    Outgoing, Post, Posted, Recorded, Seq, Status, Taken, Unclaimed, Undeliverable, Waiting,
};
use domain::lease::{Leases, NodeId};
use domain::records::{Letter, Line, Place};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

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
    /// The keys of those that went.
    forgotten: Vec<(Address, Row)>,
    last_ordinal: i64,
    last_place: i64,
    last_letter: i64,
    dead: BTreeMap<Letter, Dead>,
    audit: Vec<Line>,
    blobs: BTreeMap<Blob, Kept>,
    /// So many appends are not taken.
    refusals: u32,
    /// How often somebody asked who has something to do.
    sweeps: u32,
    /// So many are taken, and nobody hears of it.
    lost_answers: u32,
    /// Of the boots that are known to live; whoever is not here is dead.
    leases: BTreeMap<Boot, Lease>,
    /// The last boot of each node.
    nodes: BTreeMap<NodeId, Boot>,
}

/// Whether what a living boot has may be claimed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lease {
    Held,
    /// It may still be at work, and nobody can tell.
    Ended,
}

struct Kept {
    bytes: Vec<u8>,
    at: Timestamp,
}

struct Entity {
    place: Place,
    opened_at: Timestamp,
    changed_at: Timestamp,
    blobs: BTreeSet<Blob>,
    /// Of an entity that was discarded.
    reason: Option<String>,
    epoch: Epoch,
    owner: Option<Boot>,
    owes: u32,
    wake_at: Option<Timestamp>,
    asks: bool,
    status: Status,
    format: u16,
    last_append: Option<Id>,
    events: Vec<Recorded>,
    inbox: Vec<Row>,
}

struct Row {
    waiting: Waiting,
    taken_at: Option<Timestamp>,
    answer: Option<Vec<u8>>,
}

/// A post that could not be handled, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    pub post: Post,
    pub story: String,
    pub at: Timestamp,
}

impl Entity {
    fn new(place: Place, opened_at: Timestamp) -> Self {
        Entity {
            place,
            opened_at,
            changed_at: opened_at,
            blobs: BTreeSet::new(),
            reason: None,
            epoch: Epoch(0),
            owner: None,
            owes: 0,
            wake_at: None,
            asks: false,
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
        self.inbox.iter().filter(|row| row.taken_at.is_none())
    }
}

impl Shelf {
    fn put_in(&mut self, post: Post) -> Ordinal {
        self.last_ordinal += 1;
        let ordinal = Ordinal(self.last_ordinal);
        let place = &mut self.last_place;
        let entity = self.entities.entry(post.to).or_insert_with(|| {
            *place += 1;
            Entity::new(Place(*place), post.at)
        });
        let waiting = Waiting { ordinal, post: Post { opens: false, ..post } };
        entity.inbox.push(Row { waiting, taken_at: None, answer: None });
        ordinal
    }

    fn post(&mut self, post: Post) -> Posted {
        let to = post.to;
        match self.entities.get(&to) {
            None if !post.opens => return Posted::Refused(Undeliverable::Unknown(to)),
            None => {
                let of_it = |(gone, row): &&(Address, Row)| {
                    (*gone, &row.waiting.post.key) == (to, &post.key)
                };
                if let Some((_, row)) = self.forgotten.iter().find(of_it) {
                    return Posted::Known(row.answer.clone());
                }
            }
            Some(entity) => {
                let before = entity.inbox.iter().find(|row| row.waiting.post.key == post.key);
                match (before, entity.refusal(to)) {
                    // It waited while the entity ended, and is never heard.
                    (Some(row), Some(closed @ Undeliverable::Closed(_)))
                        if row.taken_at.is_none() =>
                    {
                        return Posted::Refused(closed);
                    }
                    (Some(row), _) => return Posted::Known(row.answer.clone()),
                    (None, Some(refusal)) => return Posted::Refused(refusal),
                    (None, None) => {}
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
        let lease = entity.owner.filter(|owner| *owner != boot);
        let before = match lease.and_then(|owner| self.leases.get(&owner)) {
            Some(Lease::Held) => return Err(Unclaimed::Held(address)),
            _ if entity.owes == 0 => Before::Clean,
            Some(Lease::Ended) => Before::TakenOver,
            None => Before::Crashed,
        };
        entity.epoch.0 += 1;
        entity.owner = Some(boot);
        Ok(Claimed {
            epoch: entity.epoch,
            head: Seq(entity.events.len() as u64),
            before,
            wake_at: entity.wake_at,
        })
    }

    fn due(
        &self,
        after: Option<Address>,
        is_free: impl Fn(&Entity) -> bool,
    ) -> impl Iterator<Item = Due> {
        let later = self.entities.iter().filter(move |(address, _)| Some(**address) > after);
        let open =
            later.filter(move |(_, entity)| entity.status == Status::Open && is_free(entity));
        open.filter_map(|(address, entity)| {
            let at_once = entity.owes > 0 || entity.waiting().next().is_some();
            let at = entity.wake_at.filter(|_| !at_once);
            (at_once || at.is_some()).then_some(Due { entity: *address, at })
        })
    }

    fn bury(&mut self, dead: Dead) {
        self.last_letter += 1;
        self.dead.insert(Letter(self.last_letter), dead);
    }

    fn append(&mut self, append: Append) -> Result<Appended, Error> {
        let unkept = append.blobs.iter().find(|blob| !self.blobs.contains_key(*blob));
        match unkept {
            Some(blob) => Err(Error::Unkept(*blob)),
            None => Ok(self.append_kept(append)),
        }
    }

    fn append_kept(&mut self, append: Append) -> Appended {
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
        entity.asks = append.asks;
        entity.status = append.status;
        entity.format = entity.format.max(append.format);
        entity.last_append = Some(append.id);
        entity.changed_at = append.at;
        entity.blobs.extend(append.blobs);
        let taken = append.taken.into_iter();
        let dead: Vec<Dead> = taken.filter_map(|taken| take(entity, taken, append.at)).collect();
        let unheard =
            if entity.status == Status::Closed { unheard(entity, append.at) } else { vec![] };
        dead.into_iter().chain(unheard).for_each(|dead| self.bury(dead));
        for line in append.audit {
            audit::link(&mut self.audit, address, append.at, line);
        }
        let mut bells = Vec::new();
        for (index, Outgoing { to, opens, body }) in append.posts.into_iter().enumerate() {
            let key = format!("{address}/{}/{index}", head.0).into();
            let post = Post { to, key, from: Some(address), opens, body, at: append.at };
            let refusal = match self.entities.get(&to) {
                Some(entity) => entity.refusal(to),
                None => (!opens).then_some(Undeliverable::Unknown(to)),
            };
            match refusal {
                Some(refusal) => {
                    self.bury(Dead { post, story: refusal.to_string(), at: append.at });
                }
                None => {
                    self.put_in(post);
                    bells.push(to);
                }
            }
        }
        Appended::Done { head, bells }
    }
}

/// What entities have sent it, and it has not heard as it ended.
fn unheard(entity: &mut Entity, at: Timestamp) -> Vec<Dead> {
    let is_unheard = |row: &mut Row| row.taken_at.is_none() && row.waiting.post.from.is_some();
    let rows = entity.inbox.extract_if(.., is_unheard);
    rows.map(|row| {
        let story = Undeliverable::Closed(row.waiting.post.to).to_string();
        Dead { post: row.waiting.post, story, at }
    })
    .collect()
}

fn take(entity: &mut Entity, taken: Taken, at: Timestamp) -> Option<Dead> {
    let index = entity.inbox.iter().position(|row| row.waiting.ordinal == taken.ordinal)?;
    let row = &mut entity.inbox[index];
    let post = row.waiting.post.clone();
    row.taken_at = Some(at);
    row.waiting.post.body.bytes.clear();
    let dead = match taken.fate {
        Fate::Heard(answer) => {
            row.answer = answer;
            None
        }
        Fate::Dead(story) => Some(Dead { post: post.clone(), story, at }),
    };
    if post.from.is_some() {
        entity.inbox.remove(index);
    }
    dead
}

impl FakeJournal {
    /// The posts that could not be handled.
    pub fn dead(&self) -> Vec<Dead> {
        self.shelf().dead.values().cloned().collect()
    }

    /// How often somebody asked who has something to do.
    pub fn sweeps(&self) -> u32 {
        self.shelf().sweeps
    }

    /// The next appends are not taken, so many of them.
    pub fn refuse_appends(&self, count: u32) {
        self.shelf().refusals = count;
    }

    /// The next appends are taken, but their answers are lost, as when a connection breaks.
    pub fn lose_answers(&self, count: u32) {
        self.shelf().lost_answers = count;
    }

    /// A boot lives from now on, and what it claims is its own until its lease ends.
    pub fn begin_lease(&self, boot: Boot) {
        self.shelf().leases.insert(boot, Lease::Held);
    }

    /// It may live on, and others may claim what it has.
    pub fn end_lease(&self, boot: Boot) {
        self.shelf().leases.insert(boot, Lease::Ended);
    }

    /// A boot is over, and everybody knows.
    pub fn forget_boot(&self, boot: Boot) {
        self.shelf().leases.remove(&boot);
    }

    /// How often an entity was claimed.
    pub fn claims(&self, entity: Address) -> u64 {
        self.shelf().entities.get(&entity).map_or(0, |entity| entity.epoch.0)
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

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Result<Appended, Error>> {
        let mut shelf = self.shelf();
        let unavailable = || Err(Error::Unavailable("as it was told".to_owned()));
        let appended = match shelf.refusals.checked_sub(1) {
            Some(left) => {
                shelf.refusals = left;
                unavailable()
            }
            None => {
                let appended = shelf.append(Arc::unwrap_or_clone(append));
                match shelf.lost_answers.checked_sub(1) {
                    Some(left) => {
                        shelf.lost_answers = left;
                        unavailable()
                    }
                    None => appended,
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

    fn due(
        &self,
        boot: Boot,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        let mut shelf = self.shelf();
        shelf.sweeps += 1;
        let is_free = |entity: &Entity| {
            let other = entity.owner.filter(|owner| *owner != boot);
            other.is_none_or(|owner| shelf.leases.get(&owner) != Some(&Lease::Held))
        };
        let due = shelf.due(after, is_free).take(limit as usize).collect();
        Box::pin(ready(Ok(due)))
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        if bytes.len() > BYTES_MAX {
            return Box::pin(ready(Err(Error::TooBig(bytes.len()))));
        }
        let hash = Sha256::digest(&bytes);
        let blob = Blob::from_hash(std::array::from_fn(|at| hash[at]));
        let mut shelf = self.shelf();
        let kept = shelf.blobs.entry(blob).or_insert(Kept { bytes, at });
        kept.at = kept.at.max(at);
        Box::pin(ready(Ok(blob)))
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        let bytes = self.shelf().blobs.get(&blob).map(|kept| kept.bytes.clone());
        Box::pin(ready(Ok(bytes)))
    }
}

/// It has no clock: a lease that lasts for no time has ended, and every other one lasts until it is
/// ended.
impl Leases for FakeJournal {
    fn begin(&self, node: NodeId, boot: Boot, lasts: Duration) -> BoxFuture<'_, Result<(), Error>> {
        let mut shelf = self.shelf();
        if let Some(before) = shelf.nodes.insert(node, boot) {
            shelf.leases.remove(&before);
        }
        shelf.leases.insert(boot, lease(lasts));
        Box::pin(ready(Ok(())))
    }

    fn renew(
        &self,
        node: NodeId,
        boot: Boot,
        lasts: Duration,
    ) -> BoxFuture<'_, Result<bool, Error>> {
        let mut shelf = self.shelf();
        let lives = shelf.nodes.get(&node) == Some(&boot);
        if lives {
            shelf.leases.insert(boot, lease(lasts));
        }
        Box::pin(ready(Ok(lives)))
    }

    fn end(&self, node: NodeId, boot: Boot) -> BoxFuture<'_, Result<(), Error>> {
        let mut shelf = self.shelf();
        if shelf.nodes.get(&node) == Some(&boot) {
            shelf.nodes.remove(&node);
            shelf.leases.remove(&boot);
        }
        Box::pin(ready(Ok(())))
    }
}

fn lease(lasts: Duration) -> Lease {
    if lasts.is_zero() { Lease::Ended } else { Lease::Held }
}
