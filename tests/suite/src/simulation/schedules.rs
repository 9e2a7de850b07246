//! Plans that a seed decides, under faults that it decides too.

use std::time::Duration;

use domain::approval::ApprovalId;
use domain::id::Address;
use kit::world::seeds;
use serde_json::json;

use super::checker::check;
use super::people::{Answer, Wish};
use super::stage::{SIGNAL_NAME, Stage};
use super::{NODE, script, workflow};

/// How many worlds are visited. `just sim SEED` visits one.
const SEEDS: u64 = 400;
/// One of so many is visited twice, to see that the seed decides everything.
const TWICE_EVERY: u64 = 20;
const PLANS: (u64, u64) = (5, 10);
const FAULTS: u32 = 12;
const PAUSE_MAX_MS: u64 = 3_000;
const TOUCHES_MAX: u64 = 300;
/// How long the journal takes for a commit, or is away, now and then; one time in four it is longer
/// than anybody waits for it.
const STALL_MAX_MS: u64 = 4_000;
const STALL_LONG_MAX_MS: u64 = 40_000;
/// What runs then rests, waits, doubts and asks for no longer than this.
const OVER_WITHIN: Duration = Duration::from_secs(1_200);

/// Everything that the tests of a lock and of a narrow lane call by these names.
const USED: [&str; 3] = ["narrow", "x", "y"];

fn visit(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    let (least, most) = PLANS;
    for number in 0..least + stage.world.faults().below(most - least + 1) {
        let faults = stage.world.faults();
        let plan = match faults.below(3) {
            0 => workflow::random(faults),
            _ => script::random(faults, &["near", "far"]),
        };
        stage.open(&format!("open/{number}"), plan);
    }
    for number in 0..FAULTS {
        strike(&mut stage, number);
        let pause = stage.world.faults().below(PAUSE_MAX_MS);
        stage.go_on(Duration::from_millis(pause));
        stage.world.stall_journal(None);
    }
    mend(&mut stage);
    stage.finish(OVER_WITHIN);
    stage
}

fn mend(stage: &mut Stage) {
    stage.world.stall_journal(None);
    let journal = stage.world.journal();
    journal.refuse_appends(0);
    journal.lose_answers(0);
}

fn strike(stage: &mut Stage, number: u32) {
    // The end of the root is the end of the process, which crashes stand for.
    let everybody = stage.everybody(NODE);
    let plans: Vec<_> = stage.plans().into_iter().collect();
    let world = &mut stage.world;
    let faults = world.faults();
    let (fault, touches) = (faults.below(18), faults.below(TOUCHES_MAX));
    let count = 1 + faults.below(3) as u32;
    let most_ms = if faults.below(4) == 0 { STALL_LONG_MAX_MS } else { STALL_MAX_MS };
    let ms = faults.below(most_ms);
    let (path, plan) = (faults.pick(&everybody).cloned(), faults.pick(&plans).copied());
    let signed = |most: u64| i64::try_from(faults.below(2 * most + 1)).unwrap_or(0);
    let (ahead_ms, ppm) = (signed(1_000) - 1_000, signed(500) - 500);
    match (fault, path, plan) {
        (0..3, _, _) => world.crash_after(NODE, touches),
        (3..6, Some(path), _) => world.kill_after(NODE, touches, &path),
        (6, _, _) => world.stall_journal(Some(Duration::from_millis(ms))),
        (7, _, _) => world.journal().lose_answers(count),
        (8, _, _) => world.journal().refuse_appends(count),
        (9, _, _) => world.crash_journal(Duration::from_millis(ms)),
        (10, _, _) => {
            world.drift(NODE, i32::try_from(ppm).unwrap_or(0));
            world.jump_wall(NODE, ahead_ms);
        }
        (11, _, _) => {
            world.freeze_after(NODE, touches);
            world.run_for(Duration::from_millis(ms));
            world.thaw(NODE);
        }
        (12, _, Some(run)) => stage.wish(&format!("cancel/{number}"), Wish::Cancel { run }),
        (_, _, Some(run)) => interfere(stage, fault, number, run),
        (_, _, _) => {}
    }
}

/// Somebody says something to a plan that may wait for it, or for something else.
fn interfere(stage: &mut Stage, fault: u64, number: u32, run: Address) {
    let faults = stage.world.faults();
    let (which, granted) = (1 + faults.below(2) as u32, faults.below(3) != 0);
    let wish = match fault {
        13 => Wish::Signal { run, name: SIGNAL_NAME.to_owned(), data: json!({ "by": number }) },
        14 => Wish::Give { run, name: "tag".to_owned(), value: json!(format!("v{number}")) },
        15 => Wish::Resume { run, at: None },
        _ => Wish::Allow { approval: ApprovalId { run, number: which }, granted },
    };
    stage.wish(&format!("strike/{number}"), wish);
}

#[test]
fn whatever_breaks_at_whatever_moment_every_plan_ends_and_nothing_happens_twice() {
    let seeds = seeds(SEEDS);
    eprintln!("{} seeds", seeds.len());
    for (number, seed) in (0..).zip(seeds) {
        let stage = visit(seed);
        check(&stage);
        for used in USED {
            assert!(stage.world.most_at_once(used) <= 1, "{used} is for one at a time");
        }
        let opened = stage.answers().into_values().flatten();
        let opened = opened.filter(|answer| matches!(answer, Answer::Opened(_))).count();
        assert_eq!(opened, stage.plans().len());
        if number % TWICE_EVERY == 0 {
            let again = visit(seed);
            let (one, two) = (stage.world.lines(), again.world.lines());
            let differs = one.iter().zip(&two).find(|(one, two)| one != two);
            assert!(differs.is_none(), "seed {seed} gave two traces: {differs:#?}");
            assert_eq!(one.len(), two.len(), "seed {seed} gave two traces");
        }
    }
}
