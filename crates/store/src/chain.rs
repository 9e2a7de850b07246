//! The chain of the audit, whatever keeps it: each line holds the hash of the one before.

use domain::records::{Broken, Chain, Fault, Line, Position};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

pub(crate) fn hash(before: &[u8], address: &str, at: Timestamp, line: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(address);
    hash.update(at.as_millis().to_le_bytes());
    hash.update(line);
    hash.finalize().to_vec()
}

/// How this line does not follow what was read so far.
pub(crate) fn differs(chain: &Chain, line: &Line) -> Option<Fault> {
    if line.position.0 != chain.lines + 1 {
        return Some(Fault::Missing);
    }
    if line.before != chain.head {
        return Some(Fault::Before);
    }
    let hash = hash(&line.before, &line.entity.to_string(), line.at, &line.line);
    (hash != line.hash).then_some(Fault::Hash)
}

/// What was read, held against the end that was written.
pub(crate) fn end(read: Chain, written: Chain) -> Result<Chain, Broken> {
    if written.lines > read.lines {
        Err(Broken { position: Position(read.lines + 1), fault: Fault::Missing })
    } else if written != read {
        Err(Broken { position: Position(read.lines.max(1)), fault: Fault::Hash })
    } else {
        Ok(read)
    }
}
