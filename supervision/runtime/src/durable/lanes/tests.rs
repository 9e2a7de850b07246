use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

fn board(permits: &[(&str, u32)]) -> Arc<Board> {
    let permits = permits.iter().map(|(name, count)| ((*name).into(), *count)).collect();
    Board::new(Lanes { permits, others: 1 }, Arc::default())
}

fn wants(names: &[&str]) -> Arc<[Lane]> {
    names.iter().map(|name| Lane::Named((*name).into())).collect()
}

fn queue(board: &Arc<Board>, names: &[&str]) -> (Ticket, Arc<AtomicU32>) {
    queue_as(board, names, Priority::Normal)
}

fn queue_as(board: &Arc<Board>, names: &[&str], priority: Priority) -> (Ticket, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let called = Arc::clone(&calls);
    let ticket = board.queue(&wants(names), priority, move || {
        called.fetch_add(1, Ordering::Relaxed);
    });
    (ticket, calls)
}

#[test]
fn a_lane_gives_as_many_permits_as_it_has() {
    let board = board(&[("a", 2)]);
    let first = board.take(&wants(&["a"])).expect("the first is free");
    let second = board.take(&wants(&["a"])).expect("the second is free");
    assert!(board.take(&wants(&["a"])).is_none());
    assert!(board.take(&wants(&["b"])).is_some());
    drop(first);
    assert!(board.take(&wants(&["a"])).is_some());
    drop(second);
}

#[test]
fn two_who_name_the_same_lock_never_have_it_together() {
    let board = board(&[]);
    let lock: Arc<[Lane]> = [Lane::Lock("db".into())].into();
    let held = board.take(&lock).expect("it is free");
    assert!(board.take(&lock).is_none());
    // A lane of the same name is another thing.
    assert!(board.take(&wants(&["db"])).is_some());
    drop(held);
    assert!(board.take(&lock).is_some());
}

/// In which order those who wait for one permit get it.
fn order(priorities: &[Priority]) -> Vec<usize> {
    let board = board(&[]);
    let held = board.take(&wants(&["a"])).expect("it is free");
    let mut waiting: Vec<_> =
        priorities.iter().map(|priority| Some(queue_as(&board, &["a"], *priority).0)).collect();
    drop(held);
    let mut order = Vec::new();
    while let Some((at, permit)) =
        waiting.iter().enumerate().find_map(|(at, ticket)| Some((at, ticket.as_ref()?.take()?)))
    {
        order.push(at);
        waiting[at] = None;
        drop(permit);
    }
    assert_eq!(order.len(), priorities.len(), "everybody gets it");
    order
}

#[test]
fn who_is_urgent_goes_before_others_and_nobody_waits_for_ever() {
    use Priority::{High, Low, Normal};
    assert_eq!(order(&[Low, Normal, High, Normal, High, Low]), [2, 4, 1, 3, 0, 5]);
    // Whoever was there long before is not passed any more.
    let mut many = vec![High; 100];
    many[0] = Normal;
    let order = order(&many);
    assert_eq!(order.iter().position(|at| *at == 0), Some(PASSED_MAX as usize - 1));
}

#[test]
fn who_waits_is_called_once_when_all_is_free() {
    let board = board(&[]);
    let a = board.take(&wants(&["a"])).expect("free");
    let b = board.take(&wants(&["b"])).expect("free");
    let (ticket, calls) = queue(&board, &["a", "b"]);
    drop(a);
    assert!(ticket.take().is_none(), "it wants both");
    drop(b);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let both = ticket.take().expect("both are free");
    assert!(board.take(&wants(&["a"])).is_none());
    drop(both);
    assert!(board.take(&wants(&["b"])).is_some());
}

#[test]
fn what_an_earlier_one_waits_for_is_not_given_to_a_later_one() {
    let board = board(&[]);
    let a = board.take(&wants(&["a"])).expect("free");
    let (early, _) = queue(&board, &["a", "b"]);
    let (late, _) = queue(&board, &["b"]);
    assert!(late.take().is_none(), "b is kept for the earlier one");
    assert!(board.take(&wants(&["b"])).is_none(), "also from who does not wait");
    drop(a);
    let both = early.take().expect("it came first");
    assert!(late.take().is_none());
    drop(both);
    assert!(late.take().is_some());
}

#[test]
fn who_leaves_the_queue_holds_nobody_up() {
    let board = board(&[]);
    let a = board.take(&wants(&["a"])).expect("free");
    let (gone, _) = queue(&board, &["a", "b"]);
    let (late, _) = queue(&board, &["b"]);
    drop(gone);
    assert!(late.take().is_some());
    let (unheard, _) = queue(&board, &["a"]);
    drop(a);
    // It was put down for somebody who left without looking.
    drop(unheard);
    assert!(board.take(&wants(&["a"])).is_some());
}

#[test]
fn several_who_wait_for_one_lane_are_served_together_as_far_as_it_goes() {
    let board = board(&[("a", 3)]);
    let held: Vec<Permit> = (0..3).filter_map(|_| board.take(&wants(&["a"]))).collect();
    let tickets: Vec<Ticket> = (0..4).map(|_| queue(&board, &["a"]).0).collect();
    drop(held);
    let served: Vec<Permit> = tickets.iter().filter_map(Ticket::take).collect();
    assert_eq!(served.len(), 3);
    assert!(tickets[3].take().is_none());
    drop(served);
    assert!(tickets[3].take().is_some());
}

#[test]
fn a_closed_board_gives_nothing_to_who_asks_and_to_who_waits() {
    let board = board(&[]);
    let held = board.take(&wants(&["a"])).expect("free");
    let (waits, calls) = queue(&board, &["a"]);
    board.close();
    assert!(board.take(&wants(&["b"])).is_none(), "b is free, and nobody gets it");
    drop(held);
    let (late, _) = queue(&board, &["b"]);
    assert!(waits.take().is_none() && late.take().is_none());
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    // Who leaves makes room for nobody either.
    drop(waits);
    assert!(late.take().is_none());
}

#[test]
fn a_board_is_idle_when_the_last_permit_is_back() {
    let board = board(&[]);
    let (a, b) = (board.take(&wants(&["a"])), board.take(&wants(&["b"])));
    let (ticket, _) = queue(&board, &["a"]);
    board.close();
    drop(a);
    assert!(!board.is_idle());
    drop(b);
    assert!(board.is_idle(), "who waits holds nothing");
    drop(ticket);
}

#[test]
fn what_was_put_down_before_the_end_is_out_until_it_is_given_back() {
    let board = board(&[]);
    let (ticket, calls) = queue(&board, &["a"]);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    board.close();
    assert!(!board.is_idle());
    drop(ticket);
    assert!(board.is_idle());
}
