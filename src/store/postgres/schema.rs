//! The schema in PostgreSQL. Nodes that start at the same moment wait for each other.

use super::connections::Session;
use crate::store::Error;
use crate::store::look::Look as _;

/// Brings the schema up to date, and refuses a server that would lose what it acknowledged.
pub(super) async fn prepare(session: &Session) -> Result<(), Error> {
    for (name, right) in [("synchronous_commit", "<> 'off'"), ("server_encoding", "= 'UTF8'")] {
        let query = format!("SELECT current_setting('{name}') {right}");
        if !session.client()?.query_one(&query, &[]).await?.try_get::<_, bool>(0)? {
            return Err(Error::Setting(format!("there, it must be that {name} {right}")));
        }
    }
    let has = number(session).await?;
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if has > known {
        return Err(Error::Schema { has, known });
    }
    for (number, migration) in MIGRATIONS.iter().filter(|(number, _)| *number > has) {
        step(*number, migration, session).await?;
    }
    Ok(())
}

/// The number of the last migration that the database has had.
async fn number(session: &Session) -> Result<u32, Error> {
    // Whoever may not make tables need not: asked first.
    let there = session.client()?.query_one("SELECT to_regclass('schema_number') IS NOT NULL", &[]).await?;
    if !there.try_get(0)? {
        return Ok(0);
    }
    let found = session.find("SELECT MAX(number) AS number FROM schema_number", &[], |row| row.maybe_count("number"));
    Ok(found.await?.flatten().unwrap_or(0))
}

/// One migration, in a transaction of its own, unless another node made it meanwhile.
async fn step(number: u32, migration: &str, session: &Session) -> Result<(), Error> {
    // Of two that make the same table at once one may fail on the catalogue's own key; then it is there.
    let made = session.run("CREATE TABLE IF NOT EXISTS schema_number (number BIGINT PRIMARY KEY)").await;
    let begun = "BEGIN; SET LOCAL statement_timeout = 0; LOCK TABLE schema_number IN ACCESS EXCLUSIVE MODE";
    if let Err(fault) = session.run(begun).await {
        return Err(made.err().unwrap_or(fault));
    }
    if self::number(session).await? < number {
        session.run(migration).await?;
        session.run(&format!("INSERT INTO schema_number (number) VALUES ({number})")).await?;
    }
    session.run("COMMIT").await
}

/// A migration that was ever released never changes; the next one comes after it.
const MIGRATIONS: [(u32, &str); 6] = [
    (1, include_str!("../../../migrations/postgres/0001_office.sql")),
    (2, include_str!("../../../migrations/postgres/0002_checkpoint.sql")),
    (3, include_str!("../../../migrations/postgres/0003_digest_nonce.sql")),
    (4, include_str!("../../../migrations/postgres/0004_rate_limit.sql")),
    (5, include_str!("../../../migrations/postgres/0005_officer.sql")),
    (6, include_str!("../../../migrations/postgres/0006_export.sql")),
];
