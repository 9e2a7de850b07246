//! What must hold when all is over, of whatever was done to the house meanwhile.
//!
//! It looks at the book of the outside and at the journal, and at nothing that the house says.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::Address;
use domain::journal::{Journal as _, Ordinal, Seq};
use domain::records::{Query, State};
use domain::tool::{Content, Effect, OnDoubt, Output};
use futures::executor::block_on;
use kit::world::Done;
use runtime::durable::{Past, Replayed, replay};
use work::plan::{Ending, Event, Outcome, Plan, Task};

use super::stage::{Answer, Stage, short};

pub(super) fn check(stage: &Stage) {
    let journal = stage.world.journal();
    assert_eq!(journal.dead(), [], "no post is a dead letter");
    for entry in stage.entries(Query::default()) {
        assert_eq!(entry.state, State::Closed, "{entry:?}");
        assert_eq!((entry.owes, entry.wake_at), (0, None), "{entry:?}");
        let waiting = block_on(journal.inbox(entry.entity, Ordinal(0), 10));
        let waiting = waiting.expect("the shelf is there");
        for waiting in waiting {
            let answer = &stage.answers()[&*waiting.post.key];
            assert!(matches!(answer, Some(Answer::Refused(_))), "{waiting:?}: {answer:?}");
        }
        check_plan(stage, entry.entity);
    }
    let plans = stage.plans();
    for (key, answer) in stage.answers() {
        match answer {
            Some(Answer::Opened(plan)) => assert!(plans.contains(&plan), "{key} is there"),
            Some(Answer::Done | Answer::Refused(_)) => {}
            None => panic!("{key} was never answered"),
        }
    }
}

fn check_plan(stage: &Stage, plan: Address) {
    let history = stage.history(plan);
    let story = || history.iter().map(short).collect::<Vec<_>>().join("\n");
    let gaps = history.iter().zip(1..).find(|(past, seq)| past.seq != Seq(*seq));
    assert!(gaps.is_none(), "{plan} has a gap: {gaps:?}");
    let replayed = block_on(replay::<Plan>(&*stage.world.journal(), plan));
    let replayed = replayed.expect("the history can be read");
    assert!(matches!(replayed, Replayed::Same { .. }), "{plan}: {replayed:?}\n{}", story());

    let (tasks, outcome) = frame(&history);
    let mut tracks: BTreeMap<&str, Track> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for past in &history {
        let Some((id, moved)) = move_of(&past.event) else { continue };
        let task = tasks[id];
        if moved == Move::Begins {
            let early = task.after.iter().find(|before| !done.contains(before.as_str()));
            assert_eq!(early, None, "{plan}/{id} began too early\n{}", story());
        }
        let track = tracks.entry(id).or_default();
        if let Err(what) = track.go(moved, task) {
            panic!("{plan}/{id} {what}: {moved:?}\n{}", story());
        }
        if track.is_done {
            done.insert(id);
        }
    }
    for (id, task) in &tasks {
        let track = tracks.get(id).copied().unwrap_or_default();
        let outside = stage.done(plan, id);
        if let Some(what) = fault(task, track, outside) {
            panic!("{plan}/{id} {what}: {outside:?} {track:?}\n{}", story());
        }
        let is_done = outcome != Outcome::Completed || track.is_done;
        assert!(is_done, "{plan} is completed without {id}\n{}", story());
    }
    check_attachments(stage, &tasks, &history);
}

/// What it was to do, and what it has come to.
fn frame(history: &[Past<Event>]) -> (BTreeMap<&str, &Task>, Outcome) {
    let Some(Event::Opened(opened)) = history.first().map(|past| &past.event) else {
        panic!("it begins with its opening");
    };
    let Some(Event::Closed(closed)) = history.last().map(|past| &past.event) else {
        panic!("it ends with its closing");
    };
    let tasks = opened.brief.rounds.iter().flatten();
    (tasks.map(|task| (task.id.as_str(), task)).collect(), closed.outcome)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Begins,
    Rests,
    IsDoubted,
    IsLookedAt,
    IsUnclear,
    IsAsked,
    Happened,
    IsAbsent,
    IsDone,
    /// Failed or stopped.
    Ends,
    IsSkipped,
}

fn move_of(event: &Event) -> Option<(&str, Move)> {
    match event {
        Event::Begun(begun) => Some((&begun.step, Move::Begins)),
        Event::Rested(rested) => Some((&rested.step, Move::Rests)),
        Event::Doubted(doubted) => Some((&doubted.step, Move::IsDoubted)),
        Event::Checking(checking) => Some((&checking.step, Move::IsLookedAt)),
        Event::Unclear(unclear) => Some((&unclear.step, Move::IsUnclear)),
        Event::Asked(asked) => Some((&asked.step, Move::IsAsked)),
        Event::Settled(settled) => {
            let moved = if settled.happened { Move::Happened } else { Move::IsAbsent };
            Some((&settled.step, moved))
        }
        Event::Ended(ended) => {
            let moved = match &ended.ending {
                Ending::Done(_) => Move::IsDone,
                Ending::Failed(_) | Ending::Stopped(_) => Move::Ends,
                Ending::Skipped(_) => Move::IsSkipped,
            };
            Some((&ended.step, moved))
        }
        Event::Opened(_)
        | Event::Planned(_)
        | Event::Sought(_)
        | Event::Answered(_)
        | Event::Signaled(_)
        | Event::Given(_)
        | Event::Reused(_)
        | Event::Paused(_)
        | Event::Resumed(_)
        | Event::Undoing(_)
        | Event::Cancelling(_)
        | Event::Closed(_) => None,
    }
}

/// The way of one step through its history.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    last: Option<Move>,
    begun: u32,
    rests: u32,
    absent: u32,
    is_done: bool,
}

impl Track {
    fn go(&mut self, moved: Move, task: &Task) -> Result<(), &'static str> {
        use Move::{
            Begins, Ends, Happened, IsAbsent, IsAsked, IsDone, IsDoubted, IsLookedAt, IsSkipped,
            IsUnclear, Rests,
        };
        let may_repeat = task.effect.is_repeatable()
            || (task.on_doubt == OnDoubt::Repeat && task.check.is_none());
        let is_right = match (self.last, moved) {
            (Some(Happened | IsDone | Ends | IsSkipped), _) => return Err("goes on after its end"),
            (None | Some(Rests | IsAbsent), Begins) => true,
            (Some(IsDoubted), Begins) => may_repeat,
            (_, Begins) => return Err("begins without a doubt or a rest"),
            (Some(Begins), Rests | IsDoubted | IsDone) => true,
            (Some(IsDoubted | IsUnclear), IsLookedAt | IsAsked) => true,
            (Some(IsLookedAt), IsUnclear | IsAsked) => true,
            (Some(IsLookedAt | IsAsked), Happened | IsAbsent) => true,
            (None | Some(Rests), IsSkipped) => true,
            (Some(_), Ends) => true,
            (_, _) => false,
        };
        self.begun += u32::from(moved == Begins);
        self.rests += u32::from(moved == Rests);
        self.absent += u32::from(moved == IsAbsent);
        self.is_done |= matches!(moved, IsDone | Happened);
        self.last = Some(moved);
        if is_right { Ok(()) } else { Err("makes a move that does not follow") }
    }
}

/// What the outside says that the journal does not.
fn fault(task: &Task, track: Track, outside: Done) -> Option<&'static str> {
    let Done { requests, effects } = outside;
    let is_unsafe = task.effect == Effect::Unsafe && task.on_doubt != OnDoubt::Repeat;
    if track.begun < requests {
        Some("was asked for without being begun")
    } else if requests < effects {
        Some("has happened by itself")
    } else if is_unsafe && 1 + track.absent + track.rests < requests {
        Some("was asked for again without need")
    } else if is_unsafe && 1 < effects {
        Some("has happened twice")
    } else if task.effect == Effect::Keyed && 1 < effects {
        Some("has happened twice under one key")
    } else if track.is_done && effects == 0 && task.tool != work::plan::WAIT {
        Some("is done and has not happened")
    } else {
        None
    }
}

/// What came with an output is kept for as long as the plan.
fn check_attachments(stage: &Stage, tasks: &BTreeMap<&str, &Task>, history: &[Past<Event>]) {
    for past in history {
        let Event::Ended(ended) = &past.event else { continue };
        let Ending::Done(Output { attachments, .. }) = &ended.ending else { continue };
        let expected = tasks[ended.step.as_str()].args["attaches"].as_u64();
        assert_eq!(attachments.len(), expected.iter().count(), "{}", ended.step);
        for attachment in attachments {
            // While the journal was down it may have been lost, and then that is recorded.
            let Content::Kept { blob, bytes } = &attachment.content else { continue };
            let blob = blob.parse().expect("a blob has a name");
            let kept = block_on(stage.world.journal().blob(blob)).expect("the shelf is there");
            assert_eq!(kept.map(|kept| kept.len() as u64), Some(*bytes));
            assert_eq!(Some(*bytes), expected);
        }
    }
}
