//! What all processes of the drill have in common: a line to whoever started them, and their end
//! with it.

use std::io::{Read, Write};

/// One line, for whoever started this process.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Resolves when standard input ends: whoever started this process is gone, or wants it to end.
pub(crate) fn orphaned() -> impl Future<Output = ()> {
    let (gone, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(gone);
    });
    async { drop(end.await) }
}
