use super::{distance, nearest};

#[test]
fn a_slip_of_the_fingers_is_one_step() {
    let rows = [
        ("", "", 0),
        ("listen", "listen", 0),
        ("Listen", "listen", 0),
        ("lisen", "listen", 1),
        ("lissten", "listen", 1),
        ("lisden", "listen", 1),
        ("lsiten", "listen", 1),
        ("", "listen", 6),
        ("kitten", "sitting", 3),
    ];
    for (one, other, steps) in rows {
        assert_eq!(distance(one, other), steps, "{one} {other}");
        assert_eq!(distance(other, one), steps, "{other} {one}");
    }
}

#[test]
fn the_nearest_word_is_offered_and_a_far_one_is_not() {
    let known = ["listen", "runtime", "watchdog_threshold"];
    let rows = [
        ("lisen", Some("listen")),
        ("LISTEN", Some("listen")),
        ("runtme", Some("runtime")),
        ("watchdog_treshhold", Some("watchdog_threshold")),
        ("colour", None),
        ("", None),
        ("l", None),
    ];
    for (word, expected) in rows {
        assert_eq!(nearest(word, known), expected, "{word}");
    }
}
