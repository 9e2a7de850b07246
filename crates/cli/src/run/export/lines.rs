//! Lines of a timeline on their way by: how many there were, and the event of the last.

use serde::Deserialize;

/// Keeps the line that is not yet at its end, and nothing else.
#[derive(Default)]
pub(super) struct Lines {
    open: Vec<u8>,
    last: u64,
    count: u64,
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
}

impl Lines {
    /// The event of the last whole line; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") {
                // A line that is none of a node's moves nothing: whoever asks notices.
                if let Ok(Line { seq }) = serde_json::from_slice(&self.open) {
                    self.last = seq;
                    self.count += 1;
                }
                self.open.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_wherever_they_are_cut() {
        let text = b"{\"seq\":1,\"data\":{\"seq\":9}}\n{\"seq\":2}\n{\"seq\":7}\n";
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            text.chunks(size).for_each(|bytes| lines.hear(bytes));
            assert_eq!((lines.last(), lines.count()), (7, 3), "{size}");
        }
        let mut lines = Lines::default();
        lines.hear(b"{\"seq\":1}\n{\"seq\":2}");
        assert_eq!((lines.last(), lines.count()), (1, 1));
        lines.hear(b"\nno line\n");
        assert_eq!((lines.last(), lines.count()), (2, 2));
    }
}
