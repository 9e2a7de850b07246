//! The way of one step through the history of its plan.

use domain::tool::OnDoubt;
use work::plan::{Ending, Event, Task};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
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

pub(super) fn move_of(event: &Event) -> Option<(&str, Move)> {
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
pub(super) struct Track {
    last: Option<Move>,
    pub(super) begun: u32,
    pub(super) rests: u32,
    pub(super) absent: u32,
    pub(super) is_done: bool,
}

impl Track {
    pub(super) fn go(&mut self, moved: Move, task: &Task) -> Result<(), &'static str> {
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
            // Nobody has allowed it.
            (None, Ends) => task.approval.is_some(),
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
