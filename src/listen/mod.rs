//! Sockets, TLS, HTTP, limits, graceful stop, reload.
//!
//! Enrolment clients are picky about raw HTTP, so what goes over the wire is ours: header names have exact case, answers are
//! never chunked, and head and body leave in one write. Behind that stands an axum router, whose requests carry a
//! [`Connection`](crate::frontend::connection::Connection) and a [`RequestId`](crate::frontend::connection::RequestId).

mod answer;
mod binding;
mod census;
mod client_certificate;
mod config;
mod door;
mod fault;
mod http2;
mod metrics;
mod proxy;
mod serve;
mod stop;
mod tickets;
mod tls;
mod wire;
mod witness;

pub use config::{Config, Limits, Network, Place};
pub use door::Door;
pub use fault::Error;
pub use metrics::Metrics;
pub use stop::{Stop, Stopping};
pub use tickets::{TicketKeys, Tickets};
pub use tls::{ServerKey, ServerTls, TlsRules};
pub use witness::Witness;
