//! What is written down: values that outlive the program that wrote them.
//!
//! A name and a version choose the type that reads a body. Fields may be added with a default, in
//! the same version; whatever else changes is a new version, and the old one is read for ever.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journal::Body;

/// A family of values, told apart by name and version.
pub trait Written: Sized {
    fn write(&self) -> Body;

    fn read(body: &Body) -> Result<Self, Unread>;
}

/// A body that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error("nothing here is called {name} in version {version}")]
    Unknown { name: String, version: u16 },
    #[error("a body of {name} is not what its name says: {what}")]
    Malformed { name: String, what: String },
}

impl Unread {
    /// For a name and version that no type has.
    pub fn unknown(body: &Body) -> Self {
        Unread::Unknown { name: body.name.to_string(), version: body.version }
    }

    /// For bytes that their type refuses.
    pub fn malformed(body: &Body, error: impl std::fmt::Display) -> Self {
        Unread::Malformed { name: body.name.to_string(), what: error.to_string() }
    }
}

/// A value as a body: its fields by name, so that they can grow in number.
pub fn write(name: &'static str, version: u16, value: &impl Serialize) -> Body {
    // Most of what is written is shorter, and is written often.
    let mut bytes = Vec::with_capacity(128);
    rmp_serde::encode::write_named(&mut bytes, value).expect("what is written down is plain data");
    Body { name: Cow::Borrowed(name), version, bytes }
}

/// The value of a body, once its name and version have chosen the type.
pub fn read<T: DeserializeOwned>(body: &Body) -> Result<T, Unread> {
    rmp_serde::from_slice(&body.bytes).map_err(|error| Unread::malformed(body, error))
}
