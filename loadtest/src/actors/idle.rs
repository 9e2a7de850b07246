//! Memory of actors that do nothing.
//!
//! Honest because each figure is the growth of the resident memory of a process of its own, which
//! holds nothing else: what an earlier measurement left with the allocator cannot be reused unseen.
//! The first thousand are not counted, they bring in the code and the first pages. Ours are as a
//! product has them: permanent children of a dynamic supervisor, each with its specification, its
//! mailbox, its seat in the tree and a handle somebody keeps. Of the raw ones the reference is kept.

use runtime::spec::Restart;
use runtime::{Node, Options, Supervisor, SupervisorHandle};

use super::bare;
use super::stage::{self, NO_LIMIT};
use crate::figures::Figures;

const NOT_COUNTED: usize = 1_000;

/// Bytes of resident memory per idle supervised actor.
pub(crate) async fn ours(count: usize) -> anyhow::Result<Figures> {
    let node = stage::node(&Options::default())?;
    let root = Supervisor::dynamic("root", stage::template(Restart::Permanent));
    let root = root.intensity(NO_LIMIT);
    let keeper = root.handle();
    stage::plant(&node, &root).await?;
    let mut handles = Vec::with_capacity(count + NOT_COUNTED);
    for number in 0..NOT_COUNTED {
        handles.push(start(&node, &keeper, number).await?);
    }
    let before = resident_bytes()?;
    for number in 0..count {
        handles.push(start(&node, &keeper, NOT_COUNTED + number).await?);
    }
    Ok(Figures::from([("bytes_each_rss", (resident_bytes()? - before) / count as f64)]))
}

async fn start(
    node: &Node,
    keeper: &SupervisorHandle,
    number: usize,
) -> anyhow::Result<runtime::Handle<stage::Order>> {
    let (child, handle) = stage::dummy(node, &format!("c{number}"), Restart::Permanent);
    keeper.start(child).await?;
    Ok(handle)
}

/// The same for bare ractor actors under one parent.
pub(crate) async fn raw(count: usize) -> anyhow::Result<Figures> {
    let parent = bare::parent().await?;
    let mut actors = Vec::with_capacity(count + NOT_COUNTED);
    for _ in 0..NOT_COUNTED {
        actors.push(bare::child(&parent).await?.0);
    }
    let before = resident_bytes()?;
    for _ in 0..count {
        actors.push(bare::child(&parent).await?.0);
    }
    Ok(Figures::from([("bytes_each_rss", (resident_bytes()? - before) / count as f64)]))
}

pub(crate) fn resident_bytes() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib.ok_or_else(|| anyhow::anyhow!("no VmRSS in /proc/self/status"))?.parse()?;
    Ok(kib * 1024.0)
}
