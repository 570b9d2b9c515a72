//! What is remembered, on a real PostgreSQL server: the same tests as on SQLite, and what only a server can do.

#[path = "store/claims.rs"]
mod claims;
#[path = "store/codes.rs"]
mod codes;
#[path = "store/conflicts.rs"]
mod conflicts;
#[path = "store/copying.rs"]
mod copying;
#[path = "store/cut.rs"]
mod cut;
#[path = "store/log.rs"]
mod log;
#[path = "store/nodes.rs"]
mod nodes;
#[path = "store/nonces.rs"]
mod nonces;
#[path = "store/office.rs"]
mod office;
#[path = "store/officers.rs"]
mod officers;
#[path = "store/on_postgres.rs"]
mod place;
#[path = "store/reaching.rs"]
mod reaching;
#[path = "store/reading.rs"]
mod reading;
#[path = "postgres/server.rs"]
mod server;
