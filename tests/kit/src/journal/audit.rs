//! The chain of the audit, once more and by itself: a second hand that must come to the same.

use domain::id::Address;
use domain::records::{Broken, Chain, Fault, Line, Position};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

pub(super) fn link(lines: &mut Vec<Line>, entity: Address, at: Timestamp, line: Vec<u8>) {
    let before = lines.last().map(|last| last.hash.clone()).unwrap_or_default();
    let position = Position(lines.len() as u64 + 1);
    let hash = hash(&before, entity, at, &line);
    lines.push(Line { position, entity, at, line, before, hash });
}

pub(super) fn verify(lines: &[Line]) -> Result<Chain, Broken> {
    lines.iter().try_fold(Chain::default(), |chain, line| {
        let is_next = line.position.0 == chain.lines + 1;
        let is_same = hash(&line.before, line.entity, line.at, &line.line) == line.hash;
        let fault = match (is_next, line.before == chain.head, is_same) {
            (true, true, true) => {
                return Ok(Chain { lines: line.position.0, head: line.hash.clone() });
            }
            (false, _, _) => Fault::Missing,
            (true, false, _) => Fault::Before,
            (true, true, false) => Fault::Hash,
        };
        Err(Broken { position: Position(chain.lines + 1), fault })
    })
}

fn hash(before: &[u8], entity: Address, at: Timestamp, line: &[u8]) -> Vec<u8> {
    let at = at.as_millis().to_le_bytes();
    let whole = [before, entity.to_string().as_bytes(), &at, line].concat();
    Sha256::digest(whole).to_vec()
}
