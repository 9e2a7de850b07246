//! The trees whose actors are made to crash, and those who do it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::spec::{Intensity, Shutdown, Strategy};
use runtime::{Node, Supervisor, Worker};
use tokio::task::JoinHandle;

use super::seat::{Seat, Watch};
use super::{Budget, Deed, Hands, Inside, NO_LIMIT, PAUSE_MAX_MS, SPIN, Scatter, Subject, Target};

const FLAT: usize = 64;
/// Trees of each kind in which a supervisor ends with its children.
const NESTED: usize = 16;
const BELOW: usize = 3;
/// The first crash is one too many.
const NO_RESTARTS: Intensity = Intensity { restarts_max: 0, period_s: 1 };

type Driver = JoinHandle<anyhow::Result<()>>;

/// A tree in which one crash ends others too.
#[derive(Clone)]
struct Family {
    /// Whoever is made to crash.
    culprit: Target,
    /// Whoever ends with it and comes back.
    others: Vec<Target>,
}

pub(super) struct Trees {
    supervisors: Vec<Supervisor>,
    flat: Vec<Target>,
    families: Vec<Family>,
    spinners: Vec<Target>,
}

impl Trees {
    pub(super) fn new(node: &Node, watch: &Arc<Watch>, spinners: usize) -> Self {
        let mut trees =
            Trees { supervisors: vec![], flat: vec![], families: vec![], spinners: vec![] };
        let one_for_one = |id: &str| Supervisor::new(id, Strategy::OneForOne).intensity(NO_LIMIT);
        let (flat, targets) = staff(node, watch, one_for_one("flat"), FLAT);
        trees.supervisors.push(flat);
        trees.flat = targets;
        for number in 0..NESTED {
            trees.add_killed_brutally(node, watch, number);
            trees.add_giving_up(node, watch, number);
        }
        let (spinning, targets) = staff(node, watch, one_for_one("spinning"), spinners);
        trees.supervisors.push(spinning);
        trees.spinners = targets;
        trees
    }

    /// A supervisor whose sibling crashes under `one_for_all`: it is killed, not asked.
    fn add_killed_brutally(&mut self, node: &Node, watch: &Arc<Watch>, number: usize) {
        let all = Supervisor::new(&format!("pair{number}"), Strategy::OneForAll);
        let (all, mut culprit) = staff(node, watch, all.intensity(NO_LIMIT), 1);
        let below = Supervisor::new("below", Strategy::OneForOne).shutdown(Shutdown::Brutal);
        let (below, others) = staff(node, watch, below.intensity(NO_LIMIT), BELOW);
        self.supervisors.push(all.child(below.as_child()));
        let culprit = culprit.remove(0);
        self.families.push(Family { culprit, others });
    }

    /// A supervisor that gives up at the first crash, and is restarted by its own.
    fn add_giving_up(&mut self, node: &Node, watch: &Arc<Watch>, number: usize) {
        let gives_up = Supervisor::new(&format!("brittle{number}"), Strategy::OneForOne);
        let (gives_up, mut others) = staff(node, watch, gives_up.intensity(NO_RESTARTS), BELOW + 1);
        self.supervisors.push(gives_up);
        let culprit = others.remove(0);
        self.families.push(Family { culprit, others });
    }

    pub(super) fn hang(&self, root: Supervisor) -> Supervisor {
        self.supervisors.iter().fold(root, |root, supervisor| root.child(supervisor.as_child()))
    }

    /// Everybody who makes actors crash; over when the budget is spent and all have spun.
    pub(super) fn drive(&self, inside: &Inside, budget: &Budget, spinning: usize) -> Vec<Driver> {
        let mut drivers = Vec::new();
        for target in &self.flat {
            let family = Family { culprit: target.clone(), others: Vec::new() };
            drivers.push(inside.start(drive(family, budget.clone(), drivers.len())));
        }
        for family in &self.families {
            drivers.push(inside.start(drive(family.clone(), budget.clone(), drivers.len())));
        }
        let (turns, spinners) = (Arc::new(AtomicUsize::new(0)), Arc::new(self.spinners.clone()));
        for _ in 0..spinning {
            drivers.push(inside.start(spin(Arc::clone(&spinners), Arc::clone(&turns))));
        }
        drivers
    }
}

/// Adds this many subjects to a supervisor.
fn staff(
    node: &Node,
    watch: &Arc<Watch>,
    mut supervisor: Supervisor,
    count: usize,
) -> (Supervisor, Vec<Target>) {
    let mut targets = Vec::with_capacity(count);
    for number in 0..count {
        let seat = Arc::new(Seat::default());
        let (own_seat, watch) = (Arc::clone(&seat), Arc::clone(watch));
        let make = move || Subject::new(&own_seat, &watch);
        let (child, handle) = Worker::new(&format!("s{number}"), "subject", make).on(node);
        supervisor = supervisor.child(child);
        targets.push(Target { seat, handle });
    }
    (supervisor, targets)
}

/// Crashes one family again and again until the budget is spent.
async fn drive(family: Family, budget: Budget, seed: usize) -> anyhow::Result<()> {
    let mut scatter = Scatter::from_seed(seed as u64 + 1);
    while budget.take() {
        let before: Vec<u64> = family.others.iter().map(|other| other.seat.sits()).collect();
        for other in &family.others {
            // Whoever has something in hand already, or is on its way back, may refuse.
            let _ = other.handle.tell(Deed::Work(Hands::by_chance(&mut scatter)));
        }
        let after = family.culprit.seat.sits();
        family.culprit.crash(&mut scatter).await;
        family.culprit.replaced(after).await?;
        for (other, before) in family.others.iter().zip(before) {
            other.replaced(before).await?;
        }
        let pause = scatter.below(PAUSE_MAX_MS) as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}

/// Has each spinner spin once, one after the other.
async fn spin(spinners: Arc<Vec<Target>>, turns: Arc<AtomicUsize>) -> anyhow::Result<()> {
    while let Some(spinner) = spinners.get(turns.fetch_add(1, Ordering::SeqCst)) {
        let after = spinner.seat.sits();
        anyhow::ensure!(spinner.handle.tell(Deed::Spin(SPIN)).is_ok(), "nobody there to spin");
        spinner.replaced(after).await?;
        // Its thread comes back when the spin is over, and with it the next one's turn.
        tokio::time::sleep(SPIN).await;
    }
    Ok(())
}
