//! What a process takes of the machine.

/// Processor time of this process.
pub(crate) fn cpu_us() -> Option<f64> {
    const TICK_US: f64 = 10_000.0;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) * TICK_US)
}

/// Of this process, the store included.
pub(crate) fn resident_mib() -> anyhow::Result<f64> {
    kib("/proc/self/status", "VmRSS:").map(|kib| kib / 1_024.0)
}

/// The most that it ever was.
pub(crate) fn resident_mib_max() -> anyhow::Result<f64> {
    kib("/proc/self/status", "VmHWM:").map(|kib| kib / 1_024.0)
}

/// Of another process.
pub(crate) fn resident_mib_of(process: u32) -> anyhow::Result<f64> {
    kib(&format!("/proc/{process}/status"), "VmRSS:").map(|kib| kib / 1_024.0)
}

/// The most that it ever was.
pub(crate) fn resident_mib_max_of(process: u32) -> anyhow::Result<f64> {
    kib(&format!("/proc/{process}/status"), "VmHWM:").map(|kib| kib / 1_024.0)
}

/// Its share of what it has together with others.
pub(crate) fn share_mib_of(process: u32) -> anyhow::Result<f64> {
    kib(&format!("/proc/{process}/smaps_rollup"), "Pss:").map(|kib| kib / 1_024.0)
}

fn kib(file: &str, what: &str) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| anyhow::anyhow!("the system tells no {what} in {file}"))
}
