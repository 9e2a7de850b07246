use super::*;

fn backoff(first_ms: u64, cap_ms: u64) -> Backoff {
    Backoff {
        first: Duration::from_millis(first_ms),
        cap: Duration::from_millis(cap_ms),
        stable: Duration::from_secs(60),
        attempts_max: 5,
    }
}

#[test]
fn the_ceiling_doubles_with_each_attempt_up_to_the_cap() {
    let rows = [(0, 100), (1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (6, 1_000)];
    for (attempt, ceiling_ms) in rows {
        let ceiling = backoff(100, 1_000).ceiling(attempt);
        assert_eq!(ceiling, Duration::from_millis(ceiling_ms), "attempt {attempt}");
    }
    assert_eq!(backoff(100, 1_000).ceiling(u32::MAX), Duration::from_secs(1));
    let endless = Backoff { first: Duration::MAX, cap: Duration::MAX, ..backoff(1, 1) };
    assert_eq!(endless.ceiling(u32::MAX), Duration::MAX);
}

#[test]
fn the_delay_lies_between_half_of_the_ceiling_and_all_of_it() {
    let plan = backoff(100, 1_000);
    let rows = [(0, 200), (u64::MAX, 400), (1 << 63, 300)];
    for (roll, millis) in rows {
        assert_eq!(plan.delay(3, roll).as_millis(), millis, "{roll:x}");
    }
    for roll in (0..64).map(|bit| 1_u64 << bit) {
        let delay = plan.delay(20, roll);
        assert!(Duration::from_millis(500) <= delay && delay <= Duration::from_secs(1), "{roll}");
    }
}

#[test]
fn terms_that_contradict_themselves_are_refused() {
    let plain = Terms { restart: Restart::Transient, significant: false, backoff: None };
    let significant = Terms { significant: true, ..plain };
    let with = |backoff| Terms { backoff: Some(backoff), ..plain };
    let rows = [
        (plain, AutoShutdown::Never, true),
        (significant, AutoShutdown::Never, false),
        (significant, AutoShutdown::AnySignificant, true),
        (significant, AutoShutdown::AllSignificant, true),
        (Terms { restart: Restart::Temporary, ..significant }, AutoShutdown::AnySignificant, true),
        (Terms { restart: Restart::Permanent, ..significant }, AutoShutdown::AnySignificant, false),
        (with(backoff(100, 1_000)), AutoShutdown::Never, true),
        (with(backoff(100, 100)), AutoShutdown::Never, true),
        (with(backoff(100, 99)), AutoShutdown::Never, false),
        (with(backoff(0, 100)), AutoShutdown::Never, false),
        (with(Backoff { attempts_max: 0, ..backoff(1, 1) }), AutoShutdown::Never, false),
    ];
    for (terms, auto_shutdown, holds) in rows {
        let checked = terms.check(auto_shutdown);
        assert_eq!(checked.is_ok(), holds, "{terms:?} under {auto_shutdown:?}: {checked:?}");
    }
}

#[test]
fn an_intensity_needs_a_period_and_may_forgive_nothing() {
    let rows = [(0, 1, true), (3, 5, true), (u32::MAX, u64::MAX, true), (3, 0, false)];
    for (restarts_max, period_s, holds) in rows {
        assert_eq!(Intensity { restarts_max, period_s }.check().is_ok(), holds);
    }
}
