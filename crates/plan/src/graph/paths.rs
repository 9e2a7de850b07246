//! What only the whole shows: stages nobody comes to, circles, and outputs that come too late.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use super::stage::Draft;
use super::{Route, Source, story};

/// Checks stages that are right one by one.
pub(super) fn check(reader: &mut Reader<'_>, drafts: &[Draft]) {
    let reached = reached(drafts, [0]);
    for (at, draft) in drafts.iter().enumerate().filter(|(at, _)| !reached.contains(at)) {
        let what = format!("no way leads to {}: it is never done", title(drafts, at));
        reader.warn(draft.stage.place, what);
    }
    circles(reader, drafts);
    let stuck = dependencies(reader, drafts);
    early(reader, drafts, &reached, &stuck);
}

fn title(drafts: &[Draft], at: usize) -> String {
    format!("`{}`", story::shown(&drafts[at].stage.title))
}

fn titles(drafts: &[Draft], stages: &[usize]) -> String {
    let titles: Vec<String> = stages.iter().map(|at| title(drafts, *at)).collect();
    titles.join(", ")
}

fn target(route: Route) -> Option<usize> {
    match route {
        Route::Stage(stage) => Some(stage),
        Route::Done | Route::Fail | Route::Rollback | Route::Paused => None,
    }
}

/// Where one can come from these stages, they themselves included.
fn reached(drafts: &[Draft], from: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<usize> = from.into_iter().collect();
    while let Some(at) = left.pop() {
        if reached.insert(at) {
            let stage = &drafts[at].stage;
            let routes = [stage.on_success, stage.on_failure];
            left.extend(routes.into_iter().filter_map(target));
            // Whoever lets it go on goes on to the next one.
            let is_next = routes.contains(&Route::Paused) && at + 1 < drafts.len();
            left.extend(is_next.then_some(at + 1));
        }
    }
    reached
}

// --- circles ---

/// Stages that lead back to themselves although all goes well: a person must have written where
/// such a circle ends.
fn circles(reader: &mut Reader<'_>, drafts: &[Draft]) {
    let mut seen = BTreeSet::new();
    for start in 0..drafts.len() {
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(at) = next.filter(|at| seen.insert(*at)) {
            path.push(at);
            next = target(drafts[at].stage.on_success);
        }
        let back = next.and_then(|at| path.iter().position(|passed| *passed == at));
        if let Some(back) = back {
            circle(reader, drafts, &path[back..]);
        }
    }
}

fn circle(reader: &mut Reader<'_>, drafts: &[Draft], circle: &[usize]) {
    let is_way_out = |at: &usize| {
        let draft = &drafts[*at];
        let inside = target(draft.stage.on_failure).is_some_and(|to| circle.contains(&to));
        draft.is_failure_written && !inside
    };
    let go = if circle.len() == 1 { "goes" } else { "go" };
    let names = titles(drafts, circle);
    let place = drafts[circle[0]].stage.place;
    match circle.iter().any(is_way_out) {
        true => {
            let what = format!("{names} {go} round until a step fails: nothing else ends them");
            reader.warn(place, what);
        }
        false => {
            let what = format!(
                "{names} {go} round for ever: lead `on_success` of one of them out, or write its \
                 `on_failure`"
            );
            reader.error(place, what);
        }
    }
}

// --- outputs ---

fn outputs(draft: &Draft) -> impl Iterator<Item = &str> {
    draft.uses.iter().filter_map(|used| match &used.what.of {
        Source::Output(name) => Some(name.as_str()),
        Source::Input(_) => None,
    })
}

/// The stages that put out each name.
struct Makers<'a>(BTreeMap<&'a str, Vec<usize>>);

impl<'a> Makers<'a> {
    fn new(drafts: &'a [Draft]) -> Self {
        let mut makers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, draft) in drafts.iter().enumerate() {
            for output in &draft.stage.outputs {
                makers.entry(output).or_default().push(at);
            }
        }
        Makers(makers)
    }

    fn of(&self, output: &str) -> &[usize] {
        self.0.get(output).map_or(&[], Vec::as_slice)
    }

    /// The first of those that put it out, where all of them are stuck.
    fn stuck(&self, output: &str, stuck: &BTreeSet<usize>) -> Option<usize> {
        let makers = self.of(output);
        makers.first().copied().filter(|_| makers.iter().all(|maker| stuck.contains(maker)))
    }
}

/// Those of which none can be first, because each takes what another one puts out; one error for
/// each circle of them.
fn dependencies(reader: &mut Reader<'_>, drafts: &[Draft]) -> BTreeSet<usize> {
    let makers = Makers::new(drafts);
    let mut stuck: BTreeSet<usize> = (0..drafts.len()).collect();
    loop {
        let waits = |name| makers.stuck(name, &stuck).is_some();
        let free: Vec<usize> =
            stuck.iter().copied().filter(|at| !outputs(&drafts[*at]).any(waits)).collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|at| {
            stuck.remove(at);
        });
    }
    let mut told = BTreeSet::new();
    for start in &stuck {
        let mut path = vec![*start];
        loop {
            let at = path[path.len() - 1];
            let next = outputs(&drafts[at]).find_map(|name| makers.stuck(name, &stuck));
            let Some(next) = next else { break };
            if let Some(back) = path.iter().position(|passed| *passed == next) {
                circle_of_outputs(reader, drafts, &path[back..], &mut told);
                break;
            }
            path.push(next);
        }
    }
    stuck
}

fn circle_of_outputs(
    reader: &mut Reader<'_>,
    drafts: &[Draft],
    circle: &[usize],
    told: &mut BTreeSet<usize>,
) {
    if circle.iter().filter(|at| told.insert(**at)).count() != circle.len() {
        return;
    }
    let first = circle.iter().copied().min().unwrap_or_default();
    let place = drafts[first].uses.first().map_or(drafts[first].stage.place, |used| used.place);
    let what = match circle {
        [_] => format!("{} takes what only it puts out: it cannot begin", title(drafts, first)),
        _ => format!(
            "{} take each other's outputs: none of them can be first",
            titles(drafts, circle)
        ),
    };
    reader.error(place, what);
}

/// Tells outputs that are used where nothing can have put them out yet.
fn early(
    reader: &mut Reader<'_>,
    drafts: &[Draft],
    reached: &BTreeSet<usize>,
    stuck: &BTreeSet<usize>,
) {
    let makers = Makers::new(drafts);
    let after: Vec<BTreeSet<usize>> =
        drafts.iter().map(|draft| self::reached(drafts, target(draft.stage.on_success))).collect();
    let stages = drafts.iter().enumerate();
    for (at, draft) in stages.filter(|(at, _)| reached.contains(at) && !stuck.contains(at)) {
        for used in &draft.uses {
            let Source::Output(name) = &used.what.of else { continue };
            let comes = |maker: &usize| reached.contains(maker) && after[*maker].contains(&at);
            let makers = makers.of(name);
            if !makers.is_empty() && !makers.iter().any(comes) {
                let makers = titles(drafts, makers);
                let what = format!(
                    "`{}` is put out by {makers}, which cannot have run before: move it up, or \
                     rename the input",
                    story::shown(name)
                );
                reader.warn(used.place, what);
            }
        }
    }
}
