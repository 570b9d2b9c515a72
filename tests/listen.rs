//! What goes over the wire, byte for byte: enrolment clients are picky about it.

#[path = "listen/binding.rs"]
mod binding;
#[path = "listen/clients.rs"]
mod clients;
#[path = "listen/handshake.rs"]
mod handshake;
#[path = "listen/http2.rs"]
mod http2;
#[path = "listen/limits.rs"]
mod limits;
#[path = "listen/office.rs"]
mod office;
#[path = "listen/proxy.rs"]
mod proxy;
#[path = "listen/raw_http.rs"]
mod raw_http;
#[path = "listen/tls.rs"]
mod tls;
