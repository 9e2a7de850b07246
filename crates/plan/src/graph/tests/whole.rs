use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn check_faults(text: &str, expected: Expect) {
    expected.assert_eq(&faults(text));
}

fn workflow(steps: &str) -> Graph {
    graph(&format!("name: n\nsteps:\n{steps}"))
}

fn args(stage: &Stage) -> &Value {
    match &stage.work {
        Work::Tool { args, .. } => args,
        other @ (Work::Wait { .. } | Work::Signal { .. } | Work::Gate | Work::Missing { .. }) => {
            panic!("{other:?}")
        }
    }
}

#[test]
fn all_faults_of_a_text_come_at_once_in_its_order() {
    check_faults(
        "name: n\nversion: 3\ndefaults: {max_step_retries: -1}\nstages:\n  \
         - {id: a, acton: run_tests, on_success: b}\n  \
         - {id: b, type: agnet, on_failure: cleanup, retry_limit: 99}\n  \
         - {id: b, action: shell, inputs: {command: x}, timeout: 0}\n",
        expect![[r#"
            line 2, column 10: `version` is `3`, and this program reads version 1
            line 3, column 30: `max_step_retries` is `-1`, and must be a number from 0 to 10
            line 5, column 13: a stage has no key `acton`: did you mean `action`?; write: - {id: a, action: run_tests, on_success: b}
            line 6, column 19: `type` is `agnet`: did you mean `agent`?; write: - {id: b, type: agent, on_failure: cleanup, retry_limit: 99}
            line 6, column 38: `on_failure` leads to `cleanup`, which is no stage: name one of them, or done, fail, paused
            line 6, column 60: `retry_limit` is `99`, and must be a number from 0 to 10
            line 7, column 10: `b` is doubled: it is what line 6 is called already; name each differently
            line 7, column 59: `timeout` is `0`, and must be more than 0
        "#]],
    );
}

#[test]
fn titles_become_plain_words_that_differ() {
    let rows = [
        ("plain_Word-1.2:3", "plain_Word-1.2:3"),
        ("two words", "two-words"),
        ("two  words", "two-words-2"),
        ("two/words", "two-words-3"),
        ("two-words-4", "two-words-4"),
        ("two~words", "two-words-5"),
        ("試験", "step-7"),
        ("\"done\"", "step-8"),
        ("'!Paused?'", "Paused"),
        ("'!paused?'", "step-10"),
        ("' spaced '", "spaced"),
        ("step-13", "step-13"),
        ("検査", "step-13-2"),
        // A plain word is found under itself, also after a title that would come to it.
        ("a b", "a-b-2"),
        ("a-b", "a-b"),
    ];
    let steps: String =
        rows.iter().map(|(title, _)| format!("- {{name: {title}, command: b}}\n")).collect();
    let graph = workflow(&steps);
    let ids: Vec<&str> = graph.stages.iter().map(|stage| stage.id.as_str()).collect();
    assert_eq!(ids, rows.map(|(_, id)| id));

    let long = format!("{} {}", "a".repeat(30), "b".repeat(30));
    let graph =
        workflow(&format!("- {{name: {long}, command: x}}\n- {{name: {long}c, command: x}}"));
    assert_eq!(graph.stages[0].title, long);
    assert_eq!(graph.stages[0].id, format!("{}-{}", "a".repeat(30), "b".repeat(17)));
    assert_eq!(graph.stages[1].id, format!("{}-{}-2", "a".repeat(30), "b".repeat(15)));
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let rows: [(&[u8], &str); 4] = [
        (b"\xff", "line 1, column 1: the byte 0xff"),
        (b"name: a\nb: \xc3\xa9\xfe", "line 2, column 5: the byte 0xfe"),
        (b"name: a\n\xc3", "line 2, column 1: the byte 0xc3"),
        (b"name: \xed\xa0\x80", "line 1, column 7: the byte 0xed"),
    ];
    for (bytes, expected) in rows {
        let fault = crate::graph::text(bytes).expect_err("it is no UTF-8").to_string();
        assert!(fault.starts_with(expected), "{fault}");
    }
    assert_eq!(crate::graph::text("é".as_bytes()), Ok("é"));
}

#[test]
fn durations_are_read_as_people_write_them() {
    let rows = [
        ("300", Deadline::Ms(300_000)),
        ("\"300\"", Deadline::Ms(300_000)),
        ("5m", Deadline::Ms(300_000)),
        ("1h30m", Deadline::Ms(5_400_000)),
        ("1h 30m 5s", Deadline::Ms(5_405_000)),
        ("250ms", Deadline::Ms(250)),
        ("fast", Deadline::Fast),
        ("medium", Deadline::Medium),
        ("'long'", Deadline::Long),
    ];
    for (text, expected) in rows {
        let graph = workflow(&format!("- {{name: a, command: b, timeout: {text}}}"));
        assert_eq!(graph.stages[0].deadline, expected, "{text}");
    }
}

#[test]
fn a_plain_scalar_is_a_number_only_if_nothing_of_it_is_lost() {
    let rows = [
        ("1", json!(1)),
        ("-7", json!(-7)),
        ("1.5", json!(1.5)),
        ("1e3", json!(1000.0)),
        ("18446744073709551615", json!(u64::MAX)),
        ("18446744073709551616", json!("18446744073709551616")),
        ("0", json!(0)),
        ("007", json!("007")),
        ("1_000", json!("1_000")),
        ("0x1f", json!("0x1f")),
        ("1.2.3", json!("1.2.3")),
        (".5", json!(".5")),
        ("1.", json!("1.")),
        ("'1'", json!("1")),
        ("!!str 1", json!("1")),
        ("true", json!(true)),
        ("yes", json!("yes")),
        ("off", json!("off")),
        ("on_failure", json!("on_failure")),
        ("~", json!(null)),
        ("'~'", json!("~")),
        ("2026-01-02", json!("2026-01-02")),
        ("12:30", json!("12:30")),
        (".nan", json!(".nan")),
        ("[1, [a], {b: null}]", json!([1, ["a"], {"b": null}])),
    ];
    for (text, expected) in rows {
        let graph = graph(&format!(
            "name: n\nstages: [{{id: a, action: run_tests, inputs: {{x: {text}}}}}]"
        ));
        assert_eq!(args(&graph.stages[0]), &json!({"x": expected}), "{text}");
    }
}

#[test]
fn the_arguments_of_shell_steps_are_texts_as_they_were_written() {
    let graph = workflow(
        "- name: a\n  command: 42\n  args: {port: 8080, flag: yes, none: , v: 1.10, list: [1, a]}",
    );
    assert_eq!(
        args(&graph.stages[0]),
        &json!({"command": "42", "env": {
            "WF_PORT": "8080", "WF_FLAG": "yes", "WF_NONE": "", "WF_V": "1.10",
            "WF_LIST": "[1,\"a\"]",
        }})
    );
}

#[test]
fn a_run_may_be_given_what_the_arguments_of_steps_say() {
    let graph = workflow(
        "- {name: a, command: x, args: {same: 1, other: 1}}\n\
         - {name: b, command: x, args: {same: 1, other: 2}}\n\
         - {name: c, command: x}",
    );
    let default = |name: &str| graph.inputs[name].default.clone();
    assert_eq!(default("same"), Some(json!("1")), "all steps mean the same");
    assert_eq!(default("other"), Some(Value::Null), "no value, so that each step keeps its own");
    let of = |name: &str| Source::Input(name.to_owned());
    let at = |name: &str| vec!["env".to_owned(), name.to_owned()];
    let expected =
        [Use { at: at("WF_OTHER"), of: of("other") }, Use { at: at("WF_SAME"), of: of("same") }];
    assert_eq!(graph.stages[1].uses, expected);
    assert_eq!(args(&graph.stages[1])["env"], json!({"WF_SAME": "1", "WF_OTHER": "2"}));
    assert!(graph.stages[2].uses.is_empty(), "it has no arguments");
}

#[test]
fn declared_inputs_reach_every_shell_step_and_its_undoing() {
    let graph = graph(
        "name: n\ninputs: {who: }\nsteps:\n- {name: a, command: x, compensation: y}\n\
         - {name: b, type: http, command: 'http://x/'}\nrollback: [{name: c, command: z}]",
    );
    let who = Use {
        at: vec!["env".to_owned(), "WF_WHO".to_owned()],
        of: Source::Input("who".to_owned()),
    };
    let undo = graph.stages[0].undo.as_ref().expect("it is written");
    for uses in [&graph.stages[0].uses, &undo.uses, &graph.rollback[0].uses] {
        assert_eq!(uses, std::slice::from_ref(&who));
    }
    assert_eq!(args(&graph.stages[0])["env"], json!({}), "there is a place for it");
    assert!(graph.stages[1].uses.is_empty(), "a request has no environment");
    assert_eq!(graph.inputs["who"].default, None, "it must be given");
}

#[test]
fn an_input_of_a_stage_is_an_output_where_there_is_one_and_of_the_run_otherwise() {
    let graph = graph(
        "name: n\nstages:\n\
         - {id: a, action: build_context_pack, inputs: [goal], outputs: [pack]}\n\
         - {id: b, action: apply_patch, inputs: {pack: {from: pack}, patch: {from: p}, n: 1}}",
    );
    let row = |used: &Use| format!("{:?} {:?}", used.at, used.of);
    let uses: Vec<String> = graph.stages.iter().flat_map(|stage| &stage.uses).map(row).collect();
    assert_eq!(
        uses,
        [r#"["goal"] Input("goal")"#, r#"["pack"] Output("pack")"#, r#"["patch"] Input("p")"#]
    );
    assert_eq!(args(&graph.stages[1]), &json!({"n": 1}));
    let inputs: Vec<(&str, InputKind)> =
        graph.inputs.iter().map(|(name, input)| (name.as_str(), input.kind)).collect();
    assert_eq!(inputs, [("goal", InputKind::Any), ("p", InputKind::Any)]);
}

#[test]
fn an_input_must_be_given_unless_something_is_written_for_it() {
    let graph = graph(
        "name: n\ninputs:\n  a:\n  b: {type: text}\n  c: {type: number, default: ~}\n  \
         d: {default: [1]}\n  e: yes\n  f: {}\nsteps: [{name: s, command: x}]",
    );
    let row = |(name, input): (&String, &Input)| {
        format!("{name} {:?} {}", input.kind, json!(input.default.clone().map(|value| [value])))
    };
    let rows: Vec<String> = graph.inputs.iter().map(row).collect();
    assert_eq!(
        rows,
        [
            "a Any null",
            "b Text null",
            "c Number [null]",
            "d Any [[1]]",
            "e Text [\"yes\"]",
            "f Any null",
        ]
    );
}

#[test]
fn how_often_a_stage_is_tried_is_its_own_or_what_holds_for_all() {
    let graph = graph(
        "name: n\ndefaults: {max_step_retries: 3}\nstages:\n\
         - {id: a, action: run_tests}\n- {id: b, action: run_tests, retry_limit: 0}\n\
         - {id: c, action: run_tests, retry_limit: '2'}",
    );
    let attempts: Vec<u32> = graph.stages.iter().map(|stage| stage.attempts).collect();
    assert_eq!(attempts, [3, 1, 2]);
}

#[test]
fn what_repeats_a_fault_by_an_alias_is_wrong_once() {
    check_faults(
        "name: n\nsteps:\n- &a {name: a, command: b, timeout: soon}\n- {<<: *a, name: c}",
        expect![[r#"
            line 3, column 37: `timeout` is `soon`: write seconds, such as 90, or a duration, such as 90s or 1h30m
        "#]],
    );
}

#[test]
fn one_circle_does_not_hide_another() {
    check_faults(
        "name: n\nstages:\n\
         - {id: a, action: run_tests, on_success: a}\n\
         - {id: b, action: run_tests, on_success: c, inputs: [x], outputs: [y]}\n\
         - {id: c, action: run_tests, on_success: b, inputs: [y], outputs: [x]}\n\
         - {id: d, action: run_tests, inputs: [y], retry_limit: 77}",
        expect![[r#"
            line 3, column 3: `a` goes round for ever: lead `on_success` of one of them out, or write its `on_failure`
            (warning) line 4, column 3: no way leads to `b`: it is never done
            line 4, column 3: `b`, `c` go round for ever: lead `on_success` of one of them out, or write its `on_failure`
            line 4, column 54: `b`, `c` take each other's outputs: none of them can be first
            (warning) line 5, column 3: no way leads to `c`: it is never done
            (warning) line 6, column 3: no way leads to `d`: it is never done
            line 6, column 56: `retry_limit` is `77`, and must be a number from 0 to 10
        "#]],
    );
}

#[test]
fn failures_may_lead_back_and_outputs_come_from_wherever_the_way_has_been() {
    let text = "name: n\nstages:\n\
        - {id: a, action: run_tests, on_success: done, on_failure: b}\n\
        - {id: b, action: apply_patch, inputs: [hint], on_success: a, on_failure: c}\n\
        - {id: c, action: run_linters, outputs: [hint], on_success: b}";
    assert_eq!(faults(text), "");
}

#[test]
fn a_request_of_a_workflow_goes_where_an_input_says() {
    let request = |command: &str| {
        let text = format!(
            "name: n\ninputs: {{the-url: }}\nsteps: [{{name: a, type: http, command: '{command}'}}]"
        );
        let stage = graph(&text).stages.swap_remove(0);
        (args(&stage).clone(), stage.uses)
    };
    let url = || vec![Use { at: vec!["url".to_owned()], of: Source::Input("the-url".to_owned()) }];
    assert_eq!(request("$WF_THE_URL"), (json!({}), url()));
    assert_eq!(request("post ${WF_THE_URL}"), (json!({"method": "POST"}), url()));
}
