//! What git counts of each file that differs: `ADDED TAB REMOVED TAB PATH NUL`.

use serde::Serialize;
use serde_json::{Value, json};

use super::FILES_SHOWN_MAX;

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    pub(super) path: String,
    /// Lines; none of what is no text.
    pub(super) added: u64,
    pub(super) removed: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) binary: bool,
}

/// Reads what `--numstat -z` has written; what was cut off in the middle is no file.
pub(super) fn read(bytes: &[u8]) -> Vec<Changed> {
    let mut entries: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    // Behind the last NUL there is nothing, or what was cut off.
    entries.pop();
    entries.into_iter().filter_map(changed).collect()
}

fn changed(entry: &[u8]) -> Option<Changed> {
    let text = String::from_utf8_lossy(entry);
    let mut fields = text.splitn(3, '\t');
    let (added, removed, path) = (fields.next()?, fields.next()?, fields.next()?);
    let binary = added == "-";
    let lines = |text: &str| text.parse().unwrap_or(0);
    let (added, removed) = (lines(added), lines(removed));
    Some(Changed { path: path.to_owned(), added, removed, binary })
}

/// The files, as many as a value may name, and what all of them come to.
pub(super) fn value(files: &[Changed]) -> Value {
    let shown = &files[..files.len().min(FILES_SHOWN_MAX)];
    let added: u64 = files.iter().map(|file| file.added).sum();
    let removed: u64 = files.iter().map(|file| file.removed).sum();
    let mut value = json!({ "files": shown, "added": added, "removed": removed });
    if shown.len() < files.len() {
        value["files_left_out"] = json!(files.len() - shown.len());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, added: u64, removed: u64, binary: bool) -> Changed {
        Changed { path: path.to_owned(), added, removed, binary }
    }

    #[test]
    fn every_whole_entry_is_a_file() {
        let rows: [(&[u8], Vec<Changed>); 5] = [
            (b"", vec![]),
            (b"1\t2\ta b\tc\0", vec![file("a b\tc", 1, 2, false)]),
            (b"-\t-\tx.png\0", vec![file("x.png", 0, 0, true)]),
            (b"1\t0\ta\n\x003\t4\tb\0", vec![file("a\n", 1, 0, false), file("b", 3, 4, false)]),
            (b"1\t0\ta\x003\t4\tcut of", vec![file("a", 1, 0, false)]),
        ];
        for (bytes, expected) in rows {
            assert_eq!(read(bytes), expected);
        }
    }

    #[test]
    fn a_value_names_so_many_files_and_counts_all() {
        let files = vec![file("a", 1, 2, false); FILES_SHOWN_MAX + 3];
        let value = value(&files);
        assert_eq!(value["files"].as_array().map(Vec::len), Some(FILES_SHOWN_MAX));
        assert_eq!((&value["files_left_out"], &value["added"]), (&json!(3), &json!(203)));
    }
}
