//! What is remembered, on a real SQLite file.

#[path = "store/claims.rs"]
mod claims;
#[path = "store/codes.rs"]
mod codes;
#[path = "store/conflicts.rs"]
mod conflicts;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/groups.rs"]
mod groups;
#[path = "store/log.rs"]
mod log;
#[path = "store/nonces.rs"]
mod nonces;
#[path = "store/office.rs"]
mod office;
#[path = "store/officers.rs"]
mod officers;
#[path = "store/on_sqlite.rs"]
mod place;
#[path = "store/reading.rs"]
mod reading;
