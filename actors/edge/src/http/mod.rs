//! The HTTP door: keeps one door open and serving.
//!
//! hears    Closed (from its own task)
//! bounds   one serving task; what it may do is bounded by the door itself
//! crashes  when the door closes by itself; the socket outlives it, so nobody outside notices
//! leaves   after what is in flight has been answered, as the door's own deadline says

use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use domain::door::{Door, Error};
use runtime::spec::{Backoff, Shutdown};
use runtime::{Actor, Bounds, Child, Class, Context, Leave, Message, Next, Node, Worker};
use tokio::sync::oneshot;

/// Longer than any door takes to finish what is in flight.
const STOP_DEADLINE: Duration = Duration::from_secs(8);

/// A door that cannot serve is tried again, ever more slowly; then it is for those above to decide.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(2),
    stable: Duration::from_secs(30),
    attempts_max: 6,
};

/// What the door says of itself.
pub enum Heard {
    Closed(Result<(), Error>),
}

impl Message for Heard {}

struct Http {
    door: Arc<dyn Door>,
    close: Option<oneshot::Sender<()>>,
    closed: Option<oneshot::Receiver<()>>,
}

/// The door as a child of its supervisor.
pub fn spec(node: &Node, door: Arc<dyn Door>) -> Child {
    let make = move || Http { door: Arc::clone(&door), close: None, closed: None };
    Worker::new("http", "http", make)
        .class(Class::Adapter)
        .backoff(BACKOFF)
        .shutdown(Shutdown::Deadline(STOP_DEADLINE))
        .mailbox(Bounds { messages_max: 4, ..Bounds::default() })
        .on(node)
        .0
}

impl Actor for Http {
    type Message = Heard;

    async fn init(&mut self, cx: &mut Context<Heard>) -> Result<(), BoxError> {
        let (close, closing) = oneshot::channel();
        let (tell_closed, closed) = oneshot::channel();
        self.close = Some(close);
        self.closed = Some(closed);
        let serving = self.door.serve(Box::pin(async {
            // An error means that this actor is gone, which closes the door as well.
            let _ = closing.await;
        }));
        let myself = cx.myself();
        cx.spawn(async move {
            let result = serving.await;
            let _ = tell_closed.send(());
            // Refused only when nobody listens any more.
            let _ = myself.tell(Heard::Closed(result));
        });
        Ok(())
    }

    async fn handle(&mut self, heard: Heard, _cx: &mut Context<Heard>) -> Result<Next, BoxError> {
        match heard {
            Heard::Closed(Ok(())) => Err("the door closed without being asked to".into()),
            Heard::Closed(Err(error)) => Err(error.into()),
        }
    }

    async fn leave(&mut self, _why: Leave, _cx: &mut Context<Heard>) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        if let Some(closed) = self.closed.take() {
            let _ = closed.await;
        }
    }
}
