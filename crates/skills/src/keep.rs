//! How much of a stream is kept: all of a short one, and the ends of a long one for people.

use domain::tool::{Attachment, Content, Media};

/// Bytes shown of the beginning of a long stream.
pub(crate) const HEAD_BYTES: usize = 4 * 1024;
/// Bytes shown of its end.
pub(crate) const TAIL_BYTES: usize = 4 * 1024;
/// The most that is kept of one stream, beside its tail, where nobody says otherwise.
pub(crate) const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// What was seen of a stream. It takes memory for what it keeps and no more, however long the
/// stream is.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes_max: usize,
    beginning: Vec<u8>,
    tail: Vec<u8>,
    bytes: u64,
    cut: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self::new(KEPT_BYTES_MAX)
    }
}

impl Kept {
    /// Keeps at most so many bytes, which are no fewer than are shown.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, beginning: Vec::new(), tail: Vec::new(), bytes: 0, cut: false }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let room = self.bytes_max - self.beginning.len();
        self.beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }

    /// Whether more would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.beginning.len() == self.bytes_max
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
    pub(crate) fn attachment(self, name: &str, media: Media) -> Option<Attachment> {
        if self.bytes <= (HEAD_BYTES + TAIL_BYTES) as u64 {
            return None;
        }
        let content = Content::Bytes(self.into_bytes());
        Some(Attachment { name: name.to_owned(), content, media })
    }

    /// Whether nothing of the stream was dropped.
    pub(crate) fn is_whole(&self) -> bool {
        !self.cut && self.bytes == self.beginning.len() as u64
    }

    /// As much as is kept.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Its last lines, of at most so many bytes.
    pub(crate) fn last(&self, bytes_max: usize) -> String {
        let from = self.tail.len().saturating_sub(bytes_max);
        let text = String::from_utf8_lossy(&self.tail[from..]);
        let is_cut = (self.tail.len() - from) as u64 != self.bytes;
        let whole = text.split_once('\n').filter(|(_, rest)| is_cut && !rest.trim().is_empty());
        whole.map_or(&*text, |(_, rest)| rest).trim().to_owned()
    }

    /// As much as is kept, with a mark for what is not.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        let dropped = self.bytes - self.beginning.len() as u64;
        if 0 < dropped {
            let mark = format!("\n[… {dropped} more bytes were dropped …]\n");
            self.beginning.extend_from_slice(mark.as_bytes());
        }
        if self.cut {
            self.beginning.extend_from_slice(UNREAD.as_bytes());
        }
        self.beginning
    }

    /// The same with the end of a stream that was too long, where most things are said.
    pub(crate) fn into_both_ends(mut self) -> Vec<u8> {
        let missing = self.bytes - self.beginning.len() as u64;
        let tail = std::mem::take(&mut self.tail);
        let tail_bytes = missing.min(tail.len() as u64);
        if tail_bytes < missing {
            let mark = format!("\n[… {} bytes are left out here …]\n", missing - tail_bytes);
            self.beginning.extend_from_slice(mark.as_bytes());
        }
        self.beginning.extend_from_slice(&tail[tail.len() - tail_bytes as usize..]);
        self.beginning
    }

    fn with_end(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if self.cut { text + UNREAD } else { text }
    }
}

const UNREAD: &str = "\n[… the rest was not read …]\n";

#[cfg(test)]
mod tests;
