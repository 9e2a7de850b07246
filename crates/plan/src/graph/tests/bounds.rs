use super::*;

/// All that is wrong under limits that differ from the usual ones.
fn under(text: &str, change: impl FnOnce(&mut Limits)) -> String {
    let mut limits = Limits::default();
    change(&mut limits);
    told(&check(text, &limits).faults)
}

fn workflow(steps: &str) -> String {
    format!("name: n\nsteps:\n{steps}")
}

fn steps(count: usize) -> String {
    (0..count).map(|at| format!("  - {{name: s{at}, command: 'true'}}\n")).collect()
}

/// A list in lists, each holding the one before many times.
fn laughs(levels: usize, times: usize) -> String {
    let mut text = "name: n\nl0: &l0 ha\n".to_owned();
    for level in 1..=levels {
        let again = vec![format!("*l{}", level - 1); times].join(", ");
        text += &format!("l{level}: &l{level} [{again}]\n");
    }
    text + "steps: [{name: a, command: b}]\n"
}

#[test]
fn every_bound_is_named_where_it_is_passed() {
    let long = "x".repeat(300 << 10);
    let half = "x".repeat(200 << 10);
    let deep = format!("{}x{}", "[".repeat(65), "]".repeat(65));
    let many: String = (0..101).map(|at| format!("n{at}, ")).collect();
    let rows = [
        (
            format!("# {}", "x".repeat(4 << 20)),
            "line 1, column 1: the text is longer than 4194304 bytes: keep data out of it, in files",
        ),
        (
            workflow(&format!("  - name: a\n    command: {long}")),
            "line 4, column 14: this text has 307200 bytes, and 262144 is the most: use a file",
        ),
        (
            workflow(&format!("  - name: a\n    command: {half}")),
            "line 4, column 5: what the tool is given takes 204814 bytes, and 65536 is the most (`runs.args_bytes_max`): use a file",
        ),
        (
            format!("inputs: {{a: {half}}}\n{}", workflow(&steps(1))),
            "line 1, column 10: the default takes 204802 bytes, and 65536 is the most (`runs.args_bytes_max`): use a file",
        ),
        (
            workflow(&format!("  - name: a\n    command: b\n    check: {half}")),
            "line 5, column 12: `check` takes 204814 bytes, and 65536 is the most (`runs.args_bytes_max`): use a file",
        ),
        (
            format!("inputs: {{{many}}}\n{}", workflow(&steps(1))),
            "line 1, column 9: `inputs` holds 101 names, and 100 is the most",
        ),
        (
            workflow(&format!("  - name: a\n    command: b\n    locks: [{}]", "x, ".repeat(101))),
            "line 5, column 12: `locks` holds 101 names, and 100 is the most",
        ),
        (
            format!("name: n\nstages: [{{id: a, action: run_tests, outputs: [{many}]}}]"),
            "line 2, column 46: `outputs` holds 101 names, and 100 is the most",
        ),
        (
            format!("name: n\nsteps: {deep}"),
            "line 2, column 72: this is nested deeper than 64, repeated parts included: make it \
             flatter",
        ),
        (
            workflow(&steps(26)),
            "line 3, column 3: `steps` holds 26, and 25 is the most (`runs.steps_max`): split the plan",
        ),
        (
            format!(
                "{}rollback:\n{}",
                workflow(&steps(1)),
                steps(26).replace("name: s", "name: r")
            ),
            "line 5, column 3: `rollback` holds 26, and 25 is the most (`runs.steps_max`): split the plan",
        ),
        (
            format!(
                "name: n\nstages:\n{}",
                steps(26).replace("name", "id").replace("command: 'true'", "action: run_tests")
            ),
            "line 3, column 3: `stages` holds 26, and 25 is the most (`runs.steps_max`): split the plan",
        ),
        (
            workflow(&format!("  - name: {}\n    command: b", "n".repeat(201))),
            "line 3, column 11: this name has more than 200 letters: shorten it",
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(faults(&text).trim_end(), expected);
    }
}

#[test]
fn a_text_at_its_bounds_is_read() {
    let deep = format!("{}x{}", "[".repeat(60), "]".repeat(60));
    let rows = [
        workflow(&steps(25)),
        format!("name: n\ninputs: {{a: {deep}}}\n{}", &workflow(&steps(1))[8..]),
        workflow(&format!("  - name: {}\n    command: b", "n".repeat(200))),
        workflow("  - {name: a, command: b, timeout: 24h, retry_limit: 10}"),
    ];
    for text in rows {
        assert_eq!(faults(&text), "");
    }
}

#[test]
fn limits_are_those_that_were_given() {
    let text = workflow("  - {name: a, command: 'true', timeout: 1m, retry_limit: 3}\n");
    assert_eq!(under(&text, |_| {}), "");
    type Change = fn(&mut Limits);
    let rows: [(&str, Change); 8] = [
        ("the text is longer than 20 bytes", |limits| limits.text_bytes_max = 20),
        ("this text has 7 bytes, and 6 is the most", |limits| limits.scalar_bytes_max = 6),
        ("are more than 10, repeated ones included", |limits| limits.nodes_max = 10),
        ("this is nested deeper than 2", |limits| limits.depth_max = 2),
        ("what the tool is given takes 18 bytes, and 10 is", |limits| limits.args_bytes_max = 10),
        ("`steps` holds 1, and 0 is the most", |limits| limits.stages_max = 0),
        ("`3`, and must be a number from 0 to 2", |limits| limits.attempts_max = 2),
        ("`1m`, and 30s is the most", |limits| limits.deadline_max = Duration::from_secs(30)),
    ];
    for (expected, change) in rows {
        let told = under(&text, change);
        assert!(told.contains(expected) && told.lines().count() == 1, "{expected}:\n{told}");
    }
}

#[test]
fn what_aliases_repeat_is_counted_before_it_is_taken() {
    let told = faults(&laughs(20, 9));
    assert!(told.contains("line 8, column 15: with this, keys and values are more than"), "{told}");

    let deep: String = (1..80).map(|at| format!("d{at}: &d{at} [*d{}]\n", at - 1)).collect();
    let told = faults(&format!("d0: &d0 x\n{deep}"));
    assert!(told.contains("line 65, column 12: this is nested deeper than 64"), "{told}");

    let long = "x".repeat(200 << 10);
    let again = vec!["*long"; 30].join(", ");
    let told = faults(&format!("name: &long {long}\nsteps: [{again}]"));
    assert!(told.contains("all texts have more than 4194304 bytes"), "{told}");

    let maps: String = (1..40)
        .map(|at| format!("m{at}: &m{at} {{<<: [*m{0}, *m{0}], k{at}: 1}}\n", at - 1))
        .collect();
    let told = faults(&format!("m0: &m0 {{a: 1}}\n{maps}"));
    assert!(told.contains("keys and values are more than 200000"), "{told}");
}

#[test]
fn a_long_scalar_is_refused_by_its_own_bound_where_the_text_may_be_longer() {
    let text = workflow(&format!("  - name: a\n    command: |\n      {}\n", "x".repeat(10 << 20)));
    let told = under(&text, |limits| limits.text_bytes_max = 16 << 20);
    assert_eq!(
        told.trim_end(),
        "line 5, column 7: this text has 10485761 bytes, and 262144 is the most: use a file"
    );
}

#[test]
fn a_text_of_two_megabytes_is_read() {
    let comment = format!("# {}\n", "about nothing ".repeat(8));
    let args: String = (0..1_200).map(|at| format!("      k{at}: \"{at} times\"\n")).collect();
    let command = format!("    command: |\n{}", "      echo some words\n".repeat(1_000));
    let step = |at| format!("  - name: s{at}\n{command}    args:\n{args}");
    let steps: String = (0..25).map(step).collect();
    let text = format!("{}{}", comment.repeat(8_000), workflow(&steps));
    assert!((2 << 20) < text.len(), "{}", text.len());
    assert_eq!(faults(&text), "");
}

#[test]
fn very_many_keys_are_refused() {
    let keys: String = (0..12_000).map(|at| format!("k{at}: , ")).collect();
    let rows = [
        workflow(&format!("  - {{name: a, command: b, args: {{{keys}}}}}")),
        workflow(&format!("  - {{name: a, command: b, {keys}}}")),
        format!("name: n\nstages: [{{id: a, action: run_tests, inputs: {{{keys}}}}}]"),
        format!("name: n\nstages: [{{id: a, action: run_tests, inputs: [{keys}]}}]"),
        format!("inputs: {{{keys}}}\n{}", workflow(&steps(25))),
    ];
    for text in rows {
        let told = faults(&text);
        assert!(told.contains("is the most") || told.contains("has no key"));
    }
}

#[test]
fn of_very_many_faults_the_first_hundred_are_told() {
    let keys: String = (0..5_000).map(|at| format!("nothing{at}: 1\n")).collect();
    let told = faults(&format!("{keys}steps: [{{name: a, command: b}}]"));
    assert_eq!(told.lines().count(), 101);
    assert!(told.ends_with("4901 more faults are not told: mend these first\n"), "{told}");
}

#[test]
fn no_message_repeats_much_of_the_text() {
    let long = "x".repeat(20_000);
    let rows = [
        workflow(&format!("  - name: a\n    command: b\n    {long}: 1")),
        workflow(&format!("  - name: a\n    command: b\n    timeout: {long}")),
        workflow(&format!("  - name: a\n    command: b\n    on_failure: {long}")),
        workflow(&format!("  - name: a\n    command: b\n    lane: {long}")),
        workflow(&format!("  - name: a\n    command: {long}: 1")),
        format!("name: n\nstages:\n  - id: a\n    action: {long}"),
        format!("name: n\nstages:\n  - id: a\n    action: shell\n    on_success: {long}"),
    ];
    for text in rows {
        let told = faults(&text);
        assert!(told.len() < 600, "{told}");
    }
}
