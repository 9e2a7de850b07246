//! Crash → the replacement has answered.
//!
//! Honest because it is the product's own path: split threads, its log at INFO into a real file,
//! 10 000 children under one `one_for_one`, a caller inside the node. The clock runs from the
//! moment before the crash is caused until a question is answered by an incarnation that was born
//! after it. OTP does the same (its `error` is our panic), with its log switched off.

use std::time::Instant;

use hdrhistogram::Histogram;
use runtime::{Class, Handle, Options};

use super::stage::{Crash, Order, Scatter, Stage, answered_by};
use crate::figures::Figures;

pub(crate) async fn ours(children: usize, crashes: usize, crash: Crash) -> anyhow::Result<Figures> {
    let stage = Stage::set(&Options::default(), children, Class::Worker).await?;
    let handles = stage.handles.clone();
    let latencies = stage.inside.run(measure(handles, crashes, crash)).await?;
    let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(Figures::from([("p50_us", micros(0.5)), ("p99_us", micros(0.99)), ("max_us", micros(1.0))]))
}

/// Latencies in nanoseconds.
async fn measure(
    handles: Vec<Handle<Order>>,
    crashes: usize,
    crash: Crash,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    let mut scatter = Scatter::from_seed(1);
    let warm_up = (crashes / 10).max(10);
    for number in 0..warm_up + crashes {
        let handle = &handles[scatter.below(handles.len())];
        let began = Instant::now();
        let next = super::stage::next_number();
        crash.inflict(handle)?;
        answered_by(handle, next).await?;
        let took = u64::try_from(began.elapsed().as_nanos())?;
        if number >= warm_up {
            latencies.record(took)?;
        }
    }
    Ok(latencies)
}
