//! A certification authority for demos and tests: a CMP server (RFC 9810, RFC 9483, RFC 9811) with durable records,
//! and the only shipped place with a software signer. It is a process of its own and nobody's production.

mod fault;
mod files;

/// Keys in files and memory, for demos and tests only.
pub mod signer;

/// Root, intermediate and everything else that a demo office needs.
pub mod pki;

pub use fault::Fault;

/// Where random bytes come from.
pub type Random = dyn aws_lc_rs::rand::SecureRandom + Send + Sync;
