//! Two nodes that lose their work to each other, over and over, at moments that a seed decides.
//!
//! Whoever loses it lives on, stands still or crashes, comes back late, and is started anew. What
//! happens elsewhere happens once all the same; so the plans use no hands of the nodes themselves.

use std::time::Duration;

use kit::world::seeds;

use super::checker::check;
use super::people::Wish;
use super::script;
use super::stage::Stage;
use super::{NODE, OTHER};

/// How many worlds are visited. `just sim SEED` visits one.
const SEEDS: u64 = 80;
/// One of so many is visited twice, to see that the seed decides everything.
const TWICE_EVERY: u64 = 20;
const PLANS: u64 = 6;
const TURNS: u32 = 4;
const PAUSE_MAX_MS: u64 = 9_000;
const TOUCHES_MAX: u64 = 300;
const OVER_WITHIN: Duration = Duration::from_secs(1_200);

fn visit(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    stage.node(OTHER);
    for number in 0..PLANS {
        let script = script::random(stage.world.faults(), &["far"]);
        stage.open(&format!("open/{number}"), script);
    }
    for turn in 0..TURNS {
        go_on(&mut stage);
        take_over(&mut stage, turn);
    }
    stage.finish(OVER_WITHIN);
    stage
}

fn go_on(stage: &mut Stage) {
    let pause = stage.world.faults().below(PAUSE_MAX_MS);
    stage.go_on(Duration::from_millis(pause));
}

/// The one that people go to loses everything to the other, which they go to from then on.
fn take_over(stage: &mut Stage, turn: u32) {
    let (loser, heir) = match stage.asks {
        NODE => (NODE, OTHER),
        _ => (OTHER, NODE),
    };
    let plans: Vec<_> = stage.plans().into_iter().collect();
    let everybody = stage.everybody(loser);
    let faults = stage.world.faults();
    let (fault, touches) = (faults.below(5), faults.below(TOUCHES_MAX));
    let (plan, path) = (faults.pick(&plans).copied(), faults.pick(&everybody).cloned());
    match (fault, plan, path) {
        (0, _, _) => stage.world.crash_after(loser, touches),
        (1 | 2, _, _) => stage.world.freeze_after(loser, touches),
        (3, Some(run), _) => stage.wish(&format!("cancel/{turn}"), Wish::Cancel { run }),
        (_, _, Some(path)) => stage.world.kill_after(loser, touches, &path),
        (_, _, _) => {}
    }
    go_on(stage);
    stage.world.end_lease(loser);
    stage.asks = heir;
    go_on(stage);
    go_on(stage);
    stage.world.thaw(loser);
    go_on(stage);
    // A node that has lost its lease ends when it learns of that.
    stage.world.crash(loser);
    stage.world.boot_again(loser);
}

#[test]
fn whoever_has_lost_its_work_and_whenever_it_comes_back_every_plan_ends_and_nothing_is_doubled() {
    let seeds = seeds(SEEDS);
    eprintln!("{} seeds", seeds.len());
    let mut superseded = 0;
    for (number, seed) in (0..).zip(seeds) {
        let stage = visit(seed);
        check(&stage);
        let lines = stage.world.lines();
        superseded += lines.iter().filter(|line| line.what == "is superseded").count();
        if number % TWICE_EVERY == 0 {
            assert!(
                stage.world.trace() == visit(seed).world.trace(),
                "seed {seed} gave two traces"
            );
        }
    }
    eprintln!("{superseded} late appends were refused");
}
