use super::*;

mod bounds;
mod broken;
mod legal;
mod whole;

fn checked(text: &str) -> Checked {
    check(text, &Limits::default())
}

/// What is read of a text that nothing is wrong with but what may be.
fn graph(text: &str) -> Graph {
    let Checked { graph, faults, .. } = checked(text);
    graph.unwrap_or_else(|| panic!("{}\n{text}", told(&faults)))
}

/// As a person would see them; warnings say what they are.
fn told(faults: &[Fault]) -> String {
    let line = |fault: &Fault| match fault.severity {
        Severity::Error => format!("{fault}\n"),
        Severity::Warning => format!("(warning) {fault}\n"),
    };
    faults.iter().map(line).collect()
}

fn faults(text: &str) -> String {
    let Checked { graph, faults, .. } = checked(text);
    let is_wrong = faults.iter().any(|fault| fault.severity == Severity::Error);
    assert_eq!(graph.is_none(), is_wrong, "a graph is there if and only if no error is");
    assert!(faults.is_sorted_by_key(|fault| fault.place), "faults come in the order of the text");
    told(&faults)
}
