//! What a node's clock shows while the world's time goes on: it may drift, stand still and jump.

use std::time::Duration;

const MILLION: i128 = 1_000_000;

/// Wall time of the world's first moment: far from zero, so that nobody takes one for the other.
const WALL_AT_START: Duration = Duration::from_secs(1_800_000_000);

/// The clock of one machine, which stays when the node on it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dial {
    /// The world's time and the dial's own at the last change of its speed, in nanoseconds.
    world: u64,
    own: u64,
    /// How much faster than the world it runs.
    drift_ppm: i32,
    stands_still: bool,
    /// What it showed when the world began: all walls show the same then.
    up: u64,
    wall_ahead_ms: i64,
}

impl Dial {
    /// A good clock; `own` is how long its machine had been up when the world began.
    pub(super) fn new(own: Duration) -> Self {
        let up = nanos(own);
        Dial { world: 0, own: up, drift_ppm: 0, stands_still: false, up, wall_ahead_ms: 0 }
    }

    /// Its monotonic time at a moment of the world.
    pub(super) fn own(&self, world: u64) -> u64 {
        let passed = i128::from(world.saturating_sub(self.world));
        let speed = match self.stands_still {
            true => 0,
            false => MILLION + i128::from(self.drift_ppm),
        };
        self.own + u64::try_from(passed * speed / MILLION).unwrap_or(0)
    }

    /// Its wall time at a moment of the world.
    pub(super) fn wall(&self, world: u64) -> Duration {
        let shown = WALL_AT_START + Duration::from_nanos(self.own(world) - self.up);
        let jump = Duration::from_millis(self.wall_ahead_ms.unsigned_abs());
        match self.wall_ahead_ms < 0 {
            true => shown.saturating_sub(jump),
            false => shown + jump,
        }
    }

    /// The first moment of the world at which it shows `own`; never while it stands still.
    pub(super) fn when(&self, own: u64) -> Option<u64> {
        let missing = i128::from(own.saturating_sub(self.own));
        if missing == 0 {
            return Some(self.world);
        }
        if self.stands_still {
            return None;
        }
        let speed = MILLION + i128::from(self.drift_ppm);
        let needed = (missing * MILLION + speed - 1) / speed;
        Some(self.world.saturating_add(u64::try_from(needed).unwrap_or(u64::MAX)))
    }

    /// Runs this much faster than the world from now on; slower below zero.
    pub(super) fn drift(&mut self, world: u64, ppm: i32) {
        assert!(-1_000_000 < ppm, "a clock that runs backwards is not monotonic");
        self.turn(world);
        self.drift_ppm = ppm;
    }

    pub(super) fn stand_still(&mut self, world: u64, stands_still: bool) {
        self.turn(world);
        self.stands_still = stands_still;
    }

    /// Moves the wall time alone; monotonic time never jumps.
    pub(super) fn jump(&mut self, ahead_ms: i64) {
        self.wall_ahead_ms += ahead_ms;
    }

    fn turn(&mut self, world: u64) {
        self.own = self.own(world);
        self.world = world;
    }
}

/// The most a `u64` holds is 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_drifting_dial_is_found_when_it_shows_a_time() {
        let mut dial = Dial::new(Duration::from_secs(5));
        assert_eq!(dial.own(SECOND), 6 * SECOND);
        dial.drift(SECOND, 1_000);
        assert_eq!(dial.own(2 * SECOND), 7 * SECOND + 1_000_000);
        for wanted in [6 * SECOND, 6 * SECOND + 1, 9 * SECOND + 17] {
            let when = dial.when(wanted).expect("it runs");
            assert!(wanted <= dial.own(when), "{wanted} is reached");
            assert!(when == SECOND || dial.own(when - 1) < wanted, "{wanted} is not passed before");
        }
    }

    #[test]
    fn a_dial_that_stands_still_reaches_nothing() {
        let mut dial = Dial::new(Duration::ZERO);
        dial.stand_still(SECOND, true);
        assert_eq!(dial.own(9 * SECOND), SECOND);
        assert_eq!((dial.when(SECOND), dial.when(SECOND + 1)), (Some(SECOND), None));
        dial.stand_still(9 * SECOND, false);
        assert_eq!(dial.own(10 * SECOND), 2 * SECOND);
    }

    #[test]
    fn a_jump_moves_the_wall_and_nothing_else() {
        let mut dial = Dial::new(Duration::ZERO);
        let before = dial.wall(SECOND);
        dial.jump(-3_600_000);
        assert_eq!(dial.wall(SECOND), before - Duration::from_secs(3_600));
        assert_eq!(dial.own(SECOND), SECOND);
    }
}
