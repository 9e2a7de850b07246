//! Memory of actors that do nothing. Each figure needs a process of its own.

use runtime::spec::Restart;
use runtime::{Options, Supervisor};

use super::spawn::bare;
use super::stage::{self, NO_LIMIT};

/// Bytes of resident memory per idle supervised actor.
pub(crate) async fn ours(count: usize) -> anyhow::Result<f64> {
    let node = stage::node(&Options::default())?;
    let root = Supervisor::dynamic("root", stage::temporary()).intensity(NO_LIMIT);
    let keeper = root.handle();
    stage::plant(&node, &root).await?;
    let before = resident_bytes()?;
    let mut handles = Vec::with_capacity(count);
    for number in 0..count {
        let (child, handle) = stage::dummy(&node, &format!("c{number}"), Restart::Temporary);
        keeper.start(child).await?;
        handles.push(handle);
    }
    Ok((resident_bytes()? - before) / count as f64)
}

/// The same for bare ractor actors under one parent.
pub(crate) async fn raw(count: usize) -> anyhow::Result<f64> {
    let parent = bare::parent().await?;
    let before = resident_bytes()?;
    let mut actors = Vec::with_capacity(count);
    for _ in 0..count {
        actors.push(bare::child(&parent).await?.0);
    }
    Ok((resident_bytes()? - before) / count as f64)
}

pub(crate) fn resident_bytes() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib.ok_or_else(|| anyhow::anyhow!("no VmRSS in /proc/self/status"))?.parse()?;
    Ok(kib * 1024.0)
}
