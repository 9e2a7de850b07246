//! The hands file: a lock that tells whether tools of an earlier node are still being ended.
//!
//! Every guard shares the lock from before its tool is ordered until nothing of it lives. Whoever
//! gets it alone knows that no guard has an order: one that takes its lock later has lost the node
//! that would have given it one.

use std::fs::{DirEntry, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the lock is tried while somebody else has it.
const ATTEMPT_PERIOD: Duration = Duration::from_millis(20);

/// Why it is not known that the hands of an earlier node are down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "tools of an earlier node still run under {}, after {} s ({}): wait for their end, or \
         tell the guards to end them with `kill -TERM`",
        spoken(pids), within.as_secs_f64(), path.display()
    )]
    Up { path: PathBuf, within: Duration, pids: Vec<u32> },
    #[error("cannot use {} to see whether tools of an earlier node still run", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Waits until every guard of an earlier node has ended, and with it all that its tool has started.
///
/// The caller is the one node of its data folder, and has not used its own tools yet.
pub async fn hands_down(path: &Path, within: Duration) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let file = open(path).map_err(failed)?;
    let begun = tokio::time::Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if within <= begun.elapsed() {
            let pids = holders(&file).map_err(failed)?;
            return Err(Error::Up { path: path.to_owned(), within, pids });
        }
        tokio::time::sleep(ATTEMPT_PERIOD).await;
    }
}

/// Closes what whoever started this program has left open: every tool would have it as well.
///
/// It comes first of all, when nothing is open that the program has opened itself.
pub fn close_inherited() -> io::Result<()> {
    let fd = |entry: io::Result<DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?.filter_map(fd).collect();
    for fd in open.into_iter().filter(|fd| *fd > nix::libc::STDERR_FILENO) {
        // The folder that listed them is among them, and closed by now.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Opens it so that no subprocess inherits it, which would share the lock.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Who has locked this file, as far as the kernel says: other namespaces have other pids.
fn holders(file: &File) -> io::Result<Vec<u32>> {
    let inode = file.metadata()?.ino();
    let locks = std::fs::read_to_string("/proc/locks")?;
    let mut pids: Vec<u32> = locks.lines().filter_map(|line| holder(line, inode)).collect();
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

/// Reads `1: FLOCK  ADVISORY  READ PID MAJOR:MINOR:INODE 0 EOF`. The device is not compared: some
/// file systems show another one here than in the file's own description.
fn holder(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, file, ..] = fields.as_slice() else { return None };
    let same = file.rsplit(':').next()?.parse() == Ok(inode);
    pid.parse().ok().filter(|pid| same && *pid != 0)
}

fn spoken(pids: &[u32]) -> String {
    match pids {
        [] => "a guard that cannot be seen from here".to_owned(),
        [pid] => format!("the guard with pid {pid}"),
        pids => {
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            format!("the guards with pids {}", pids.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_holds_this_very_file_is_named() {
        let rows = [
            ("1: FLOCK  ADVISORY  READ  4321 08:01:77 0 EOF", Some(4321)),
            ("1: FLOCK  ADVISORY  WRITE 4321 08:01:77 0 EOF", Some(4321)),
            ("1: FLOCK  ADVISORY  READ  4321 08:01:78 0 EOF", None),
            ("1: POSIX  ADVISORY  READ  4321 08:01:77 0 EOF", None),
            ("1: -> FLOCK  ADVISORY  WRITE 4321 08:01:77 0 EOF", None),
            ("1: FLOCK  ADVISORY  READ  0 08:01:77 0 EOF", None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(holder(line, 77), expected, "{line}");
        }
    }
}
