//! Who runs on this machine and who started whom, as `/proc` tells it.

use std::collections::HashSet;
use std::path::Path;

use nix::unistd::Pid;

/// One process, at the moment somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    parent: Pid,
    session: Pid,
    /// Ended, and not yet waited for by its parent.
    pub(crate) ended: bool,
}

/// Everybody below `root`, which is not among them. Who forks meanwhile may be missed, so whoever
/// wants to be sure looks again. It costs as much as there are, however many others run here.
pub(crate) fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = HashSet::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let below = children(parent);
        // Who is born again meanwhile under the same pid is looked at once.
        parents.extend(below.into_iter().filter(|pid| found.insert(*pid)));
    }
    found.into_iter().collect()
}

/// Those whom `parent` has started or inherited, and who were not waited for.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let mut children = Vec::new();
    for thread in threads.filter_map(Result::ok) {
        match std::fs::read_to_string(thread.path().join("children")) {
            Ok(pids) => children.extend(pids.split_whitespace().filter_map(pid)),
            // The thread has ended meanwhile, or the kernel was built without these files.
            Err(_) if Path::new("/proc/thread-self/children").exists() => {}
            Err(_) => {
                let below = all().into_iter().filter(|process| process.parent == parent);
                return below.map(|process| process.pid).collect();
            }
        }
    }
    children
}

/// The members of a session, its leader included.
pub(crate) fn members(session: Pid) -> Vec<Process> {
    all().into_iter().filter(|process| process.session == session).collect()
}

/// Where there is no `/proc` nobody is seen.
fn all() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let pids = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    // Who has ended since the listing has no file any more.
    pids.filter_map(|pid| read(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Reads `PID (NAME) STATE PARENT GROUP SESSION …`; a name may hold blanks and brackets.
fn read(stat: &str) -> Option<Process> {
    let first = stat.split_once(' ')?.0;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let ended = fields.next()? == "Z";
    let parent = pid(fields.next()?)?;
    let session = pid(fields.nth(1)?)?;
    Some(Process { pid: pid(first)?, parent, session, ended })
}

fn pid(text: &str) -> Option<Pid> {
    Some(Pid::from_raw(text.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_hides_nobody() {
        let rows = [
            ("12 (sh) S 3 4 5 0", Some([12, 3, 5])),
            ("12 (a b) S) R 3 4 5 0", Some([12, 3, 5])),
            ("12 (sh) S 3", None),
            ("", None),
        ];
        for (stat, expected) in rows {
            let read = read(stat).map(|process| [process.pid, process.parent, process.session]);
            assert_eq!(read, expected.map(|pids| pids.map(Pid::from_raw)), "{stat}");
        }
    }
}
