//! A queue in pieces, so that a long one neither moves as it grows nor stays large as it shrinks.

use std::collections::VecDeque;

/// The most that one piece holds.
pub(super) const PIECE_MAX: usize = 64;

pub(super) struct Pieces<T> {
    /// Where the next item is taken from; all that a short queue has.
    first: VecDeque<T>,
    /// None of them is empty.
    more: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Pieces<T> {
    pub(super) fn new() -> Self {
        Pieces { first: VecDeque::new(), more: VecDeque::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, item: T) {
        self.len += 1;
        let last = self.more.back_mut().unwrap_or(&mut self.first);
        match last.len() < PIECE_MAX {
            true => last.push_back(item),
            false => self.more.push_back(VecDeque::from([item])),
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        if self.first.is_empty() {
            self.first = self.more.pop_front()?;
        }
        self.len -= 1;
        self.first.pop_front()
    }
}

/// Piece by piece: what is done with frees its memory as one goes.
impl<T> IntoIterator for Pieces<T> {
    type Item = VecDeque<T>;
    type IntoIter = std::iter::Chain<
        std::iter::Once<VecDeque<T>>,
        std::collections::vec_deque::IntoIter<VecDeque<T>>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.more)
    }
}
