//! Two traces of one history, side by side.

use std::collections::BTreeMap;
use std::fmt;

use super::{Event, History, Line, Strategy, Sup, print};

/// A history that went one way here and another way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub history: History,
    pub ours: Vec<Line>,
    pub theirs: Vec<Line>,
}

/// Compares two traces but for the one difference that is meant: in which order a
/// `simple_one_for_one` stops its children when it stops them all at once.
pub fn difference(history: &History, ours: &[Line], theirs: &[Line]) -> Option<Difference> {
    let simple = simple_paths(history);
    let (ours, theirs) = (in_order(&simple, ours), in_order(&simple, theirs));
    (ours != theirs).then(|| Difference { history: history.clone(), ours, theirs })
}

/// The paths of supervisors of one template, outer ones first.
fn simple_paths(history: &History) -> Vec<String> {
    let mut known = Known::new();
    learn(&mut known, &history.tree, &history.tree.id);
    for event in &history.events {
        let Event::Start { start, child } = event else { continue };
        let path = format!("{start}/{}", child.id);
        for sup in known.get(start).cloned().unwrap_or_default() {
            let child = if is_simple(sup) { &sup.children[0] } else { child };
            if let Some(sup) = &child.sup {
                learn(&mut known, sup, &path);
            }
        }
    }
    let mut simple: Vec<String> = known
        .into_iter()
        .filter(|(_, sups)| sups.iter().any(|sup| is_simple(sup)))
        .map(|(path, _)| path)
        .collect();
    simple.sort_by_key(|path| path.matches('/').count());
    simple
}

/// What has stood at each path at one time or another.
type Known<'a> = BTreeMap<String, Vec<&'a Sup>>;

fn is_simple(sup: &Sup) -> bool {
    sup.strategy == Strategy::SimpleOneForOne
}

fn learn<'a>(known: &mut Known<'a>, sup: &'a Sup, path: &str) {
    known.entry(path.to_owned()).or_default().push(sup);
    for child in sup.children.iter().filter(|_| !is_simple(sup)) {
        if let Some(sup) = &child.sup {
            learn(known, sup, &format!("{path}/{}", child.id));
        }
    }
}

/// The trace with what each of these supervisors stopped as it ended sorted by child.
fn in_order(simple: &[String], trace: &[Line]) -> Vec<Line> {
    let mut lines = trace.to_vec();
    for path in simple {
        let below = format!("{path}/");
        let child_of = |line: &Line| match line {
            Line::Stopped { stopped, .. } => {
                let rest = stopped.strip_prefix(&below)?;
                rest.split('/').next().map(str::to_owned)
            }
            Line::Started { .. }
            | Line::Failed { .. }
            | Line::Result { .. }
            | Line::Final { .. } => None,
        };
        for end in 0..lines.len() {
            if matches!(&lines[end], Line::Stopped { stopped, .. } if stopped == path) {
                let kids = lines[..end].iter().rev().take_while(|line| child_of(line).is_some());
                let begin = end - kids.count();
                lines[begin..end].sort_by_cached_key(child_of);
            }
        }
    }
    lines
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", print(&self.history))?;
        let width = self.ours.iter().map(|line| line.print().len()).max().unwrap_or(0).min(100);
        for at in 0..self.ours.len().max(self.theirs.len()) {
            let of = |lines: &[Line]| lines.get(at).map(Line::print).unwrap_or_default();
            let (ours, theirs) = (of(&self.ours), of(&self.theirs));
            let mark = if ours == theirs { ' ' } else { '|' };
            writeln!(f, "{ours:width$} {mark} {theirs}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::history::{History, Line, parse, parse_line};

    fn history() -> History {
        let tree = concat!(
            r#"{"tree":{"id":"root","strategy":"one_for_one","intensity":1,"period_s":5,"children":["#,
            r#"{"id":"d","restart":"permanent","shutdown":"infinity","type":"supervisor","sup":"#,
            r#"{"id":"d","strategy":"simple_one_for_one","intensity":0,"period_s":1,"#,
            r#""children":[{"id":"t","restart":"permanent","shutdown":"infinity","type":"worker"}]}}]}}"#,
        );
        parse(tree).expect("a history")
    }

    fn stops(paths: &[&str]) -> Vec<Line> {
        let line = |path| format!(r#"{{"stopped":"{path}","reason":"shutdown"}}"#);
        paths.iter().map(|path| parse_line(&line(path)).expect("a line")).collect()
    }

    #[test]
    fn children_of_a_template_may_stop_in_any_order_when_all_do() {
        let one = stops(&["root/d/x", "root/d/y", "root/d"]);
        let other = stops(&["root/d/y", "root/d/x", "root/d"]);
        assert_eq!(difference(&history(), &one, &other), None);
    }

    #[test]
    fn every_other_order_matters() {
        let rows: [(&[&str], &[&str]); 3] = [
            (&["root/d/x", "root/d/y"], &["root/d/y", "root/d/x"]),
            (&["root/a", "root/b", "root/d"], &["root/b", "root/a", "root/d"]),
            (&["root/d/x", "root/d"], &["root/d"]),
        ];
        for (one, other) in rows {
            assert!(difference(&history(), &stops(one), &stops(other)).is_some(), "{one:?}");
        }
    }
}
