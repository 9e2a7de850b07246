//! What a node and a guard of the same program say to each other.
//!
//! The guard writes lines of JSON, each a [`Report`]. The node writes one [`Order`] once it has
//! heard `Ready`, and then at most the byte [`TERMINATE`]. The end of its side asks for the end of
//! everything, whether it closed it or died.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Asks politely: every process below the guard gets `SIGTERM`, once.
pub(crate) const TERMINATE: u8 = b't';

/// No order is longer; arguments have bounds far below.
const ORDER_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// What to start, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The words that make a guard of this program.
    pub(crate) verb: Vec<String>,
    pub(crate) shell: PathBuf,
    pub(crate) command: String,
    pub(crate) folder: PathBuf,
    /// All of it.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) input: Option<String>,
}

impl Order {
    /// As it goes over the socket: its length, then JSON.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("strings and lists are JSON");
        let length = u32::try_from(json.len()).expect("arguments are bounded");
        [&length.to_be_bytes()[..], &json].concat()
    }

    /// Reads one; nothing if the node went away before it was complete.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        if let Err(error) = from.read_exact(&mut length) {
            return gone(error);
        }
        let length = u32::from_be_bytes(length);
        if ORDER_BYTES_MAX < length {
            return Err(io::Error::other("an order of another program"));
        }
        let mut json = vec![0; length as usize];
        if let Err(error) = from.read_exact(&mut json) {
            return gone(error);
        }
        Ok(Some(serde_json::from_slice(&json)?))
    }
}

fn gone(error: io::Error) -> io::Result<Option<Order>> {
    let ends = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
    if ends.contains(&error.kind()) { Ok(None) } else { Err(error) }
}

/// What a guard has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// It holds the hands file and waits for its order.
    Ready,
    /// From here on the tool may have had an effect.
    Begun,
    /// It had none: the shell could not be started.
    Refused(String),
    /// Nothing of the tool lives.
    Ended(End),
}

/// How the tool's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
}

impl Report {
    /// Writes it as a line.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_is_cut_off_is_none() {
        let order = Order {
            verb: vec!["guard".to_owned()],
            shell: PathBuf::from("/bin/sh"),
            command: "echo".to_owned(),
            folder: PathBuf::from("/"),
            environment: vec![("A".to_owned(), "b".to_owned())],
            input: None,
        };
        let bytes = order.to_bytes();
        for length in 0..bytes.len() {
            let read = Order::read(&mut &bytes[..length]).expect("the node may die at any time");
            assert_eq!(read, None, "{length} bytes");
        }
        assert_eq!(Order::read(&mut bytes.as_slice()).expect("it is complete"), Some(order));
        assert!(Order::read(&mut [255; 4].as_slice()).is_err());
    }
}
