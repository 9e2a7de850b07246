//! What `domain::records` promises, of the same journal in memory.

use std::collections::BTreeSet;
use std::future::ready;

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{Error, Post, Seq, Status, Undeliverable};
use domain::records::{
    Broken, Chain, DeadLetter, Entry, Letter, Line, Mended, Position, Query, Records, Replayed,
    Retention, State, Summary, Tidied, Unmended,
};
use domain::time::Timestamp;

use super::{Dead, Entity, FakeJournal, INBOX_MAX, Shelf, audit};

impl Entity {
    fn state(&self) -> State {
        match self.status {
            Status::Open => State::Open,
            Status::Closed => State::Closed,
            Status::Quarantined(_) => State::Quarantined,
        }
    }

    fn entry(&self, entity: Address) -> Entry {
        let reason = match &self.status {
            Status::Open | Status::Closed => self.reason.clone(),
            Status::Quarantined(reason) => Some(reason.clone()),
        };
        Entry {
            place: self.place,
            entity,
            state: self.state(),
            reason,
            head: Seq(self.events.len() as u64),
            owes: self.owes,
            wake_at: self.wake_at,
            opened_at: self.opened_at,
            changed_at: self.changed_at,
        }
    }

    fn bytes(&self) -> u64 {
        let bodies = self.events.iter().map(|event| event.body.bytes.len());
        let heard = self.events.iter().filter_map(|event| event.heard.as_ref()).map(Vec::len);
        bodies.chain(heard).sum::<usize>() as u64
    }
}

fn summary(letter: Letter, dead: &Dead) -> Summary {
    let Dead { post, story, at } = dead.clone();
    Summary {
        letter,
        to: post.to,
        from: post.from,
        name: post.body.name.into_owned(),
        story,
        died_at: at,
    }
}

fn whole(letter: Letter, dead: &Dead) -> DeadLetter {
    let Dead { post, story, at: died_at } = dead.clone();
    let Post { to, key, from, body, at: sent_at, .. } = post;
    DeadLetter { letter, to, key, from, body, story, sent_at, died_at }
}

impl Shelf {
    fn replay(&mut self, letter: Letter, at: Timestamp) -> Replayed {
        let Some(dead) = self.dead.get(&letter) else { return Replayed::Unknown(letter) };
        let to = dead.post.to;
        let refusal = match self.entities.get(&to) {
            None => Some(Undeliverable::Unknown(to)),
            Some(entity) => {
                let is_full = entity.waiting().count() >= INBOX_MAX;
                entity.refusal(to).or(is_full.then_some(Undeliverable::Full(to)))
            }
        };
        if let Some(refusal) = refusal {
            return Replayed::Refused(refusal);
        }
        let key = format!("letter/{}", letter.0).into();
        let post = Post { key, at, ..dead.post.clone() };
        self.dead.remove(&letter);
        self.mended(to, at, Mended::LetterReplayed { letter: letter.0 });
        Replayed::Posted { to, ordinal: self.put_in(post) }
    }

    fn quarantined(&mut self, address: Address) -> Result<&mut Entity, Unmended> {
        let entity = self.entities.get_mut(&address).ok_or(Unmended::Unknown(address))?;
        match entity.state() {
            State::Quarantined => Ok(entity),
            state @ (State::Open | State::Closed) => Err(Unmended::Sound { address, state }),
        }
    }

    fn release(&mut self, address: Address, at: Timestamp) -> Result<(), Unmended> {
        let entity = self.quarantined(address)?;
        entity.status = Status::Open;
        entity.epoch.0 += 1;
        entity.owes = entity.owes.max(1);
        entity.changed_at = at;
        self.mended(address, at, Mended::Released);
        Ok(())
    }

    fn mended(&mut self, entity: Address, at: Timestamp, mended: Mended) {
        audit::link(&mut self.audit, entity, at, mended.line());
    }

    fn discard(&mut self, address: Address, at: Timestamp) -> Result<(), Unmended> {
        let entity = self.quarantined(address)?;
        entity.reason = entity.entry(address).reason;
        entity.status = Status::Closed;
        entity.epoch.0 += 1;
        (entity.owes, entity.wake_at, entity.changed_at) = (0, None, at);
        let story = Undeliverable::Closed(address).to_string();
        let mut dead = Vec::new();
        for row in entity.inbox.iter_mut().filter(|row| row.taken_at.is_none()) {
            dead.push(Dead { post: row.waiting.post.clone(), story: story.clone(), at });
            row.taken_at = Some(at);
            row.waiting.post.body.bytes.clear();
        }
        entity.inbox.retain(|row| row.waiting.post.from.is_none());
        dead.into_iter().for_each(|dead| self.bury(dead));
        self.mended(address, at, Mended::Discarded);
        Ok(())
    }

    /// All at once: there is nobody to hold up.
    fn tidy(&mut self, now: Timestamp, retention: &Retention) -> Tidied {
        let is_old = |at: Timestamp, age| now.since(at) > age;
        let mut tidied = Tidied::default();
        for entity in self.entities.values_mut() {
            let count = entity.inbox.len();
            let is_over =
                |at: Option<Timestamp>| at.is_some_and(|at| is_old(at, retention.key_age_max));
            entity.inbox.retain(|row| !is_over(row.taken_at));
            tidied.keys += (count - entity.inbox.len()) as u32;
        }
        let count = self.forgotten.len();
        self.forgotten
            .retain(|(_, row)| !row.taken_at.is_some_and(|at| is_old(at, retention.key_age_max)));
        tidied.keys += (count - self.forgotten.len()) as u32;
        for address in self.over(now, retention) {
            if let Some(entity) = self.entities.remove(&address) {
                let (keys, waiting): (Vec<_>, Vec<_>) =
                    entity.inbox.into_iter().partition(|row| row.taken_at.is_some());
                let rows = entity.events.len() + waiting.len() + entity.blobs.len();
                tidied.rows += rows as u32;
                tidied.entities += 1;
                self.forgotten.extend(keys.into_iter().map(|row| (address, row)));
            }
        }
        let used: BTreeSet<_> =
            self.entities.values().flat_map(|entity| &entity.blobs).copied().collect();
        let count = self.blobs.len();
        self.blobs
            .retain(|blob, kept| used.contains(blob) || !is_old(kept.at, retention.spare_age_min));
        tidied.blobs = (count - self.blobs.len()) as u32;
        tidied
    }

    /// Closed entities that are too old, too many or too big.
    fn over(&self, now: Timestamp, retention: &Retention) -> Vec<Address> {
        let all = self.entities.iter();
        let mut closed: Vec<_> =
            all.filter(|(_, entity)| entity.status == Status::Closed).collect();
        closed.sort_by_key(|(_, entity)| (entity.changed_at, entity.place));
        let (mut number, mut total) = (0, 0);
        let mut over = Vec::new();
        for (address, entity) in closed.into_iter().rev() {
            number += 1;
            total += entity.bytes();
            let is_over = now.since(entity.changed_at) > retention.closed_age_max
                || number > retention.closed_count_max
                || total > retention.closed_bytes_max;
            over.extend(is_over.then_some(*address));
        }
        over
    }
}

impl Records for FakeJournal {
    fn entities(&self, query: Query, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        let shelf = self.shelf();
        let all = shelf.entities.iter().filter(|(_, entity)| !query.asks || entity.asks);
        let all = all.map(|(address, entity)| entity.entry(*address));
        let mut entries: Vec<Entry> = all
            .filter(|entry| query.kind.is_none_or(|kind| entry.entity.kind == kind))
            .filter(|entry| query.state.is_none_or(|state| entry.state == state))
            .filter(|entry| query.before.is_none_or(|before| entry.place < before))
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.place));
        entries.truncate(limit as usize);
        Box::pin(ready(Ok(entries)))
    }

    fn entity(&self, entity: Address) -> BoxFuture<'_, Result<Option<Entry>, Error>> {
        let found = self.shelf().entities.get(&entity).map(|found| found.entry(entity));
        Box::pin(ready(Ok(found)))
    }

    fn names(&self, entity: Address, blob: Blob) -> BoxFuture<'_, Result<bool, Error>> {
        let shelf = self.shelf();
        let named = shelf.entities.get(&entity).is_some_and(|found| found.blobs.contains(&blob));
        Box::pin(ready(Ok(named)))
    }

    fn dead_letters(
        &self,
        before: Option<Letter>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Summary>, Error>> {
        let shelf = self.shelf();
        let all = shelf.dead.iter().rev();
        let older = all.filter(|(letter, _)| before.is_none_or(|before| **letter < before));
        let page = older.take(limit as usize).map(|(letter, dead)| summary(*letter, dead));
        Box::pin(ready(Ok(page.collect())))
    }

    fn dead_letter(&self, letter: Letter) -> BoxFuture<'_, Result<Option<DeadLetter>, Error>> {
        let found = self.shelf().dead.get(&letter).map(|dead| whole(letter, dead));
        Box::pin(ready(Ok(found)))
    }

    fn replay(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Result<Replayed, Error>> {
        Box::pin(ready(Ok(self.shelf().replay(letter, at))))
    }

    fn discard_letter(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Result<bool, Error>> {
        let mut shelf = self.shelf();
        let dead = shelf.dead.remove(&letter);
        if let Some(dead) = &dead {
            shelf.mended(dead.post.to, at, Mended::LetterDiscarded { letter: letter.0 });
        }
        Box::pin(ready(Ok(dead.is_some())))
    }

    fn release(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>> {
        Box::pin(ready(Ok(self.shelf().release(entity, at))))
    }

    fn discard(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>> {
        Box::pin(ready(Ok(self.shelf().discard(entity, at))))
    }

    fn audit(&self, after: Position, limit: u32) -> BoxFuture<'_, Result<Vec<Line>, Error>> {
        let shelf = self.shelf();
        let later = shelf.audit.iter().filter(|line| line.position > after);
        Box::pin(ready(Ok(later.take(limit as usize).cloned().collect())))
    }

    fn verify_audit(&self) -> BoxFuture<'_, Result<Result<Chain, Broken>, Error>> {
        Box::pin(ready(Ok(audit::verify(&self.shelf().audit))))
    }

    fn tidy(&self, now: Timestamp, retention: Retention) -> BoxFuture<'_, Result<Tidied, Error>> {
        Box::pin(ready(Ok(self.shelf().tidy(now, &retention))))
    }
}
