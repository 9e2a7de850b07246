//! The shell: the one place that turns an entity into an actor.
//!
//! hears    bells (a post, or the end of its wait), outcomes of its children
//! records  one append per turn: what was heard, what follows, and what is owed from now on
//! owes     whatever its entity owes: it compares that with what runs, and closes the difference
//! bounds   64 messages and 32 posts a turn
//! crashes  when the journal fails; one that is away for now is waited for
//! leaves   when nothing runs and nothing waits, when it is closed, and when somebody else has it

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::id::{Address, Id};
use domain::journal::{
    Append, Appended, Before, Claim, Claimed, Epoch, Error, Ordinal, Seq, Status, Unclaimed,
};
use domain::mutants::{self, Mutant};
use domain::time::Timestamp;
use domain::wire::Written;
use domain::{BoxError, BoxFuture};

use super::entity::{Due, Ended, Entity, Moment};
use super::history::PAGE;
use super::house::{Bell, House, JOURNAL_DEADLINE};
use super::permits::Permits;
use super::step::{self, Running};
use super::turn::{self, Came, Turn};
use crate::{Actor, Context, Handle, Leave, Message, Next, Refused, Why};

/// The messages one turn deals with.
const KNOCKS_MAX: usize = 64;
/// The posts one turn deals with.
const POSTS_MAX: u32 = 32;

/// Between two tries, while the journal is away.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What reaches a shell.
pub(crate) enum Knock<E: Entity> {
    /// Something waits in its inbox, or the moment it wanted to be woken at has come.
    Bell(Bell),
    /// A permit that it waits for is there.
    Called,
    /// The child of this key and number has ended. Boxed, because every seated shell has room for
    /// some of these.
    Ended(E::Key, u64, Box<Ended<E::Outcome>>),
    /// It was never started.
    Unstarted(E::Key, u64),
}

impl<E: Entity> Message for Knock<E> {}

pub(super) struct Shell<E: Entity> {
    me: Address,
    house: Arc<House>,
    ports: E::Ports,
    life: Life<E>,
}

/// More than any entity has to do at once; what never ends is a bug of its rules.
const UNSETTLED_MAX: u32 = 1_024;

/// What one incarnation knows; all of it is read again at the next birth.
struct Life<E: Entity> {
    state: E::State,
    epoch: Epoch,
    head: Seq,
    /// Whether this life is to take turns: not where another node has it, or nobody may.
    is_born: bool,
    /// Until its first turn, which hears of it.
    reborn: Option<Before>,
    /// What was owed and waited for by the last append.
    owes: u32,
    wake_at: Option<Timestamp>,
    running: BTreeMap<E::Key, Running>,
    permits: Permits<E>,
    /// Turns in a row that have left something to follow by itself.
    unsettled: u32,
}

impl<E: Entity> Shell<E> {
    pub(super) fn new(me: Address, house: Arc<House>, ports: E::Ports) -> Self {
        let permits = Permits::new(&house);
        let life = Life {
            state: E::State::default(),
            epoch: Epoch(0),
            head: Seq(0),
            is_born: false,
            reborn: None,
            owes: 0,
            wake_at: None,
            running: BTreeMap::new(),
            permits,
            unsettled: 0,
        };
        Shell { me, house, ports, life }
    }

    /// Claims the entity and reads what it has recorded.
    async fn be_born(&mut self, cx: &Context<Knock<E>>) -> Result<Option<Before>, BoxError> {
        // Whoever an earlier incarnation started may still be at it.
        if !self.house.end_children(self.me, cx).await {
            return Ok(None);
        }
        let claim = Claim { entity: self.me, boot: self.house.boot, format: E::FORMAT };
        let journal = &self.house.journal;
        let claimed = match self.patiently(|| journal.claim(claim), cx).await?? {
            Ok(claimed) => claimed,
            Err(Unclaimed::Undeliverable(gone)) => {
                tracing::debug!(entity = %self.me, %gone, "nothing to do");
                // Whoever waits is told so by the journal.
                self.house.askers.forget(self.me);
                return Ok(None);
            }
            Err(held @ Unclaimed::Held(_)) => {
                tracing::debug!(entity = %self.me, %held, "nothing to do here");
                return Ok(None);
            }
            Err(error @ Unclaimed::TooNew { .. }) => return Err(error.into()),
        };
        self.life.epoch = claimed.epoch;
        // Whatever it says it owes: its first turn writes down what it does.
        self.life.owes = match claimed.before {
            Before::Clean => 0,
            Before::Crashed | Before::TakenOver => u32::MAX,
        };
        self.life.wake_at = claimed.wake_at;
        match self.remember(&claimed, cx).await? {
            Ok(()) => Ok(Some(claimed.before)),
            Err(_) if mutants::is(Mutant::EmptyOnUnreadable) => {
                self.life.state = E::State::default();
                self.life.head = claimed.head;
                Ok(Some(claimed.before))
            }
            Err(reason) => {
                self.put_aside(&claimed, reason, cx).await?;
                self.house.askers.forget(self.me);
                Ok(None)
            }
        }
    }

    /// Folds what was recorded; says why where it cannot be read.
    async fn remember(
        &mut self,
        claimed: &Claimed,
        cx: &Context<Knock<E>>,
    ) -> Result<Result<(), String>, BoxError> {
        while self.life.head < claimed.head {
            let after = self.life.head;
            let page = || self.house.journal.history(self.me, after, PAGE);
            let page = match self.patiently(page, cx).await? {
                Ok(page) if page.is_empty() => {
                    return Ok(Err(format!("its history ends after event {}", after.0)));
                }
                Ok(page) => page,
                Err(unreadable @ Error::Unreadable { .. }) => {
                    return Ok(Err(unreadable.to_string()));
                }
                Err(error) => return Err(error.into()),
            };
            for recorded in page {
                match E::Event::read(&recorded.body) {
                    Ok(event) => E::apply(&mut self.life.state, &event),
                    Err(unread) => return Ok(Err(format!("event {}: {unread}", recorded.seq.0))),
                }
                self.life.head = recorded.seq;
            }
        }
        if claimed.head < self.life.head {
            // Nobody else writes: whatever it would append is refused for ever.
            let (says, has) = (claimed.head.0, self.life.head.0);
            return Ok(Err(format!("it says that it has {says} events, and has {has}")));
        }
        Ok(Ok(()))
    }

    /// The posts that wait, oldest first.
    async fn posts(&self, cx: &Context<Knock<E>>) -> Result<Vec<Came<E>>, BoxError> {
        let waiting = || self.house.journal.inbox(self.me, Ordinal(0), POSTS_MAX);
        let waiting = self.patiently(waiting, cx).await??;
        Ok(waiting.into_iter().map(Came::Post).collect())
    }

    /// Decides, records, and only then acts.
    async fn take_turn(
        &mut self,
        came: Vec<Came<E>>,
        cx: &Context<Knock<E>>,
    ) -> Result<After, BoxError> {
        let askers = self.house.askers.of(self.me, &came);
        let life = &mut self.life;
        let moment = Moment { me: self.me, now: cx.clock().now(), epoch: life.epoch };
        let state = std::mem::take(&mut life.state);
        let running = |key: &E::Key| life.running.contains_key(key);
        let mut turn = turn::take::<E>(state, came, &moment, &running, &mut life.permits);
        life.unsettled = if turn.goes_on { life.unsettled + 1 } else { 0 };
        assert!(life.unsettled < UNSETTLED_MAX, "what follows by itself never ends");
        let owes = turn.due.count();
        let is_news = !turn.is_empty()
            || owes != life.owes
            || turn.due.wake_at != life.wake_at
            || turn.status != Status::Open;
        if is_news {
            let append = self.append(&mut turn, &moment, owes, cx);
            let fates = askers.fates(&append.taken);
            match self.record(append, cx).await? {
                Appended::Superseded => return Ok(After::Superseded),
                Appended::Done { head, bells } => {
                    self.life.head = head;
                    bells.into_iter().for_each(|address| self.house.ring(address));
                    self.house.askers.answer(self.me, fates);
                }
            }
        }
        let is_closed = turn.status != Status::Open;
        self.life.state = turn.state;
        self.life.owes = owes;
        self.act(turn.due, moment.now, cx).await;
        Ok(if is_closed { After::Closed } else { After::Open })
    }

    /// Tries until the journal can: it is one append however often it is sent, and nobody has seen
    /// or done anything of it yet.
    async fn record(&self, append: Append, cx: &Context<Knock<E>>) -> Result<Appended, BoxError> {
        let append = Arc::new(append);
        let appended = || self.house.journal.append(Arc::clone(&append));
        Ok(self.patiently(appended, cx).await??)
    }

    /// Asks again for as long as the journal is away: a crash would mend nothing, and be counted.
    async fn patiently<'a, T>(
        &self,
        ask: impl Fn() -> BoxFuture<'a, Result<T, Error>>,
        cx: &Context<Knock<E>>,
    ) -> Result<Result<T, Error>, BoxError> {
        let mut pause = PAUSE_FIRST;
        loop {
            match cx.wait(JOURNAL_DEADLINE, ask()).await? {
                Err(Error::Unavailable(why)) => {
                    tracing::warn!(entity = %self.me, why, "the journal is away");
                    cx.clock().sleep(pause).await;
                    pause = PAUSE_MAX.min(pause * 2);
                }
                said => return Ok(said),
            }
        }
    }

    /// What was recorded cannot be read: put aside with the reason, for a person to look at.
    async fn put_aside(
        &self,
        claimed: &Claimed,
        reason: String,
        cx: &Context<Knock<E>>,
    ) -> Result<(), BoxError> {
        tracing::error!(entity = %self.me, reason, "an entity is quarantined");
        let append = aside(self.me, claimed, reason, cx);
        self.record(append, cx).await.map(|_| ())
    }

    fn append(
        &self,
        turn: &mut Turn<E>,
        moment: &Moment,
        owes: u32,
        cx: &Context<Knock<E>>,
    ) -> Append {
        Append {
            id: Id::roll(moment.now, &*cx.dice()),
            entity: self.me,
            epoch: self.life.epoch,
            after: self.life.head,
            at: moment.now,
            events: std::mem::take(&mut turn.events),
            heard: std::mem::take(&mut turn.minutes),
            taken: std::mem::take(&mut turn.taken),
            posts: std::mem::take(&mut turn.posts),
            audit: std::mem::take(&mut turn.audit),
            blobs: std::mem::take(&mut turn.blobs),
            owes,
            wake_at: turn.due.wake_at,
            asks: turn.status == Status::Open && E::asks(&turn.state),
            status: turn.status.clone(),
            format: E::FORMAT,
        }
    }

    /// It is on the disk: closes the difference between what is owed and what runs.
    async fn act(&mut self, due: Due<E>, now: Timestamp, cx: &Context<Knock<E>>) {
        let Due { children, starts, stopping, permits, wake_at } = due;
        if wake_at != self.life.wake_at {
            self.life.wake_at = wake_at;
            self.house.wake(self.me, wake_at);
        }
        let no_more = |(key, _): &(&E::Key, &Running)| !children.contains(key);
        let stops: Vec<E::Key> =
            self.life.running.iter().filter(no_more).map(|(key, _)| key.clone()).collect();
        for key in stops {
            if let Some(Running { number, .. }) = self.life.running.remove(&key) {
                self.house.stop_child(self.me, number, cx).await;
            }
        }
        for (key, deadline) in stopping {
            let Some(running) = self.life.running.get_mut(&key) else {
                self.was_never_started(key, cx);
                continue;
            };
            if let Some(stop) = running.stop.take() {
                // Gone, it has ended by itself.
                let _ = stop.send(());
            } else if deadline <= now {
                // Its end is heard as that of every child that dies.
                self.house.stop_child(self.me, running.number, cx).await;
            }
        }
        for (key, job) in starts {
            let permit = self.life.permits.spend(&key);
            let job = (key.clone(), job);
            let (number, stop) = step::start::<E>(&self.house, self.me, job, &self.ports, cx);
            self.life.running.insert(key, Running { number, stop: Some(stop), permit });
        }
        // Whatever was admitted and does not run now was not needed.
        self.life.permits.settle(permits, cx);
    }

    /// Nobody will start it any more, so nobody else tells its end.
    fn was_never_started(&mut self, key: E::Key, cx: &Context<Knock<E>>) {
        let number = self.house.add_child(self.me);
        let why = "it was never started, and is not any more".to_owned();
        let told = Knock::Ended(key.clone(), number, Box::new(Ended::Lost(why)));
        match cx.myself().tell(told) {
            Ok(()) => {
                let running = Running { number, stop: None, permit: None };
                self.life.running.insert(key, running);
            }
            // With a full mailbox it takes a turn anyway.
            Err(_) => self.house.forget_child(self.me, number),
        }
    }

    /// What a message has brought; nothing of a child that was forgotten. Notes who is over.
    fn open(&mut self, knock: Knock<E>, over: &mut Vec<u64>) -> Option<Came<E>> {
        match knock {
            Knock::Bell(bell) => {
                bell.hear();
                None
            }
            Knock::Called => None,
            Knock::Ended(key, number, ended) => {
                self.no_longer_runs(&key, number)?;
                over.push(number);
                Some(Came::Ended(key, *ended))
            }
            Knock::Unstarted(key, number) => {
                let running = self.no_longer_runs(&key, number)?;
                over.push(number);
                if let Some(permit) = running.permit {
                    self.life.permits.take_back(key, permit);
                }
                None
            }
        }
    }

    fn no_longer_runs(&mut self, key: &E::Key, number: u64) -> Option<Running> {
        let running = self.life.running.get(key)?;
        if running.number != number {
            return None;
        }
        self.life.running.remove(key)
    }
}

/// The last append of an entity that a person must look at: it hears nothing from then on.
pub(super) fn aside<M: Message>(
    entity: Address,
    claimed: &Claimed,
    reason: String,
    cx: &Context<M>,
) -> Append {
    let at = cx.clock().now();
    let id = Id::roll(at, &*cx.dice());
    Append {
        wake_at: claimed.wake_at,
        status: Status::Quarantined(reason),
        ..Append::new(id, entity, claimed.epoch, claimed.head, at)
    }
}

/// How a turn has left the entity.
enum After {
    Open,
    Closed,
    /// Somebody else has it now.
    Superseded,
}

impl<E: Entity> Shell<E> {
    /// Hears what has come, takes a turn if that is worth one, and says how it goes on.
    async fn hear(
        &mut self,
        knocks: Vec<Knock<E>>,
        cx: &Context<Knock<E>>,
    ) -> Result<Next, BoxError> {
        if !self.life.is_born {
            // Whoever has it finds what waits by itself.
            let mut over = Vec::new();
            knocks.into_iter().for_each(|knock| drop(self.open(knock, &mut over)));
            return Ok(Next::Done);
        }
        // The inbox is read when a bell has said that something waits, and not for each outcome.
        let has_rung = knocks.iter().any(|knock| matches!(knock, Knock::Bell(_)));
        // Whoever was not started is owed, and does not run.
        let is_owing = knocks.iter().any(|knock| matches!(knock, Knock::Unstarted(..)));
        let mut came = Vec::with_capacity(knocks.len());
        // What had come before its birth is heard in the same turn as that, so that whatever was
        // in time when nobody was there to hear it is in time.
        let reborn = self.life.reborn.take();
        let is_first = reborn.is_some();
        came.extend(reborn.map(Came::Reborn));
        let mut over = Vec::new();
        for knock in knocks {
            came.extend(self.open(knock, &mut over));
        }
        if self.life.wake_at.is_some_and(|at| at <= cx.clock().now()) {
            came.push(Came::Due);
        }
        let posts = if has_rung || is_first { self.posts(cx).await? } else { Vec::new() };
        let may_be_more = posts.len() == POSTS_MAX as usize;
        came.extend(posts);
        let have_come = self.life.permits.have_come();
        let goes_on = self.life.unsettled > 0;
        let after = match came.is_empty() && !have_come && !is_owing && !goes_on {
            true => After::Open,
            false => self.take_turn(came, cx).await?,
        };
        // Once it is recorded: whoever waits until nothing is at work waits for that too.
        over.into_iter().for_each(|number| self.house.forget_child(self.me, number));
        match after {
            After::Open if may_be_more || self.life.unsettled > 0 => {
                let _ = cx.myself().tell(Knock::Bell(Bell::new(&self.house, self.me)));
                Ok(Next::Go)
            }
            // With nothing that runs it is a row, and no actor.
            After::Open if self.life.running.is_empty() && self.life.permits.is_empty() => {
                Ok(Next::Done)
            }
            After::Open => Ok(Next::Go),
            After::Closed => {
                self.house.askers.forget(self.me);
                self.house.end_children(self.me, cx).await;
                Ok(Next::Done)
            }
            // Whoever waits for an answer has it from whoever has the entity now.
            After::Superseded => {
                self.house.end_children(self.me, cx).await;
                Ok(Next::Done)
            }
        }
    }
}

impl<E: Entity> Actor for Shell<E> {
    type Message = Knock<E>;

    async fn init(&mut self, cx: &mut Context<Knock<E>>) -> Result<(), BoxError> {
        self.house.seat(self.me, cx.myself());
        let before = Box::pin(self.be_born(cx)).await?;
        self.life.is_born = before.is_some();
        self.life.reborn = before;
        // Its first look at the inbox is a turn like every other; who has nothing to do leaves then.
        let bell = Bell::new(&self.house, self.me);
        let _ = cx.myself().tell(Knock::Bell(bell));
        Ok(())
    }

    async fn handle(
        &mut self,
        knock: Knock<E>,
        cx: &mut Context<Knock<E>>,
    ) -> Result<Next, BoxError> {
        let mut knocks = vec![knock];
        knocks.append(&mut cx.next_too(KNOCKS_MAX - 1));
        // Between two turns a seated entity holds no room for one.
        Box::pin(self.hear(knocks, cx)).await
    }

    async fn leave(&mut self, _why: Leave, _cx: &mut Context<Knock<E>>) {
        self.house.unseat(self.me);
    }
}

/// The way to one entity that lives here now.
pub(super) trait Seated: Send + Sync {
    /// Tells whether anybody is there to hear it.
    fn ring(&self, bell: Bell) -> bool;
}

impl<E: Entity> Seated for Handle<Knock<E>> {
    fn ring(&self, bell: Bell) -> bool {
        let Err(Refused { message, why }) = self.tell(Knock::Bell(bell)) else { return true };
        if let Knock::Bell(bell) = message {
            // Its sender deals with it.
            bell.hear();
        }
        // It is there, and has much to hear; the next sweep rings again.
        matches!(why, Why::Full | Why::NodeFull)
    }
}
