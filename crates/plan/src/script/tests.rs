use serde_json::json;

use super::*;

fn parse(text: &str) -> Result<Script, Vec<Fault>> {
    Script::parse(text, &Limits::default())
}

/// One round of these steps.
fn with(steps: Value) -> String {
    json!({"version": 1, "rounds": [{"steps": steps}]}).to_string()
}

/// Everything that is wrong, one line each.
fn faults(text: &str) -> String {
    let faults = parse(text).expect_err(text);
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn check(steps: Value, expected: &str) {
    assert_eq!(faults(&with(steps)).trim_end(), expected);
}

#[test]
fn what_is_left_out_has_its_default() {
    let script = parse(&with(json!([{"id": "a", "tool": "wait", "args": {"ms": 5}}])));
    let step = &script.expect("it is right").rounds[0].steps[0];
    assert_eq!((step.id.as_str(), step.tool.as_str()), ("a", "wait"));
    assert_eq!(step.args, json!({"ms": 5}));
    let rest = (step.effect, step.attempts, step.deadline, step.on_doubt);
    assert_eq!(rest, (None, 1, Deadline::Medium, OnDoubt::Ask));
    assert!(step.after.is_empty() && step.locks.is_empty() && step.check.is_none());
}

#[test]
fn everything_that_can_be_said_is_read() {
    let text = with(json!([
        {"id": "a", "tool": "shell", "args": {}},
        {"id": "b", "tool": "http", "args": {}, "effect": "unsafe", "after": ["a"],
         "locks": ["db"], "lane": "net", "attempts": 3, "deadline": 1500, "on_doubt": "fail",
         "check": {"tool": "http", "args": {"url": "http://127.0.0.1/"}}},
    ]));
    let script = parse(&text).expect("it is right");
    let step = &script.rounds[0].steps[1];
    assert_eq!(step.effect, Some(Effect::Unsafe));
    assert_eq!((&step.after[..], &step.locks[..]), (&["a".to_owned()][..], &["db".to_owned()][..]));
    assert_eq!((step.lane.as_deref(), step.attempts), (Some("net"), 3));
    assert_eq!((step.deadline, step.on_doubt), (Deadline::Ms(1_500), OnDoubt::Fail));
    assert_eq!(step.check.as_ref().map(|check| check.tool.as_str()), Some("http"));
    let again: Script = serde_json::from_value(json!(script)).expect("it is plain data");
    assert_eq!(again, script);
}

#[test]
fn what_is_no_script_is_refused_with_the_place_and_what_to_write() {
    let rows = [
        ("", "line 1, column 0: this is no JSON: EOF while parsing a value"),
        (
            r#"{"version": 1, "rounds": [{"steps": [{"id": "a", "id": "b"}]}]}"#,
            "line 1, column 53: the key `id` stands here twice",
        ),
        ("{\n \"version\" 1}", "line 2, column 12: this is no JSON: expected `:`"),
        ("[]", "the script: is a list, and must be an object {…}"),
        (r#"{"rounds":[]}"#, "the script: says no version: write \"version\": 1"),
        (r#"{"version":2,"rounds":[]}"#, "version: is 2, and this program reads version 1"),
        (r#"{"version":1}"#, "rounds: holds no round: write at least one with one step"),
        (r#"{"version":1,"rounds":[{}]}"#, "rounds[0].steps: holds no step"),
        (r#"{"version":1,"rounds":7}"#, "rounds: is a number, and must be a list […]"),
        (r#"{"version":1,"round":[]}"#, "the script: has no key `round`: did you mean `rounds`?"),
    ];
    for (text, expected) in rows {
        let faults = faults(text);
        assert!(faults.contains(expected), "{text}:\n{faults}");
    }
}

#[test]
fn each_fault_of_a_step_has_its_place() {
    let place = "rounds[0].steps[0]";
    let step = |more: Value| {
        let mut step = json!({"id": "a", "tool": "wait", "args": {}});
        let Value::Object(more) = more else { panic!("an object") };
        step.as_object_mut().expect("an object").extend(more);
        json!([step])
    };
    let rows = [
        (json!({"atempts": 2}), " has no key `atempts`: did you mean `attempts`?"),
        (json!({"id": "a b"}), ".id: must be 1 to 64 letters, digits, `_`, `-`, `.` or `:`"),
        (json!({"tool": 7}), ".tool: is a number, and must be a word"),
        (json!({"args": "x"}), ".args: is a text, and must be an object {…}"),
        (json!({"effect": "keyd"}), ".effect: is \"keyd\": did you mean `keyed`?"),
        (
            json!({"deadline": "soon"}),
            ".deadline: is \"soon\": write fast, medium, long, or milliseconds",
        ),
        (json!({"deadline": 0}), ".deadline: is 0 ms, and must lie between 1 and 86400000"),
        (json!({"attempts": 99}), ".attempts: is 99, and must lie between 1 and 10"),
        (json!({"attempts": -1}), ".attempts: is -1, and must be a number of attempts"),
        (json!({"after": ["a"]}), ".after[0]: is the step itself"),
        (json!({"after": ["bb"]}), ".after[0]: no step is called `bb`"),
        (
            json!({"check": {"tool": "wait"}}),
            ".check: says no `args`: write {} where the tool takes none",
        ),
    ];
    for (more, expected) in rows {
        let expected = match expected.strip_prefix(' ') {
            Some(rest) => format!("{place}: {rest}"),
            None => format!("{place}{expected}"),
        };
        check(step(more), &expected);
    }
}

#[test]
fn all_faults_come_at_once() {
    let steps = json!([{"id": "a", "tool": "wait"}, {"tool": 1, "args": {}, "lane": ""}]);
    let expected = "\
rounds[0].steps[0]: says no `args`: write {} where the tool takes none
rounds[0].steps[1]: says no `id`
rounds[0].steps[1].tool: is a number, and must be a word
rounds[0].steps[1].lane: must be 1 to 64 letters, digits, `_`, `-`, `.` or `:`";
    check(steps, expected);
}

#[test]
fn steps_that_wait_for_each_other_are_named() {
    let step =
        |id: &str, after: &[&str]| json!({"id": id, "tool": "wait", "args": {}, "after": after});
    let steps = json!([step("a", &["c"]), step("b", &["a"]), step("c", &["b"]), step("d", &[])]);
    check(steps, "rounds[0].steps: a, b, c wait for each other: take one `after` away");
    let later = json!({"version": 1, "rounds": [
        {"steps": [step("a", &["b"])]},
        {"steps": [step("b", &["a"]), step("a", &[])]},
    ]});
    let expected = "\
rounds[1].steps[1].id: `a` is another step already: name each differently
rounds[0].steps[0].after[0]: `b` comes later, in round 1";
    assert!(faults(&later.to_string()).starts_with(expected), "{}", faults(&later.to_string()));
}

#[test]
fn what_is_too_much_is_refused_before_anything_else() {
    let step = |number: usize| json!({"id": format!("s{number}"), "tool": "wait", "args": {}});
    let many: Vec<Value> = (0..10_000).map(step).collect();
    let limits = Limits { text_bytes_max: 10 << 20, ..Limits::default() };
    let faults = Script::parse(&with(json!(many)), &limits).expect_err("too many");
    assert_eq!(faults.len(), 1);
    let expected = "rounds: hold 10000 steps, and 25 is the most (`runs.steps_max`): split it";
    assert_eq!(faults[0].to_string(), expected);

    let heavy = json!([{"id": "a", "tool": "wait", "args": {"x": "x".repeat(100_000)}}]);
    let place = "rounds[0].steps[0].args: take 100008 bytes, and 65536 is the most";
    assert!(self::faults(&with(heavy)).starts_with(place));
    let huge = with(json!([{"id": "a", "tool": "wait", "args": {"x": "x".repeat(10 << 20)}}]));
    assert!(self::faults(&huge).starts_with("the script: is longer than 4194304 bytes"));
}

#[test]
fn the_scripts_on_the_pages_are_right() {
    let page = include_str!("../../../../docs/guides/run-a-script.md");
    let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let read = blocks.map(parse).collect::<Result<Vec<_>, _>>().expect("each is right");
    assert_eq!(read.len(), 1);
}
