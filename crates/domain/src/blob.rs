//! Bytes that are too big for an event: kept once, and named by what they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// No blob is bigger; what is belongs into several, or is refused where it comes from.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Names bytes by their SHA-256: the same bytes are the same blob. Written as 64 hex digits.
///
/// Whoever keeps bytes computes it, and computes it again when they are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob([u8; 32]);

/// A text that names no blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no blob: write its 64 hex digits")]
pub struct NoBlob(String);

impl Blob {
    /// Of the bytes that have this SHA-256.
    pub fn from_hash(hash: [u8; 32]) -> Self {
        Blob(hash)
    }

    pub fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Blob {
    type Err = NoBlob;

    fn from_str(text: &str) -> Result<Self, NoBlob> {
        let no = || NoBlob(text.to_owned());
        let digits: Vec<u32> =
            text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>().ok_or_else(no)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| join(pair) as u8).collect();
        let is_whole = digits.len() == 64;
        bytes.try_into().ok().filter(|_| is_whole).map(Blob).ok_or_else(no)
    }
}

fn join(digits: &[u32]) -> u32 {
    digits.iter().fold(0, |sum, digit| sum * 16 + digit)
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_read_as_it_is_written() {
        let blob = Blob::from_hash(std::array::from_fn(|at| at as u8 * 8));
        assert_eq!(blob.to_string().len(), 64);
        assert_eq!(blob.to_string().parse(), Ok(blob));
        assert_eq!(blob.to_string().to_uppercase().parse(), Ok(blob));
    }

    #[test]
    fn what_names_no_blob_is_refused() {
        let whole = "ab".repeat(32);
        let texts = ["", "ab", &whole[1..], &format!("{whole}a"), &format!("{whole}ab")];
        for text in texts.into_iter().chain([whole.replace('a', "ä").as_str()]) {
            assert_eq!(text.parse::<Blob>(), Err(NoBlob(text.to_owned())));
        }
    }
}
