//! The text of a plan: read from a file, and held against it later.

use std::io::Read;
use std::path::Path;

use domain::run::Run;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::story::File;

/// The longest plan that is read; the node takes less, and says how much.
const PLAN_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a hash that name a text.
const DIGEST_BYTES: usize = 16;

/// Reads a plan; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let text = if path == Path::new("-") {
        bounded(std::io::stdin())
    } else {
        std::fs::File::open(path).and_then(bounded)
    };
    let text = text.map_err(|source| Error::Plan { path: path.to_owned(), source })?;
    if PLAN_BYTES_MAX < text.len() as u64 {
        let what = format!("the plan is longer than {PLAN_BYTES_MAX} bytes: keep data out of it");
        return Err(Error::Faults(vec![what]));
    }
    Ok(text)
}

/// One byte more than is taken tells that there is more.
fn bounded(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(PLAN_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Whether the file of a run still says what the run began with.
pub(super) fn file(run: &Run) -> File {
    let Some(text) = &run.text else { return File::Unknown };
    let file = text.file.as_ref().map(std::fs::File::open);
    match file.map(|file| file.and_then(bounded)) {
        Some(Ok(now)) if digest(&now) == text.digest => File::Same,
        Some(Ok(_)) => File::Changed,
        Some(Err(_)) | None => File::Unknown,
    }
}

fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// What the node found too big, with the place of what makes it so.
pub(super) fn too_big(message: String, plan: &[u8]) -> Error {
    let plan = serde_json::from_slice(plan).unwrap_or_default();
    match heaviest(&plan, String::new()) {
        Some((place, bytes)) => Error::Faults(vec![
            message,
            format!("{place}: has {bytes} bytes: keep them in a file that the step reads"),
        ]),
        None => Error::TooBig(message),
    }
}

/// The place of the longest text, and its length. As deep as JSON is read.
fn heaviest(value: &Value, place: String) -> Option<(String, usize)> {
    let longest = |all: &mut dyn Iterator<Item = (String, usize)>| all.max_by_key(|found| found.1);
    match value {
        Value::String(text) => Some((place, text.len())),
        Value::Array(values) => {
            let values = values.iter().enumerate();
            longest(&mut values.filter_map(|(at, value)| heaviest(value, format!("{place}[{at}]"))))
        }
        Value::Object(values) => longest(&mut values.iter().filter_map(|(name, value)| {
            let dot = if place.is_empty() { "" } else { "." };
            heaviest(value, format!("{place}{dot}{name}"))
        })),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_named_as_the_node_names_it() {
        assert_eq!(digest(b"name: deploy\n").len(), 2 * DIGEST_BYTES);
        assert_eq!(digest(b""), "e3b0c44298fc1c149afbf4c8996fb924");
    }
}
