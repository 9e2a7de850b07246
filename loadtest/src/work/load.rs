//! Many things at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;
use work::plan::Brief;

use super::stage::Stage;

/// Plans that follow each other without a pause, so many at once, until it is ended.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    drivers: JoinSet<anyhow::Result<()>>,
}

impl Load {
    pub(crate) fn begin(stage: &Arc<Stage>, at_once: usize, brief: &Brief) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut drivers = JoinSet::new();
        for _ in 0..at_once {
            let (stage, is_over, brief) = (Arc::clone(stage), Arc::clone(&is_over), brief.clone());
            drivers.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    stage.open(brief.clone()).await?.await?;
                }
                Ok(())
            });
        }
        Load { is_over, drivers }
    }

    /// Returns when the last of its plans is closed.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(driver) = self.drivers.join_next().await {
            driver??;
        }
        Ok(())
    }
}

/// Does something so often, so many of them at once.
pub(crate) async fn each<F, W>(count: usize, at_once: usize, work: F) -> anyhow::Result<()>
where
    F: Fn(usize) -> W + Clone + Send + 'static,
    W: Future<Output = anyhow::Result<()>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut drivers = JoinSet::new();
    for _ in 0..at_once {
        let (next, work) = (Arc::clone(&next), work.clone());
        drivers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if count <= number {
                    return anyhow::Ok(());
                }
                work(number).await?;
            }
        });
    }
    while let Some(driver) = drivers.join_next().await {
        driver??;
    }
    Ok(())
}
