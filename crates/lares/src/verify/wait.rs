//! Waiting for what other processes do: looking again, within a bound.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Longer than anything that is waited for takes on a loaded machine.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks until there is something to be seen; not for ever.
pub(super) async fn until<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if WAIT_MAX <= begun.elapsed() {
            bail!("after {} still not: {what}", domain::duration::render(WAIT_MAX));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
