//! Durations as people write them: a whole number and one unit, `250ms`, `2s`, `5m`, `1h`, `7d`.
//!
//! A field of a configuration uses it with `#[serde(with = "domain::duration")]`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// The units a person may write, the largest first; each in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "`{text}` is no duration: write a whole number and a unit, such as 250ms, 2s, 5m, 1h or 7d"
    )]
    Malformed { text: String },
    #[error("`{text}` is longer than any duration this program can hold")]
    TooLong { text: String },
}

/// Reads what a person wrote.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let malformed = || Error::Malformed { text: text.to_owned() };
    let too_long = || Error::TooLong { text: text.to_owned() };

    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
    if number.is_empty() {
        return Err(malformed());
    }
    let number: u64 = number.parse().map_err(|_| too_long())?;
    number.checked_mul(*unit_ms).map(Duration::from_millis).ok_or_else(too_long)
}

/// Writes a duration so that `parse` reads it back, to the millisecond.
pub fn render(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let (name, unit_ms) =
        UNITS.into_iter().find(|(_, unit_ms)| ms % unit_ms == 0).unwrap_or(("ms", 1));
    format!("{}{name}", ms / unit_ms)
}

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&render(*duration))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
