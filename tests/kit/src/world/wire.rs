//! The way from node to node: letters that arrive after a while, in an order the seed decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Common;
use super::boot::Boot;
use super::dial::nanos;

/// How long a letter travels, at least and at most.
const TRAVEL_MIN: Duration = Duration::from_millis(1);
const TRAVEL_MAX: Duration = Duration::from_millis(20);

/// Takes a letter in; it runs on the node that it reached.
pub(super) type Listener = Arc<dyn Fn(Letter) + Send + Sync>;

/// A few words from one node to an address of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The node that sent it.
    pub from: String,
    pub to: String,
    /// Who is meant on that node: a word its listeners agree on.
    pub address: String,
    pub text: String,
}

/// The letters under way, by the moment of their arrival.
#[derive(Debug, Default)]
pub(super) struct Letters {
    under_way: BTreeMap<(u64, u64), Letter>,
    sent: u64,
}

impl Letters {
    fn post(&mut self, letter: Letter, arrives: u64) {
        self.sent += 1;
        self.under_way.insert((arrives, self.sent), letter);
    }

    pub(super) fn next_arrival(&self) -> Option<u64> {
        self.under_way.first_key_value().map(|((arrives, _), _)| *arrives)
    }

    /// Takes out the first letter that has arrived by `now`.
    pub(super) fn arrived(&mut self, now: u64) -> Option<Letter> {
        let entry = self.under_way.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}

/// Puts a letter on its way.
pub(super) fn send(common: &Common, from: &str, to: &str, address: &str, text: String) {
    let spread = nanos(TRAVEL_MAX - TRAVEL_MIN);
    let arrives = common.now_ns() + nanos(TRAVEL_MIN) + common.chance.below(spread + 1);
    let (from, to, address) = (from.to_owned(), to.to_owned(), address.to_owned());
    super::boot::lock(&common.letters).post(Letter { from, to, address, text }, arrives);
}

/// One node's end of the wire.
#[derive(Clone)]
pub struct Wire(pub(super) Arc<Boot>);

impl Wire {
    /// Sends a letter. It is lost when its node is down, or when nobody listens there.
    pub fn send(&self, to: &str, address: &str, text: impl Into<String>) {
        if !self.0.touch() {
            return;
        }
        send(&self.0.common, &self.0.name, to, address, text.into());
    }

    /// Hears letters for this address, in the place of whoever did before.
    pub fn listen(&self, address: &str, listener: impl Fn(Letter) + Send + Sync + 'static) {
        self.0.listen(address, Arc::new(listener));
    }
}
