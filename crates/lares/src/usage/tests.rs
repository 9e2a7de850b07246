use clap::{CommandFactory, Parser};

use super::unknown;
use crate::Line;

#[test]
fn the_command_line_does_not_contradict_itself() {
    Line::command().debug_assert();
}

#[test]
fn what_is_unknown_is_asked_about() {
    let rows = [
        ("upp", "unknown verb `upp`: did you mean `up`?"),
        ("tre", "unknown verb `tre`: did you mean `tree`?"),
        ("rn", "unknown verb `rn`: did you mean `run`?"),
        ("quarantine lits", "unknown verb `lits`: did you mean `list`?"),
        (
            "run cansel pln_7",
            "`pln_7` is one word too many: write `lares run PLAN`, or a verb such as `lares run \
             show` and the ID of a run; `lares help run` lists them",
        ),
        ("xyzzy", "unknown verb `xyzzy`: `lares help` lists what there is"),
        ("up --dat x", "unknown option `--dat`: did you mean `--data`?"),
        ("up --lisen 127.0.0.1:0", "unknown option `--lisen`: did you mean `--listen`?"),
        ("up --xyzzy", "unknown option `--xyzzy`: `lares help` lists what there is"),
        ("tree --jason", "unknown option `--jason`: did you mean `--json`?"),
        ("up here", "unknown argument `here`: `lares help` lists what there is"),
    ];
    for (line, expected) in rows {
        let words = ["lares"].into_iter().chain(line.split(' '));
        let error = Line::try_parse_from(words).expect_err("the row is wrong");
        assert_eq!(unknown(&error).as_deref(), Some(expected), "{line}");
    }
}
