//! What stages are called: by people in any words, in keys by plain ones.

use std::collections::{BTreeMap, BTreeSet};

use super::node::Scalar;
use super::reader::Reader;
use super::story;

/// Where a plan ends, and no stages.
pub(super) const ENDS: [&str; 3] = ["done", "fail", "paused"];

const ID_BYTES_MAX: usize = 48;
const TITLE_CHARS_MAX: usize = 200;

#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    pub(super) id: String,
    pub(super) title: String,
}

/// The names of a list of stages, by their titles; `ids` holds those that are taken.
pub(super) fn names(
    reader: &mut Reader<'_>,
    titles: &[Option<&Scalar>],
    ids: &mut BTreeSet<String>,
) -> Vec<Name> {
    let mut lines = BTreeMap::new();
    let mut names = Vec::new();
    // Whoever wrote a plain word finds it again, whatever the titles before it come to.
    let words = titles.iter().flatten().map(|title| title.text.trim());
    let words = words.filter(|text| plain(text).as_deref() == Some(*text));
    let mut words: BTreeSet<&str> = words.filter(|text| !ids.contains(*text)).collect();
    ids.extend(words.iter().map(|text| (*text).to_owned()));
    for (at, title) in titles.iter().enumerate() {
        let Some(title) = title else {
            names.push(Name::default());
            continue;
        };
        let text = title.text.trim();
        if let Some(line) = lines.insert(text, title.place.line) {
            let what = format!(
                "`{}` is doubled: it is what line {line} is called already; name each differently",
                story::shown(text)
            );
            reader.error(title.place, what);
        }
        if TITLE_CHARS_MAX < text.chars().count() {
            let what = format!("this name has more than {TITLE_CHARS_MAX} letters: shorten it");
            reader.error(title.place, what);
        }
        let id = match words.remove(text) {
            true => text.to_owned(),
            false => unique(plain(text).unwrap_or_else(|| format!("step-{}", at + 1)), ids),
        };
        ids.insert(id.clone());
        names.push(Name { id, title: text.to_owned() });
    }
    names
}

/// A title as a plain word, where enough of it is left.
fn plain(title: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
    let mut id = title.to_owned();
    if ID_BYTES_MAX < title.len() || !title.chars().all(is_plain) {
        id.clear();
        for letter in title.chars() {
            if is_plain(letter) {
                id.push(letter);
            } else if !id.ends_with('-') {
                id.push('-');
            }
            if id.len() == ID_BYTES_MAX {
                break;
            }
        }
        id = id.trim_matches('-').to_owned();
    }
    (!id.is_empty() && !ENDS.contains(&id.as_str())).then_some(id)
}

fn unique(id: String, ids: &BTreeSet<String>) -> String {
    if !ids.contains(&id) {
        return id;
    }
    // One of the first `ids.len() + 1` numbers is free.
    (2..=ids.len() + 2)
        .map(|number| {
            let end = format!("-{number}");
            let kept = id.len().min(ID_BYTES_MAX - end.len());
            format!("{}{end}", &id[..kept])
        })
        .find(|id| !ids.contains(id))
        .unwrap_or(id)
}
