//! Who is who: kinds of entities, their ids, and the address that names one of them for good.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::time::{Dice, Timestamp};

/// What sort of entity it is, which decides the rules it lives by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One conversation.
    Session,
    /// A graph of steps that answers one turn.
    Plan,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Session, Kind::Plan];

    /// The first part of an address; stored, so it never changes.
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::Session => "ses",
            Kind::Plan => "pln",
        }
    }

    /// As people see it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Session => "session",
            Kind::Plan => "plan",
        }
    }

    pub fn from_prefix(prefix: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix)
    }
}

/// A number that nobody else has: the milliseconds of its making, then 80 bits of chance, so ids
/// sort by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Ulid);

impl Id {
    pub fn roll(now: Timestamp, dice: &dyn Dice) -> Self {
        let chance = (u128::from(dice.roll()) << 64) | u128::from(dice.roll());
        Id(Ulid::from_parts(now.as_millis(), chance))
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Id(Ulid::from_bytes(bytes))
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        Ulid::from_string(text).map(Id).map_err(|_| NoId)
    }
}

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 26 letters and digits")]
pub struct NoId;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one entity for good, wherever it lives. Written as `pln_01KB...`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub kind: Kind,
    pub id: Id,
}

/// A text that names no entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no address: write one such as pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3, as `lares runs` shows it"
)]
pub struct NoAddress(String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.kind.prefix(), self.id)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let no = || NoAddress(text.to_owned());
        let (prefix, id) = text.split_once('_').ok_or_else(no)?;
        let kind = Kind::from_prefix(prefix).ok_or_else(no)?;
        let id = id.parse().map_err(|_| no())?;
        Ok(Address { kind, id })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Dice for Fixed {
        fn roll(&self) -> u64 {
            7
        }
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for kind in Kind::ALL {
            let address = Address { kind, id: Id::roll(Timestamp::from_millis(1), &Fixed) };
            assert_eq!(address.to_string().parse(), Ok(address));
            assert_eq!(Id::from_bytes(address.id.to_bytes()), address.id);
        }
    }

    #[test]
    fn what_names_nobody_is_refused_with_an_example() {
        for text in ["", "pln", "pln_", "pln_7", "xyz_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3", "pln-1"] {
            let refused = text.parse::<Address>().expect_err(text);
            assert!(refused.to_string().starts_with(&format!("`{text}` is no address")));
        }
    }

    #[test]
    fn ids_sort_by_age() {
        let at = |ms| Id::roll(Timestamp::from_millis(ms), &Fixed);
        assert!(at(1) < at(2) && at(255) < at(256));
    }
}
