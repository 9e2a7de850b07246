//! How late the beats were: the last minute of them.

use std::collections::VecDeque;
use std::time::Duration;

/// Beats remembered; one a second makes a minute.
const BEATS_MAX: usize = 60;

/// The lags of the last beats, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lags {
    recent: VecDeque<Duration>,
}

impl Lags {
    pub(super) fn note(&mut self, lag: Duration) {
        if self.recent.len() == BEATS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(lag);
    }

    /// The worst lag of the last minute; nothing before the first beat.
    pub fn worst(&self) -> Option<Duration> {
        self.recent.iter().max().copied()
    }

    /// The lag of the last beat.
    pub fn last(&self) -> Option<Duration> {
        self.recent.back().copied()
    }
}

pub(super) fn millis(lag: Duration) -> u64 {
    u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_remembered_and_no_more() {
        let mut lags = Lags::default();
        assert_eq!((lags.last(), lags.worst()), (None, None));
        lags.note(Duration::from_secs(9));
        for beat in 0..59 {
            lags.note(Duration::from_millis(beat));
        }
        assert_eq!(lags.worst(), Some(Duration::from_secs(9)));
        lags.note(Duration::from_millis(7));
        assert_eq!(lags.worst(), Some(Duration::from_millis(58)));
        assert_eq!(lags.last(), Some(Duration::from_millis(7)));
    }
}
