//! Crash → the replacement has answered.

use std::time::Instant;

use hdrhistogram::Histogram;
use runtime::Handle;

use super::stage::{self, Order, PATIENCE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Kill,
    Panic,
}

/// Latencies in nanoseconds.
pub(crate) async fn ours(
    children: usize,
    crashes: usize,
    crash: Crash,
) -> anyhow::Result<Histogram<u64>> {
    let (_node, inside, handles) = stage::one_for_one(children).await?;
    inside.run(measure(handles, crashes, crash)).await
}

async fn measure(
    handles: Vec<Handle<Order>>,
    crashes: usize,
    crash: Crash,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    for number in 0..crashes {
        // A stride that visits all children before it comes back.
        let handle = &handles[(number * 7919) % handles.len()];
        let began = Instant::now();
        match crash {
            Crash::Kill => anyhow::ensure!(handle.kill(), "nobody to kill"),
            Crash::Panic => {
                let told = handle.tell(Order::Panic);
                anyhow::ensure!(told.is_ok(), "the order to panic was refused");
            }
        }
        loop {
            match handle.ask(Order::Ping, PATIENCE).await {
                Ok(()) => break,
                Err(runtime::Unanswered::Lost) => {}
                Err(error) => anyhow::bail!("the replacement did not answer: {error}"),
            }
        }
        latencies.record(u64::try_from(began.elapsed().as_nanos())?)?;
    }
    Ok(latencies)
}
