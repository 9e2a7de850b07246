//! A question under way: one place that its asker, whoever answers and the mailbox share.
//!
//! A channel would have two ends. This has a third: the mailbox, which lets the asker go when
//! whoever was at the question is cut off and may hold on to its reply for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::incarnation;
use crate::mailbox::Abandon;

pub(crate) struct Question<T>(Mutex<Progress<T>>);

enum Progress<T> {
    Open(Option<Waker>),
    Answered(T),
    /// No answer will come, or it was taken.
    Closed,
}

/// Where an answer goes. Dropping it without one tells the asker at once.
pub struct Reply<T>(Option<Arc<Question<T>>>);

/// What the asker waits for: the answer, or nothing if none will come.
pub(crate) struct Answer<T>(Arc<Question<T>>);

impl<T> Question<T> {
    pub(crate) fn open() -> (Reply<T>, Answer<T>, Arc<Self>) {
        let question = Arc::new(Question(Mutex::new(Progress::Open(None))));
        (Reply(Some(Arc::clone(&question))), Answer(Arc::clone(&question)), question)
    }

    /// The first end counts.
    fn end(&self, how: Progress<T>) {
        let mut progress = self.progress();
        let Progress::Open(waker) = &mut *progress else { return };
        let waker = waker.take();
        *progress = how;
        drop(progress);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Abandon for Question<T> {
    fn abandon(&self) {
        self.end(Progress::Closed);
    }
}

impl<T> Reply<T> {
    /// Answers; an asker that has left meanwhile misses nothing it waits for. One that was cut off
    /// answers nobody.
    pub fn send(mut self, answer: T) {
        if incarnation::is_current_fenced() {
            return;
        }
        if let Some(question) = self.0.take() {
            question.end(Progress::Answered(answer));
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(question) = &self.0 {
            question.end(Progress::Closed);
        }
    }
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

impl<T> Drop for Answer<T> {
    /// Nobody waits any more: an answer that is there, or still comes, is dropped where it is, and
    /// not with whoever else holds the question.
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.0.progress(), Progress::Closed);
        drop(before);
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut progress = self.0.progress();
        if let Progress::Open(waker) = &mut *progress {
            if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        Poll::Ready(match std::mem::replace(&mut *progress, Progress::Closed) {
            Progress::Answered(answer) => Some(answer),
            Progress::Open(_) | Progress::Closed => None,
        })
    }
}
