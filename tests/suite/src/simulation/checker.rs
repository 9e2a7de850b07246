//! What must hold when all is over, of whatever was done to the house meanwhile.
//!
//! It looks at the book of the outside and at the journal, and at nothing that the house says.

mod course;
mod frame;
mod track;

use std::collections::{BTreeMap, BTreeSet};

use domain::approval::Verdict;
use domain::id::Address;
use domain::journal::{Journal as _, Ordinal, Seq};
use domain::records::{Query, State};
use domain::tool::{Content, Effect, OnDoubt, Output};
use futures::executor::block_on;
use kit::world::Done;
use runtime::durable::{Past, Replayed, replay};
use work::plan::{Ending, Event, Outcome, Plan, Task};

use self::frame::Frame;
use self::track::{Move, Track, move_of};
use super::people::{Answer, Wanted, Wish};
use super::stage::{Stage, short};

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
            let is_late = match answer {
                Some(Answer::Refused(_)) => true,
                Some(Answer::Allowed(answered)) => !answered.is_first,
                Some(Answer::Opened(_) | Answer::Done) | None => false,
            };
            assert!(is_late, "{waiting:?}: {answer:?}");
        }
        check_plan(stage, entry.entity);
    }
    let plans = stage.plans();
    for (key, answer) in stage.answers() {
        match answer {
            Some(Answer::Opened(plan)) => assert!(plans.contains(&plan), "{key} is there"),
            Some(Answer::Done | Answer::Allowed(_) | Answer::Refused(_)) => {}
            None => panic!("{key} was never answered"),
        }
    }
    check_told(stage);
}

/// Of every approval all are told the same, and one of them that it was they.
fn check_told(stage: &Stage) {
    let mut firsts = BTreeSet::new();
    for (key, Wanted { wish, answer, .. }) in stage.people.wishes().iter() {
        let (Wish::Allow { approval, granted }, Some(Answer::Allowed(told))) = (wish, answer)
        else {
            continue;
        };
        let history = stage.history(approval.run);
        let recorded = history.iter().find_map(|past| {
            let Event::Answered(answered) = &past.event else { return None };
            (answered.number == approval.number).then_some(answered.verdict)
        });
        assert_eq!(recorded, Some(told.verdict), "{key}");
        if told.is_first {
            let said = if *granted { Verdict::Granted } else { Verdict::Denied };
            assert_eq!(said, told.verdict, "{key} decided it");
            assert!(firsts.insert(*approval), "{approval} was decided twice");
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

    let frame = Frame::of(&history);
    if let Err(what) = course::check(&frame, &history) {
        panic!("{plan} {what}\n{}", story());
    }
    let mut tracks: BTreeMap<&str, Track> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for past in &history {
        let Some((id, moved)) = move_of(&past.event) else { continue };
        let task = frame.task(id).unwrap_or_else(|| panic!("{plan} has no {id}\n{}", story()));
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
    let outside = stage.world.outside();
    let asked = outside.keys().filter_map(|key| key.strip_prefix(&format!("{plan}/")));
    let ids: BTreeSet<&str> = frame.ids().chain(tracks.keys().copied()).chain(asked).collect();
    for id in ids {
        let task = frame.task(id).unwrap_or_else(|| panic!("{plan} has no {id}\n{}", story()));
        let track = tracks.get(id).copied().unwrap_or_default();
        let outside = stage.done(plan, id);
        if let Some(what) = fault(task, track, outside) {
            panic!("{plan}/{id} {what}: {outside:?} {track:?}\n{}", story());
        }
        let is_done = frame.is_written() || frame.outcome != Outcome::Completed || track.is_done;
        assert!(is_done, "{plan} is completed without {id}\n{}", story());
    }
    check_attachments(stage, &frame, &history);
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
    } else if track.is_done && effects == 0 && !task.is_handless() {
        Some("is done and has not happened")
    } else {
        None
    }
}

/// What came with an output is kept for as long as the plan.
fn check_attachments(stage: &Stage, frame: &Frame<'_>, history: &[Past<Event>]) {
    for past in history {
        let Event::Ended(ended) = &past.event else { continue };
        let Ending::Done(Output { attachments, .. }) = &ended.ending else { continue };
        let expected = frame.task(&ended.step).and_then(|task| task.args["attaches"].as_u64());
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
