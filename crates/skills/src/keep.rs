//! How much of a stream is kept: all of a short one, and the ends of a long one for people.

use domain::tool::{Attachment, Content};

/// Bytes shown of the beginning of a long stream.
pub(crate) const HEAD_BYTES: usize = 4 * 1024;
/// Bytes shown of its end.
pub(crate) const TAIL_BYTES: usize = 4 * 1024;
/// The most that is kept of one stream, beside its tail.
pub(crate) const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// What was seen of a stream. It takes memory for what it keeps and no more, however long the
/// stream is.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    beginning: Vec<u8>,
    tail: Vec<u8>,
    bytes: u64,
    cut: bool,
}

impl Kept {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES_MAX - self.beginning.len();
        self.beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }

    /// Whether more would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.beginning.len() == KEPT_BYTES_MAX
    }

    /// Nobody reads the rest of the stream, so nobody can say how long it was.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// For people: all of it, or both ends and how much is missing between them.
    pub(crate) fn shown(&self) -> String {
        let shown_max = (HEAD_BYTES + TAIL_BYTES) as u64;
        if self.bytes <= shown_max {
            return self.with_end(&self.beginning);
        }
        let head = String::from_utf8_lossy(&self.beginning[..HEAD_BYTES]);
        let tail = self.with_end(&self.tail);
        format!("{head}\n[… {} bytes are left out here …]\n{tail}", self.bytes - shown_max)
    }

    /// As much as is kept, where that is more than is shown.
    pub(crate) fn attachment(mut self, name: &str) -> Option<Attachment> {
        if self.bytes <= (HEAD_BYTES + TAIL_BYTES) as u64 {
            return None;
        }
        let dropped = self.bytes - self.beginning.len() as u64;
        if 0 < dropped {
            let mark = format!("\n[… {dropped} more bytes were dropped …]\n");
            self.beginning.extend_from_slice(mark.as_bytes());
        }
        if self.cut {
            self.beginning.extend_from_slice(UNREAD.as_bytes());
        }
        Some(Attachment { name: name.to_owned(), content: Content::Bytes(self.beginning) })
    }

    fn with_end(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if self.cut { text + UNREAD } else { text }
    }
}

const UNREAD: &str = "\n[… the rest was not read …]\n";

#[cfg(test)]
mod tests;
