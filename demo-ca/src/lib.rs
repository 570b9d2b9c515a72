//! A certification authority for demos and tests: a CMP server (RFC 9810, RFC 9483, RFC 9811) with durable records,
//! and the only shipped place with a software signer. It is a process of its own and nobody's production.
//!
//! It takes messages as RFC 9483 section 5 lets them come: signed by end entities or by registration authorities,
//! wrapped by up to two of those, or in batches. `GET /records` tells how each came and whose signatures were on it;
//! `POST /mischief` makes it misbehave.

mod authority;
mod clock;
mod desk;
mod fault;
mod files;
mod http;
mod records;
mod revocations;
mod server;
mod turns;

/// `daftar demo-ca`.
pub mod cli;

/// Keys in files and memory, for demos and tests only.
pub mod signer;

/// Misbehaviour on request of a test.
pub mod mischief;

/// What can be set.
pub mod settings;

/// Root, intermediate and everything else that a demo office needs.
pub mod pki;

pub use clock::{Clock, system_clock};
pub use fault::Fault;
pub use records::{Form, Kind, Original, Pop, Record};
pub use server::{Config, Running, serve};

/// Where random bytes come from.
pub type Random = dyn aws_lc_rs::rand::SecureRandom + Send + Sync;
