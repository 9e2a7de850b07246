//! Codes of what an operator has to mend, and the pages that say how.

use std::fmt;

/// Names a page of `docs/errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(&'static str);

pub(crate) const TOO_NEW: Code = Code("E0001");
pub(crate) const READ_ONLY: Code = Code("E0002");
pub(crate) const FOLDER_TAKEN: Code = Code("E0003");
pub(crate) const OCCUPIED: Code = Code("E0004");
pub(crate) const DAMAGED: Code = Code("E0005");
pub(crate) const HANDS_UP: Code = Code("E0006");
pub(crate) const UNSYNCED: Code = Code("E0007");
pub(crate) const ROOT_GAVE_UP: Code = Code("E0008");
pub(crate) const FILE_HELD: Code = Code("E0009");
pub(crate) const DISK_FULL: Code = Code("E0010");
pub(crate) const NO_SERVER: Code = Code("E0011");
pub(crate) const NO_ENTRY: Code = Code("E0012");
pub(crate) const NO_TRUST: Code = Code("E0013");
pub(crate) const MAY_LOSE: Code = Code("E0014");
pub(crate) const UNFIT_SERVER: Code = Code("E0015");
pub(crate) const SAME_NODE: Code = Code("E0016");
pub(crate) const ELSEWHERE: Code = Code("E0017");

const PAGES: [(Code, &str); 17] = [
    (TOO_NEW, include_str!("../../../docs/errors/E0001.md")),
    (READ_ONLY, include_str!("../../../docs/errors/E0002.md")),
    (FOLDER_TAKEN, include_str!("../../../docs/errors/E0003.md")),
    (OCCUPIED, include_str!("../../../docs/errors/E0004.md")),
    (DAMAGED, include_str!("../../../docs/errors/E0005.md")),
    (HANDS_UP, include_str!("../../../docs/errors/E0006.md")),
    (UNSYNCED, include_str!("../../../docs/errors/E0007.md")),
    (ROOT_GAVE_UP, include_str!("../../../docs/errors/E0008.md")),
    (FILE_HELD, include_str!("../../../docs/errors/E0009.md")),
    (DISK_FULL, include_str!("../../../docs/errors/E0010.md")),
    (NO_SERVER, include_str!("../../../docs/errors/E0011.md")),
    (NO_ENTRY, include_str!("../../../docs/errors/E0012.md")),
    (NO_TRUST, include_str!("../../../docs/errors/E0013.md")),
    (MAY_LOSE, include_str!("../../../docs/errors/E0014.md")),
    (UNFIT_SERVER, include_str!("../../../docs/errors/E0015.md")),
    (SAME_NODE, include_str!("../../../docs/errors/E0016.md")),
    (ELSEWHERE, include_str!("../../../docs/errors/E0017.md")),
];

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// The page of a code, however its letter is written.
pub(crate) fn page(code: &str) -> Result<&'static str, String> {
    let found = PAGES.iter().find(|(known, _)| known.0.eq_ignore_ascii_case(code));
    found.map(|(_, page)| *page).ok_or_else(|| {
        let (first, last) = (PAGES[0].0, PAGES[PAGES.len() - 1].0);
        format!("`{code}` is no code of an error: there are {first} to {last}")
    })
}
