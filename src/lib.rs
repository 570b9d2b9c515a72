//! Daftar: a Registration Authority server.
//!
//! The rooms of the house, from the ground up: a room uses only what is declared before it.
//! `tests/walls.rs` reads this plan and fails on a breach.

/// Where a test ends the process; nothing in a release.
pub mod failpoint;

/// Case, exchange and submission, and their legal moves.
pub mod case;

/// Profile + facts -> findings with their clauses, and a verdict; pure.
pub mod rules;

/// The jobs of the office, and who may do what; pure.
pub mod duty;

/// PKCS#11: the keys on the token, behind `certs::Signer`.
pub mod hsm;

/// Audit leaves and the Merkle tree; pure.
pub mod audit;

/// Certification authorities: compose, send, read and check; one driver a kind of CA.
pub mod upstream;

/// The only room that speaks SQL: SQLite or PostgreSQL.
pub mod store;

/// The RA itself: identify, rule, decide, record, forward, close.
pub mod registrar;

/// The protocol doors.
pub mod frontend;

/// The officers' pages.
pub mod console;

/// Sockets, TLS, HTTP, limits.
pub mod listen;

/// daftar.toml: every room's own section.
pub mod config;

/// Subcommands: build bottom-up and run.
pub mod cli;
