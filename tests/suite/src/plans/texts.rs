//! Odd texts that are right: each really runs, and ends as it says.

use super::story;
use crate::node::{Node, text};

/// The name of a text, and the story of its run.
const TEXTS: &[(&str, &str)] = &[
    ("b1-plain", "completed: only done"),
    (
        "b2-routes",
        "completed: make-a-change done, test-it failed, report done, make-a-change~2 done, test-it~2 done",
    ),
    ("b3-inputs", "completed: build done, request failed"),
    ("b4-anchors", "completed: one done, two done, three done, anchors done"),
    ("b5-unicode", "completed: Pr-fung-der-Umgebung done, step-2 done, step-3 done"),
    (
        "b6-everything",
        "completed: start done, pause done, hear skipped, think skipped, push skipped, end done",
    ),
    ("w1-plain", "completed: hello done, bye done"),
    (
        "w2-quotes-and-pipes",
        "completed: pipe done, substitution done, both-quotes done, escapes done, longer-than-a-terminal done",
    ),
    ("w3-anchors-and-merges", "completed: first done, second done, third done"),
    ("w4-blocks", "completed: literal done, folded done, indented-by-hand done"),
    ("w5-comments-and-unicode", "completed: sch-ne-Gr-e done, step-2 done, step-3 done"),
    ("w6-carriage-returns", "completed: one done, two done"),
    ("w7-flow-and-quoted-keys", "failed: a done, b failed, undo~rollback done"),
    (
        "w8-everything",
        "completed: probe done, say-so skipped, write done, rest done, heard skipped, ask skipped, end done",
    ),
];

/// Those that need to be told a branch.
const BRANCHING: [&str; 2] = ["b6-everything", "w8-everything"];

#[test]
fn odd_texts_that_are_right_run_to_their_ends() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/plan/tests/texts");
    let node = Node::start();
    let begin = |name: &str| {
        let plan = std::fs::read_to_string(format!("{folder}/{name}.yaml")).expect("it is there");
        let place = node.workspace(name);
        let mut query = vec![("workspace", text(&place))];
        query.extend(BRANCHING.contains(&name).then_some(("input", "branch=main")));
        node.begin_plan(&plan, &query)
    };
    let runs: Vec<String> = TEXTS.iter().map(|(name, _)| begin(name)).collect();
    let told = TEXTS.iter().zip(runs).map(|((name, _), run)| {
        let shown = node.finished_with_consent(&run);
        format!("{name} {}", story(&shown))
    });
    let told: Vec<String> = told.collect();
    let expected: Vec<String> =
        TEXTS.iter().map(|(name, story)| format!("{name} {story}")).collect();
    assert_eq!(told, expected, "{told:#?}");
    assert_eq!(std::fs::read_dir(folder).expect("it is there").count(), TEXTS.len());
}
