use std::fmt::Write as _;

use expect_test::expect_file;

use super::*;

/// Odd texts that are right, by the names of their files.
const TEXTS: &[(&str, &str)] = &[
    ("b1-plain", include_str!("../../../tests/texts/b1-plain.yaml")),
    ("b2-routes", include_str!("../../../tests/texts/b2-routes.yaml")),
    ("b3-inputs", include_str!("../../../tests/texts/b3-inputs.yaml")),
    ("b4-anchors", include_str!("../../../tests/texts/b4-anchors.yaml")),
    ("b5-unicode", include_str!("../../../tests/texts/b5-unicode.yaml")),
    ("b6-everything", include_str!("../../../tests/texts/b6-everything.yaml")),
    ("w1-plain", include_str!("../../../tests/texts/w1-plain.yaml")),
    ("w2-quotes-and-pipes", include_str!("../../../tests/texts/w2-quotes-and-pipes.yaml")),
    ("w3-anchors-and-merges", include_str!("../../../tests/texts/w3-anchors-and-merges.yaml")),
    ("w4-blocks", include_str!("../../../tests/texts/w4-blocks.yaml")),
    ("w5-comments-and-unicode", include_str!("../../../tests/texts/w5-comments-and-unicode.yaml")),
    ("w6-carriage-returns", include_str!("../../../tests/texts/w6-carriage-returns.yaml")),
    ("w7-flow-and-quoted-keys", include_str!("../../../tests/texts/w7-flow-and-quoted-keys.yaml")),
    ("w8-everything", include_str!("../../../tests/texts/w8-everything.yaml")),
];

#[test]
fn odd_texts_that_are_right_are_read() {
    let mut drawing = String::new();
    for (name, text) in TEXTS {
        let warnings = faults(text);
        writeln!(drawing, "== {name}\n{warnings}{}", drawn(&graph(text))).expect("it is a text");
    }
    expect_file!["./legal.txt"].assert_eq(&drawing);
}

#[test]
fn all_files_of_odd_texts_are_in_the_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/texts");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("ASCII"))
        .collect();
    files.sort();
    let table: Vec<String> = TEXTS.iter().map(|(name, _)| format!("{name}.yaml")).collect();
    assert_eq!(files, table);
}

#[test]
fn a_text_with_carriage_returns_is_the_same_plan_at_the_same_places() {
    for (name, text) in TEXTS {
        let text = text.replace("\r\n", "\n");
        assert_eq!(checked(&text.replace('\n', "\r\n")), checked(&text), "{name}");
    }
}

#[test]
fn no_damage_to_a_text_goes_unheard_or_panics() {
    for (_, text) in TEXTS {
        for damaged in damaged(text) {
            let Checked { graph, faults, .. } = checked(&damaged);
            let is_wrong = faults.iter().any(|fault| fault.severity == Severity::Error);
            assert_eq!(graph.is_none(), is_wrong, "{damaged}");
            let lines = damaged.lines().count() + 1;
            for fault in &faults {
                let Place { line, column } = fault.place;
                assert!((1..=lines).contains(&line) && 0 < column, "{fault}\n{damaged}");
            }
        }
    }
}

/// The text cut off after each line, without each line, and with each line moved by a letter.
fn damaged(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let numbers = 0..lines.len();
    let with = |at: usize, line: Option<&str>| {
        let after = lines[at + 1..].iter().copied();
        let lines: Vec<&str> = lines[..at].iter().copied().chain(line).chain(after).collect();
        lines.join("\n")
    };
    let moved = |line: &str| format!(" {line}");
    let cut = |line: &str| line.chars().take(line.chars().count() / 2).collect::<String>();
    numbers
        .flat_map(|at| {
            let line = lines[at];
            [
                lines[..at].join("\n"),
                with(at, None),
                with(at, Some(&moved(line))),
                with(at, Some(&cut(line))),
                with(at, Some(line.trim_start())),
            ]
        })
        .collect()
}

/// What is worth seeing of a plan, one line for each thing in it.
fn drawn(graph: &Graph) -> String {
    let Graph { format, name, description, notify, priority, defaults, inputs, stages, rollback } =
        graph;
    let mut drawing = format!("{format:?} {name:?} {description:?}");
    let rest = (notify, defaults.toolset.as_ref(), defaults.approvals);
    if rest != (&None, None, Approvals::None) {
        write!(drawing, " {rest:?}").expect("it is a text");
    }
    if !priority.is_normal() {
        write!(drawing, " {priority:?}").expect("it is a text");
    }
    for (name, Input { place, kind, default, about }) in inputs {
        let default = default.as_ref().map(Value::to_string).unwrap_or_default();
        write!(drawing, "\n  input {name} ({place}): {kind:?} {default} {about}").expect("a text");
    }
    for (list, stages) in [("", stages), ("rollback ", rollback)] {
        for stage in stages {
            write!(drawing, "\n  {list}{}", row(stage, stages)).expect("it is a text");
        }
    }
    drawing + "\n"
}

fn row(stage: &Stage, stages: &[Stage]) -> String {
    let to = |route: Route| match route {
        Route::Stage(at) => stages[at].id.clone(),
        Route::Done | Route::Fail | Route::Rollback | Route::Paused => format!("{route:?}"),
    };
    let way = format!("{} | {}", to(stage.on_success), to(stage.on_failure));
    let mut row = format!("{} ({}) → {way}: {}", stage.id, stage.place, work(&stage.work));
    row += &uses(&stage.uses);
    let Stage { title, outputs, when, attempts, deadline, effect, on_doubt, .. } = stage;
    let marks = [
        (title != &stage.id).then(|| format!("title {title:?}")),
        (!outputs.is_empty()).then(|| format!("outputs {outputs:?}")),
        (*when != When::Always).then(|| format!("{when:?}")),
        (*attempts != 1).then(|| format!("{attempts} attempts")),
        Some(format!("{deadline:?}")),
        effect.map(|effect| format!("{effect:?}")),
        (*on_doubt != OnDoubt::Ask).then(|| format!("{on_doubt:?}")),
        stage.check.as_ref().map(|check| format!("check {} {}", check.tool, check.args)),
        (!stage.locks.is_empty()).then(|| format!("locks {:?}", stage.locks)),
        stage.lane.as_ref().map(|lane| format!("lane {lane}")),
        stage.approval.as_ref().map(|approval| format!("{approval:?}")),
        stage.undo.as_ref().map(|undo| {
            let rest = (undo.attempts, undo.deadline, undo.on_doubt);
            format!("undo {}{} {rest:?}", work(&undo.work), uses(&undo.uses))
        }),
    ];
    marks.iter().flatten().for_each(|mark| row += &format!("; {mark}"));
    row
}

fn work(work: &Work) -> String {
    match work {
        Work::Tool { tool, args } => format!("{tool} {args}"),
        Work::Wait { .. } | Work::Signal { .. } | Work::Gate | Work::Missing { .. } => {
            format!("{work:?}")
        }
    }
}

fn uses(uses: &[Use]) -> String {
    uses.iter().map(|used| format!(" [{} = {:?}]", used.at.join("."), used.of)).collect()
}

#[test]
fn the_documentation_shows_plans_without_a_fault() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("it is there");
    let examples = std::fs::read_dir(format!("{docs}/examples")).expect("it is there");
    let examples = examples.map(|entry| read(&entry.expect("it can be read").path()));
    let guide = read(format!("{docs}/guides/write-a-plan.md").as_ref());
    let pages = read(format!("{docs}/../README.md").as_ref()) + &guide;
    let blocks = pages.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = blocks.filter(|block| block.contains("steps:") || block.contains("stages:"));
    let texts: Vec<String> = examples.chain(whole.map(str::to_owned)).collect();
    assert_eq!(texts.len(), 4 + 1 + 2);
    for text in texts {
        assert_eq!(faults(&text), "", "{text}");
    }
}
