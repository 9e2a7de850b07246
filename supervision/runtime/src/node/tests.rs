use super::*;
use crate::clock::SystemClock;

struct NoDice;

impl Dice for NoDice {
    fn roll(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_root_whose_own_actor_ends_has_given_up() {
    let clock = Arc::new(SystemClock::new());
    let node = Node::new(&Options::default(), clock, Arc::new(NoDice), None).expect("threads");
    node.plant(&Supervisor::new("root", Strategy::OneForOne)).expect("a tree");
    assert_eq!(node.reached(Phase::Starting).await, Phase::Ready);
    node.shared().find(&mut |incarnation| incarnation.kill());
    assert_eq!(node.reached(Phase::Ready).await, Phase::GaveUp);
    assert_eq!(node.why(), "its own actor ended, out of order");
}
