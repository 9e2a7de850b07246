use std::sync::atomic::AtomicU32;

use super::*;
use crate::child::Supervisor;
use crate::spec::Strategy;

fn incarnation() -> Arc<Incarnation> {
    let root = Supervisor::new("root", Strategy::OneForOne).as_child();
    let seat = Seat::new(root.spec, 0, None);
    Arc::new(Incarnation::new(1, 1, Arc::new(seat)))
}

#[test]
fn what_is_left_to_the_end_is_done_once_and_at_once_when_that_has_come() {
    let incarnation = incarnation();
    let done = Arc::new(AtomicU32::new(0));
    let count = || {
        let done = Arc::clone(&done);
        move || {
            done.fetch_add(1, Ordering::SeqCst);
        }
    };
    incarnation.at_end(count());
    assert_eq!(done.load(Ordering::SeqCst), 0);
    incarnation.finish();
    assert_eq!(done.load(Ordering::SeqCst), 0, "its handler has ended; it is not over");
    incarnation.free_names();
    incarnation.fence();
    assert_eq!(done.load(Ordering::SeqCst), 1);
    incarnation.at_end(count());
    assert_eq!(done.load(Ordering::SeqCst), 2, "a name it took while it was cut off");
}

#[test]
fn it_is_over_when_the_last_hand_is_empty_or_when_it_is_fenced() {
    let told = Arc::new(AtomicU32::new(0));
    let tell = || {
        let told = Arc::clone(&told);
        move || {
            told.fetch_add(1, Ordering::SeqCst);
        }
    };
    let busy = incarnation();
    let (left, right) = (busy.hand(), busy.hand());
    assert!(!busy.is_over_or(tell()));
    drop(left);
    assert_eq!(told.load(Ordering::SeqCst), 0);
    drop(right);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert!(busy.is_over_or(tell()), "nothing is told where it can be seen");
    let stuck = incarnation();
    let _hand = stuck.hand();
    stuck.fence();
    assert!(stuck.is_over_or(tell()));
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[test]
fn code_runs_in_the_name_of_one_incarnation_at_a_time() {
    let (outer, inner) = (incarnation(), incarnation());
    inner.fence();
    assert!(!is_current_fenced(), "this test is nobody");
    outer.enter(|| {
        assert!(!is_current_fenced());
        inner.enter_blocking(|| assert!(is_current_fenced()));
        assert!(!is_current_fenced());
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| inner.enter(|| panic!("in passing"))));
    assert!(panicked.is_err() && !is_current_fenced());
}

#[test]
fn a_task_that_never_began_is_gone_before_its_hand_is_empty() {
    struct Drops(Arc<Incarnation>, Arc<AtomicU32>);
    impl Drop for Drops {
        fn drop(&mut self) {
            self.1.fetch_add(u32::from(self.0.has_hands_full()), Ordering::SeqCst);
        }
    }
    let (incarnation, in_time) = (incarnation(), Arc::new(AtomicU32::new(0)));
    let drops = Drops(Arc::clone(&incarnation), Arc::clone(&in_time));
    let work = async move {
        let _drops = drops;
    };
    drop(Arc::clone(&incarnation).run_task(work, incarnation.hand()));
    assert_eq!(in_time.load(Ordering::SeqCst), 1);
    assert!(!incarnation.has_hands_full());
}
