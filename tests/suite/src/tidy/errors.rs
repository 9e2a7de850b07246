//! Codes of errors: each that the program shows has a page, and each page a code.

use std::collections::BTreeSet;

use super::demand;
use super::repository::{self, File};

const PAGES: &str = "docs/errors/";
/// What every page says, in this order.
const HEADINGS: [&str; 3] = ["## What happened", "## Why", "## What to do"];

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let files = repository::files();
    let shown: BTreeSet<String> =
        files.iter().filter(|file| is_product(file)).flat_map(|file| codes(&file.text)).collect();
    let pages: BTreeSet<String> = files.iter().filter_map(page).collect();
    let unexplained = shown.difference(&pages).map(|code| format!("{code} has no page"));
    let unused = pages.difference(&shown).map(|code| format!("{code} is shown by nobody"));
    demand(
        &unexplained.chain(unused).collect::<Vec<_>>(),
        "write docs/errors/CODE.md and add it to PAGES in crates/lares/src/code.rs; a code that is \
         given up keeps its number, so that no other error ever has it.",
    );
}

#[test]
fn every_page_says_what_happened_why_and_what_to_do() {
    let mut breaches = Vec::new();
    for file in repository::files() {
        let Some(code) = page(&file) else { continue };
        let headings: Vec<&str> =
            file.text.lines().filter(|line| line.starts_with("## ")).collect();
        let is_titled = file.text.starts_with(&format!("# {code}: "));
        if !is_titled || headings != HEADINGS {
            breaches.push(file.path);
        }
    }
    demand(&breaches, "begin with `# CODE: what it is`, and go on with the three headings.");
}

fn is_product(file: &File) -> bool {
    let folders = ["crates/", "actors/", "supervision/"];
    file.has_extension("rs") && folders.iter().any(|folder| file.path.starts_with(folder))
}

/// The code of a page of errors.
fn page(file: &File) -> Option<String> {
    file.path.strip_prefix(PAGES)?.strip_suffix(".md").map(str::to_owned)
}

/// Every `E` and four digits in quotes, or before a dot as in the name of a page.
fn codes(text: &str) -> Vec<String> {
    let quoted = text.split(['"', '/', '.', ' ']);
    let is_code = |word: &&str| {
        let digits = word.strip_prefix('E').unwrap_or_default();
        digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    quoted.filter(is_code).map(str::to_owned).collect()
}

#[test]
fn codes_are_found_where_they_are_written() {
    let text = r#"Code("E0001"), include_str!("../errors/E0002.md"), such as E0003 E04 EE0005"#;
    assert_eq!(codes(text), ["E0001", "E0002", "E0003"]);
}
