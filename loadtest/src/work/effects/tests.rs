use super::*;

fn effects(lines: &[(&str, u64)]) -> Effects {
    Effects(lines.iter().map(|(key, at)| ((*key).to_owned(), *at)).collect())
}

#[test]
fn a_repeat_is_no_new_effect() {
    let before = effects(&[("a/s0", 1), ("b/s0", 2)]);
    let after = effects(&[("a/s0", 10), ("a/s1", 12), ("b/s1", 11)]);
    assert_eq!(after.first_new_at_us(&before), 11.0);
    assert_eq!(before.and(&after).distinct(), 4);
    assert_eq!(before.and(&after).count(), 5);
}

#[test]
fn a_plan_that_never_comes_back_is_waited_for_in_vain() {
    let before = effects(&[("a/s0", 1), ("b/s0", 2), ("c/s0", 3), ("c/s1", 4)]);
    let some = effects(&[("a/s1", 10)]);
    assert_eq!(some.last_plan_at_us(&before, 2), f64::INFINITY);
    let all = effects(&[("a/s1", 10), ("b/s0", 11), ("b/s1", 12)]);
    assert_eq!(all.last_plan_at_us(&before, 2), 11.0);
}
