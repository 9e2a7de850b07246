//! What `domain::lease` promises, and what claims and sweeps make of it.

use std::time::Duration;

use domain::journal::{Append, Before, Boot, Claim, Claimed, Due, Unclaimed};

use super::adapters::{Both, conformance};
use super::journal::{append, appended, id, plan, post, taken};

const LONG: Duration = Duration::from_secs(3_600);

async fn claim(both: &dyn Both, boot: Boot) -> Result<Claimed, Unclaimed> {
    let claim = Claim { entity: plan(1), boot, format: 1 };
    both.claim(claim).await.expect("the journal works")
}

/// Who finds the plan, as something to do.
async fn finds(both: &dyn Both, boot: Boot) -> bool {
    let due = both.due(boot, None, 10).await.expect("the journal works");
    due.iter().any(|Due { entity, .. }| *entity == plan(1))
}

async fn begin(both: &dyn Both, node: u8, boot: u8, lasts: Duration) {
    both.begin(id(node), id(boot), lasts).await.expect("the journal works");
}

async fn renew(both: &dyn Both, node: u8, boot: u8, lasts: Duration) -> bool {
    both.renew(id(node), id(boot), lasts).await.expect("the journal works")
}

/// One node lives, and has the plan, which owes something.
async fn held(both: &dyn Both) {
    begin(both, 1, 11, LONG).await;
    begin(both, 2, 12, LONG).await;
    taken(both, post(plan(1), "a")).await;
    let claimed = claim(both, id(11)).await.expect("it is free");
    appended(both, Append { owes: 1, ..append(plan(1), &claimed, 1) }).await;
}

conformance! {
    async fn what_a_living_node_has_is_nobody_elses(both) {
        held(both).await;
        assert_eq!(claim(both, id(12)).await, Err(Unclaimed::Held(plan(1))));
        assert!(!finds(both, id(12)).await);
        assert!(finds(both, id(11)).await);
        let again = claim(both, id(11)).await.expect("it is its own");
        assert_eq!((again.epoch.0, again.before), (2, Before::Crashed));
    }

    async fn what_a_node_had_whose_lease_has_ended_is_taken_over(both) {
        held(both).await;
        assert!(renew(both, 1, 11, Duration::ZERO).await);
        assert!(finds(both, id(12)).await);
        let taken = claim(both, id(12)).await.expect("its lease has ended");
        assert_eq!((taken.epoch.0, taken.before), (2, Before::TakenOver));
        // It thaws, and finds that it has it no more.
        assert!(renew(both, 1, 11, LONG).await);
        assert_eq!(claim(both, id(11)).await, Err(Unclaimed::Held(plan(1))));
    }

    async fn what_a_node_had_that_is_over_is_free_at_once(both) {
        held(both).await;
        both.end(id(1), id(11)).await.expect("the journal works");
        let taken = claim(both, id(12)).await.expect("it is over");
        assert_eq!(taken.before, Before::Crashed);
    }

    async fn another_boot_of_a_node_stands_in_for_the_one_before(both) {
        held(both).await;
        begin(both, 1, 21, LONG).await;
        assert!(!renew(both, 1, 11, LONG).await, "it is over");
        let taken = claim(both, id(21)).await.expect("the one before is over");
        assert_eq!(taken.before, Before::Crashed);
        both.end(id(1), id(11)).await.expect("the journal works");
        assert!(renew(both, 1, 21, LONG).await, "the end of the one before is not its own");
        assert_eq!(claim(both, id(12)).await, Err(Unclaimed::Held(plan(1))));
    }

    async fn a_sweep_passes_over_those_of_others(both) {
        begin(both, 1, 11, LONG).await;
        for number in 1..=9 {
            taken(both, post(plan(number), "a")).await;
            let claim = Claim { entity: plan(number), boot: id(11), format: 1 };
            let claimed = both.claim(claim).await.expect("the journal works").expect("it is free");
            let owes = Append { owes: 1, ..append(plan(number), &claimed, number) };
            appended(both, owes).await;
        }
        taken(both, post(plan(10), "a")).await;
        let due = both.due(id(12), None, 2).await.expect("the journal works");
        assert_eq!(due, [Due { entity: plan(10), at: None }]);
    }
}
