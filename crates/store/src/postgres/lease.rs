//! Which boots live, by the clock of the server.

use domain::journal::Boot;
use domain::lease::NodeId;
use sqlx::Error;
use sqlx::postgres::PgConnection;

pub(super) async fn begin(
    connection: &mut PgConnection,
    (node, boot, lasts_ms): (NodeId, Boot, i64),
) -> Result<(), Error> {
    let sql = "INSERT INTO nodes (node, boot, until)
               VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
               ON CONFLICT (node) DO UPDATE SET boot = excluded.boot, until = excluded.until";
    let begun = sqlx::query(sql).bind(node.to_bytes().to_vec()).bind(boot.to_bytes().to_vec());
    begun.bind(lasts_ms).execute(connection).await.map(|_| ())
}

pub(super) async fn renew(
    connection: &mut PgConnection,
    (node, boot, lasts_ms): (NodeId, Boot, i64),
) -> Result<bool, Error> {
    let sql = "UPDATE nodes SET until = clock_timestamp() + $3 * interval '1 millisecond'
               WHERE node = $1 AND boot = $2";
    let renewed = sqlx::query(sql).bind(node.to_bytes().to_vec()).bind(boot.to_bytes().to_vec());
    Ok(renewed.bind(lasts_ms).execute(connection).await?.rows_affected() == 1)
}

pub(super) async fn end(
    connection: &mut PgConnection,
    (node, boot): (NodeId, Boot),
) -> Result<(), Error> {
    let sql = "DELETE FROM nodes WHERE node = $1 AND boot = $2";
    let ended = sqlx::query(sql).bind(node.to_bytes().to_vec()).bind(boot.to_bytes().to_vec());
    ended.execute(connection).await.map(|_| ())
}
