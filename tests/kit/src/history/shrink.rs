//! The smallest history that still shows what a large one did.

use super::{AutoShutdown, Child, Event, History, Kind, Shutdown, ShutdownWord, Strategy, Sup};

/// Makes a history smaller, step by step, for as long as it still `shows` what it is wanted for.
pub fn shrink(history: &History, shows: impl Fn(&History) -> bool) -> History {
    let mut smallest = history.clone();
    while let Some(smaller) = smaller(&smallest).into_iter().find(|smaller| shows(smaller)) {
        smallest = smaller;
    }
    smallest
}

/// Every history that is one step smaller, the boldest steps first.
fn smaller(history: &History) -> Vec<History> {
    let mut found = Vec::new();
    for at in 0..history.events.len() {
        let mut fewer = history.clone();
        fewer.events.remove(at);
        found.push(fewer);
    }
    for tree in smaller_sups(&history.tree) {
        found.push(History { tree, ..history.clone() });
    }
    for (at, event) in history.events.iter().enumerate() {
        let Event::Start { start, child } = event else { continue };
        for child in smaller_children(child) {
            let mut simpler = history.clone();
            simpler.events[at] = Event::Start { start: start.clone(), child };
            found.push(simpler);
        }
    }
    found
}

fn smaller_sups(sup: &Sup) -> Vec<Sup> {
    let mut found = Vec::new();
    let is_simple = sup.strategy == Strategy::SimpleOneForOne;
    for at in (0..sup.children.len()).filter(|_| !is_simple) {
        let mut fewer = sup.clone();
        fewer.children.remove(at);
        found.push(fewer);
    }
    for (at, child) in sup.children.iter().enumerate() {
        for child in smaller_children(child) {
            let mut simpler = sup.clone();
            simpler.children[at] = child;
            found.push(simpler);
        }
    }
    let significant = sup.children.iter().any(|child| child.significant);
    if sup.auto_shutdown != AutoShutdown::Never && !significant {
        found.push(Sup { auto_shutdown: AutoShutdown::Never, ..sup.clone() });
    }
    if matches!(sup.strategy, Strategy::OneForAll | Strategy::RestForOne) {
        found.push(Sup { strategy: Strategy::OneForOne, ..sup.clone() });
    }
    if 0 < sup.intensity {
        found.push(Sup { intensity: sup.intensity - 1, ..sup.clone() });
    }
    found
}

fn smaller_children(child: &Child) -> Vec<Child> {
    let mut found = Vec::new();
    if let Some(sup) = &child.sup {
        found.push(Child { kind: Kind::Worker, sup: None, ..child.clone() });
        for sup in smaller_sups(sup) {
            found.push(Child { sup: Some(sup), ..child.clone() });
        }
    }
    if !child.fails.is_empty() {
        found.push(Child { fails: child.fails[1..].to_vec(), ..child.clone() });
    }
    if child.significant {
        found.push(Child { significant: false, ..child.clone() });
    }
    let patient = Shutdown::Word(ShutdownWord::Infinity);
    if child.stubborn {
        // With it goes what would wait for it for ever.
        found.push(Child { stubborn: false, ..child.clone() });
    } else if child.shutdown != patient {
        found.push(Child { shutdown: patient, ..child.clone() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::history::{Event, Reason, generate, print};

    #[test]
    fn what_is_not_needed_goes() {
        let kills = |event: &Event| matches!(event, Event::Exit { exit, reason: Reason::Kill } if exit == "root/a");
        let history = (0..)
            .map(generate)
            .find(|history| history.events.len() > 8 && history.events.iter().any(kills))
            .expect("some seed has one");
        let smallest = shrink(&history, |history| history.events.iter().any(kills));
        assert_eq!(smallest.events.len(), 1, "{}", print(&smallest));
        assert!(smallest.tree.children.len() <= 1, "{}", print(&smallest));
        assert_eq!(smallest.tree.intensity, 0);
    }
}
