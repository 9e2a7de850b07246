//! The keys of a configuration file: which of them are known, and where they stand in the text.

use std::ops::Range;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::Fault;
use domain::nearest::nearest;

/// The first key that no option has, with the one that was probably meant.
pub(super) fn first_unknown(table: &DeTable<'_>, known: &toml::Table) -> Option<Fault> {
    first_unknown_below(table, known, known, "")
}

fn first_unknown_below(
    table: &DeTable<'_>,
    known: &toml::Table,
    all: &toml::Table,
    path: &str,
) -> Option<Fault> {
    // In the order of the file, which is the order in which a person mends it.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().find_map(|(key, value)| {
        let name = key.get_ref().as_ref();
        match (known.get(name), value.get_ref()) {
            (None, _) => {
                let what = unknown(name, known, all, path);
                Some(Fault { offset: key.span().start, what })
            }
            (Some(Value::Table(known)), DeValue::Table(inner)) => {
                first_unknown_below(inner, known, all, &format!("{path}{name}."))
            }
            (Some(_), _) => None,
        }
    })
}

fn unknown(name: &str, known: &toml::Table, all: &toml::Table, path: &str) -> String {
    let siblings = || known.keys().map(String::as_str);
    let meant = nearest(name, siblings()).map(|sibling| format!("{path}{sibling}"));
    match meant.or_else(|| elsewhere(name, all)) {
        Some(meant) => format!("unknown key `{path}{name}`: did you mean `{meant}`?"),
        None => {
            let names: Vec<_> = siblings().map(|sibling| format!("`{path}{sibling}`")).collect();
            format!("unknown key `{path}{name}`: known here are {}", names.join(", "))
        }
    }
}

/// The path of a key that has this name in another section.
fn elsewhere(name: &str, known: &toml::Table) -> Option<String> {
    known.iter().find_map(|(section, value)| match value.as_table() {
        Some(inner) if inner.contains_key(name) => Some(format!("{section}.{name}")),
        Some(inner) => elsewhere(name, inner).map(|path| format!("{section}.{path}")),
        None => None,
    })
}

/// Where a key, written with dots, stands in the text.
pub(super) fn offset(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (name, below) = match path.split_once('.') {
        Some((name, below)) => (name, Some(below)),
        None => (path, None),
    };
    let (key, value) = table.get_key_value(name)?;
    match (below, value.get_ref()) {
        (None, _) => Some(key.span().start),
        (Some(below), DeValue::Table(inner)) => offset(inner, below),
        (Some(_), _) => None,
    }
}

/// The key, written with dots, whose value stands at this byte of the text.
pub(super) fn at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    let covers = |span: Range<usize>| span.contains(&offset);
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let inner = value.get_ref().as_table();
        match inner.and_then(|inner| at(inner, offset)) {
            Some(below) => Some(format!("{name}.{below}")),
            None => (covers(key.span()) || covers(value.span())).then(|| name.to_string()),
        }
    })
}
