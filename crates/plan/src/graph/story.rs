//! What the parser of YAML has to say, in words for whoever wrote the text.

use granit_parser::{ErrorKind, ScanError};

use super::{Fault, Limits, Place, Severity};

/// How much of a text a message repeats.
const SHOWN_CHARS_MAX: usize = 60;
/// A line that is longer is not written out as it should stand.
const LINE_BYTES_MAX: usize = 240;

/// Where a text is no YAML.
#[expect(clippy::wildcard_enum_match_arm, reason = "of a hundred kinds, people meet a dozen")]
pub(super) fn fault(trouble: &ScanError, text: &str, limits: &Limits) -> Fault {
    let mark = trouble.marker();
    let place = Place { line: mark.line(), column: mark.col() + 1 };
    let mut instead = None;
    let what = match trouble.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(limits),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => {
            "a tab indents this line, and YAML takes spaces only".to_owned()
        }
        ErrorKind::MappingValueNotAllowed => {
            instead = quoted(line(text, place.line));
            "this is no YAML: a second `: ` in one line; put the value in quotes, or indent the \
             line as its neighbours are"
                .to_owned()
        }
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            format!("U+{:04X} stands here, which no text may hold", u32::from(*character))
        }
        ErrorKind::UnexpectedCharacter { character } => {
            instead = quoted(line(text, place.line));
            format!("this is no YAML: a text that begins with `{character}` needs quotes")
        }
        ErrorKind::UnknownAnchor => {
            "this alias repeats what no `&` has named before: name it first".to_owned()
        }
        ErrorKind::TabAtBlockScalarStart => {
            "a tab indents the block of text that begins here, and YAML takes spaces only"
                .to_owned()
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation => {
            "this is no YAML: the line is indented unlike those it belongs to".to_owned()
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "this is no YAML: something follows a closing quote; put quotes around all of it"
                .to_owned()
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            "this is no YAML: within double quotes, a `\\` begins an escape that there is none \
             of; use single quotes, or write `\\\\`"
                .to_owned()
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            format!("this is no YAML: the `{open}` is never closed")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            "this is no YAML: a quote that began before is not closed".to_owned()
        }
        ErrorKind::SimpleKeyExpected => {
            "this is no YAML: a key without a `:`; write `key: value`".to_owned()
        }
        // The rest is rare, and said well enough.
        kind => format!("this is no YAML: {kind}"),
    };
    Fault { place, severity: Severity::Error, what, instead }
}

pub(super) fn too_deep(limits: &Limits) -> String {
    format!(
        "this is nested deeper than {}, repeated parts included: make it flatter",
        limits.depth_max
    )
}

/// One line of a text, from 1.
pub(super) fn line(text: &str, number: usize) -> &str {
    text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
}

pub(super) fn short(line: String) -> Option<String> {
    (line.len() <= LINE_BYTES_MAX).then_some(line)
}

/// The beginning of what may be long, on one line.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).map(printable).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn printable(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

/// The line with its value in quotes, where a key and a value is all it holds.
fn quoted(line: &str) -> Option<String> {
    let (key, value) = line.split_once(": ")?;
    let word = key.trim_start().trim_start_matches("- ");
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let value = value.trim();
    if word.is_empty() || !word.chars().all(is_plain) || value.starts_with(['"', '\'', '{', '[']) {
        return None;
    }
    short(format!("{key}: '{}'", value.replace('\'', "''")))
}
