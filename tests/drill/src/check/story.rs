//! What a history says of each step: how often it was begun, and with what right.

use std::collections::BTreeMap;

use domain::tool::Effect;
use work::plan::{Ending, Event};

use super::Happened;
use crate::script;

/// What a history says of one step.
#[derive(Default)]
pub(super) struct Story {
    pub(super) begun: usize,
    /// How often it was found not to have happened.
    pub(super) absent: usize,
    pub(super) is_done: bool,
    may_begin: Begin,
    pub(super) unexplained: Vec<String>,
}

/// Whether it may be begun now.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Begin {
    #[default]
    First,
    /// It is under way, or may be, or is over.
    No,
    /// Doing it again is harmless, or it is known not to have happened.
    Again,
}

pub(super) fn stories(history: &[Happened]) -> BTreeMap<&str, Story> {
    let mut stories: BTreeMap<&str, Story> = BTreeMap::new();
    for Happened { seq, event, .. } in history {
        match event {
            Event::Begun(begun) => {
                let story = stories.entry(&begun.step).or_default();
                if story.may_begin == Begin::No {
                    story.unexplained.push(format!("is begun again by event {seq}"));
                }
                story.begun += 1;
                story.may_begin = Begin::No;
            }
            Event::Doubted(doubted) => {
                let is_repeatable =
                    script::effect(&doubted.step).is_some_and(Effect::is_repeatable);
                let story = stories.entry(&doubted.step).or_default();
                story.may_begin = if is_repeatable { Begin::Again } else { Begin::No };
            }
            Event::Rested(rested) => {
                stories.entry(&rested.step).or_default().may_begin = Begin::Again;
            }
            Event::Settled(settled) => {
                let story = stories.entry(&settled.step).or_default();
                match settled.happened {
                    true => story.is_done = true,
                    false => {
                        story.absent += 1;
                        story.may_begin = Begin::Again;
                    }
                }
            }
            Event::Ended(ended) => {
                let story = stories.entry(&ended.step).or_default();
                story.is_done = matches!(ended.ending, Ending::Done(_));
                story.may_begin = Begin::No;
            }
            Event::Opened(_)
            | Event::Planned(_)
            | Event::Checking(_)
            | Event::Unclear(_)
            | Event::Asked(_)
            | Event::Sought(_)
            | Event::Answered(_)
            | Event::Signaled(_)
            | Event::Given(_)
            | Event::Reused(_)
            | Event::Paused(_)
            | Event::Resumed(_)
            | Event::Undoing(_)
            | Event::Cancelling(_)
            | Event::Closed(_) => {}
        }
    }
    stories
}
