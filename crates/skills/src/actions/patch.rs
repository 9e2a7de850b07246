//! What a patch says it touches, read without git: nothing of one that reaches out is handed on.

use std::iter::Peekable;
use std::str::Bytes;

/// The names of all files in the heads of a patch, as they are written there.
///
/// Where it is unclear whether something is a name it counts as one: git has the last word on what
/// a patch says, and this is only asked whether any of it reaches out.
pub(super) fn names(patch: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut hunk = Hunk::default();
    for line in patch.lines() {
        if hunk.takes(line) {
            continue;
        }
        match Hunk::begin(line) {
            Some(begun) => hunk = begun,
            None => names.extend(names_of(line)),
        }
    }
    names.retain(|name| name != NOTHING);
    names
}

/// Why a name may be in no patch; nothing if it may.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.starts_with('/') {
        return Some("it is an absolute path: write it relative to the workspace");
    }
    let mut parts = name.split('/');
    if parts.clone().any(|part| part == "..") {
        return Some("it leads out of the folder it begins in: name files of the workspace only");
    }
    let is_gits = parts.any(|part| part.eq_ignore_ascii_case(".git"));
    is_gits.then_some("it belongs to git itself: change that with git")
}

/// Stands for the file that was not there before, or is not there after.
const NOTHING: &str = "/dev/null";

/// Words in front of one name. Those of git's own heads come without a first part to strip.
const HEADS: [&str; 8] = [
    "--- ",
    "+++ ",
    "rename from ",
    "rename to ",
    "rename old ",
    "rename new ",
    "copy from ",
    "copy to ",
];

/// In front of two, with a blank between them that may also be part of a name.
const GIT: &str = "diff --git ";

fn names_of(line: &str) -> Vec<String> {
    if let Some(name) = HEADS.iter().find_map(|head| line.strip_prefix(head)) {
        return vec![unquoted(name)];
    }
    let Some(pair) = line.strip_prefix(GIT) else { return Vec::new() };
    // Each side of a quote, or every word.
    let separator = if pair.contains('"') { "\" " } else { " " };
    pair.split(separator).map(unquoted).collect()
}

/// A name without a date behind it, and without the quotes that git writes around odd ones.
fn unquoted(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"') else {
        return text.split('\t').next().unwrap_or_default().trim_end().to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => break,
            b'\\' => bytes.extend(octal(&mut rest).or_else(|| rest.next())),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Three digits as the byte they stand for.
fn octal(rest: &mut Peekable<Bytes<'_>>) -> Option<u8> {
    let digits = std::iter::from_fn(|| rest.next_if(u8::is_ascii_digit)).take(3);
    let digits: String = digits.map(char::from).collect();
    u8::from_str_radix(&digits, 8).ok()
}

/// Lines of a hunk that are still to come, so that none of them is read as a head.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hunk {
    old: u64,
    new: u64,
}

impl Hunk {
    /// Reads `@@ -FROM,OLD +FROM,NEW @@`, where a missing count is 1.
    fn begin(line: &str) -> Option<Self> {
        let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
        let (new, _) = rest.split_once(" @@")?;
        let count = |range: &str| match range.split_once(',') {
            Some((_, count)) => count.parse().ok(),
            None => Some(1),
        };
        Some(Self { old: count(old)?, new: count(new)? })
    }

    /// Whether this line is one of it.
    fn takes(&mut self, line: &str) -> bool {
        if *self == Hunk::default() {
            return false;
        }
        let (old, new) = match line.bytes().next() {
            None | Some(b' ') => (1, 1),
            Some(b'-') => (1, 0),
            Some(b'+') => (0, 1),
            Some(b'\\') => (0, 0),
            // It breaks off: whatever comes is read as heads.
            Some(_) => {
                *self = Hunk::default();
                return false;
            }
        };
        self.old = self.old.saturating_sub(old);
        self.new = self.new.saturating_sub(new);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_a_head_is_seen_and_none_in_a_hunk() {
        let rows: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("--- a/x\t2026-01-01\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", &["a/x", "b/x"]),
            ("--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+++ ../x\n+--- y\n", &["b/new"]),
            ("@@ -1,2 +1 @@\n--- ../x\n c\n--- ../y\n", &["../y"]),
            ("@@ -1,9 +1,9 @@\n a\n\ndiff --git a/z b/z\n", &["a/z", "b/z"]),
            ("@@ -1 +1 @@ fn x\n-a\n\\ No newline at end of file\n+b\n--- q\n", &["q"]),
            ("diff --git a/o b/p\nrename from o\nrename to p\n", &["a/o", "b/p", "o", "p"]),
            ("diff --git \"a/\\303\\244 x\" \"b/t\\ty\"\n", &["a/ä x", "b/tty"]),
            ("--- \"a/q\\\"r\"\n", &["a/q\"r"]),
        ];
        for (patch, expected) in rows {
            assert_eq!(names(patch), expected, "{patch}");
        }
    }

    #[test]
    fn a_name_that_reaches_out_has_a_fault() {
        let rows = [
            ("a/src/x.rs", None),
            ("a/.gitignore", None),
            ("a/x..y/...", None),
            ("/etc/passwd", Some("absolute")),
            ("a/../x", Some("leads out")),
            ("..", Some("leads out")),
            ("a/x/../../y", Some("leads out")),
            ("b/.git/config", Some("git itself")),
            ("b/sub/.GIT/hooks/x", Some("git itself")),
            (".git", Some("git itself")),
        ];
        for (name, part) in rows {
            let fault = fault(name);
            assert_eq!(fault.is_some(), part.is_some(), "{name}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(part.unwrap_or_default()), "{name}");
        }
    }
}
