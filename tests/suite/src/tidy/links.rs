//! Links between pages lead somewhere.

use super::demand;
use super::repository;

#[test]
fn every_link_between_pages_leads_somewhere() {
    let root = repository::root();
    let mut breaches = Vec::new();
    for page in repository::files().iter().filter(|file| file.has_extension("md")) {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, target) in targets(&page.text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !root.join(folder).join(path).exists() {
                breaches.push(format!("{}:{number}: {target}", page.path));
            }
        }
    }
    demand(&breaches, "correct the link (it is relative to its page), or write what it promises.");
}

/// Targets inside the repository of `[text](target)` and `[name]: target`, with their lines. Code
/// is no link.
fn targets(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in page.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect();
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let named = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        let named = named.and_then(|(_, rest)| rest.split_whitespace().next());
        let inside = inline.chain(named).filter(|target| !is_elsewhere(target));
        found.extend(inside.map(|target| (number, target.to_owned())));
    }
    found
}

fn is_elsewhere(target: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

#[test]
fn links_are_found_in_prose_and_not_in_code() {
    let page = "See [a](a.md) and [b](../b.md#part \"title\").\n\
                `[c](c.md)` [web](https://example.org)\n\
                ```\n[d](d.md)\n```\n\
                [e]: e.md\n";
    let expected = [(1, "a.md"), (1, "../b.md#part"), (6, "e.md")];
    let expected: Vec<(usize, String)> =
        expected.iter().map(|(line, target)| (*line, (*target).to_owned())).collect();
    assert_eq!(targets(page), expected);
}
