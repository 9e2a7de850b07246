//! Which boots live, by the clock that SQLite reads: that of the one machine that has the file.

use domain::journal::Boot;
use domain::lease::NodeId;
use rusqlite::params;

use super::writer::Desk;

/// Milliseconds of the store's own clock.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

pub(super) fn begin(
    desk: &Desk<'_>,
    (node, boot, lasts_ms): &(NodeId, Boot, i64),
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO nodes (node, boot, until) VALUES (?1, ?2, {NOW} + ?3)
         ON CONFLICT (node) DO UPDATE SET boot = excluded.boot, until = excluded.until"
    );
    let values = params![node.to_bytes(), boot.to_bytes(), lasts_ms];
    desk.connection.prepare_cached(&sql)?.execute(values).map(|_| ())
}

pub(super) fn renew(
    desk: &Desk<'_>,
    (node, boot, lasts_ms): &(NodeId, Boot, i64),
) -> rusqlite::Result<bool> {
    let sql = format!("UPDATE nodes SET until = {NOW} + ?3 WHERE node = ?1 AND boot = ?2");
    let values = params![node.to_bytes(), boot.to_bytes(), lasts_ms];
    Ok(desk.connection.prepare_cached(&sql)?.execute(values)? == 1)
}

pub(super) fn end(desk: &Desk<'_>, (node, boot): &(NodeId, Boot)) -> rusqlite::Result<()> {
    let sql = "DELETE FROM nodes WHERE node = ?1 AND boot = ?2";
    let values = params![node.to_bytes(), boot.to_bytes()];
    desk.connection.prepare_cached(sql)?.execute(values).map(|_| ())
}
