use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// The section `[listen]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// HTTPS for EST, CMP and the API.
    #[serde(default = "default_https")]
    pub https: Place,
    /// HTTP for messages that protect themselves, and for what is public.
    #[serde(default = "default_http")]
    pub http: Place,
    /// Metrics and health; keep it on a loopback address.
    #[serde(default = "default_metrics")]
    pub metrics: Place,
    /// The server's certificate and what stands between it and a root, PEM, the server's first.
    pub certificate_file: PathBuf,
    /// Its private key, PEM; not readable by others.
    pub key_file: PathBuf,
    /// Whether TLS 1.2 clients must have the extended master secret (RFC 7627), without which a session has no binding of its
    /// own. Clients such as strongSwan 5.9 have it not.
    #[serde(default = "yes")]
    pub require_extended_master_secret: bool,
    /// What one requester may take of the server.
    #[serde(default)]
    pub limits: Limits,
}

/// An address to listen on, or `"off"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// Nothing listens.
    Off,
    /// Listens here.
    At(SocketAddr),
}

impl Place {
    /// The address, unless off.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| de::Error::custom(format!("{text:?} is neither an address with a port nor \"off\"")))
    }
}

/// The section `[listen.limits]`. They may change while the server runs, for connections that come then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request body. A CMP request with a post-quantum key and its chain still fits the default.
    pub body: NonZeroUsize,
    /// Bytes of a request's head.
    pub header: NonZeroUsize,
    /// Time for the TLS handshake.
    pub handshake_seconds: NonZeroU32,
    /// Time for the head of a request, from its first byte.
    pub header_seconds: NonZeroU32,
    /// Time for the body of a request.
    pub body_seconds: NonZeroU32,
    /// Time until a request is answered with 503. What it asked for goes on; a repeat finds the result.
    pub request_seconds: NonZeroU32,
    /// Time in which a client must take some more of the answer.
    pub send_seconds: NonZeroU32,
    /// Time that a connection may stay open between two requests.
    pub idle_seconds: NonZeroU32,
    /// Time that running requests have when the server stops.
    pub grace_seconds: NonZeroU32,
    /// Connections of a door. The default leaves room below the 1024 files that Debian lets a process open.
    pub connections: NonZeroUsize,
    /// Connections from one IPv4 address or one IPv6 /64. A site behind one address should still fit.
    pub connections_per_address: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: size(64 * 1024),
            header: size(16 * 1024),
            handshake_seconds: count(10),
            header_seconds: count(10),
            body_seconds: count(20),
            request_seconds: count(60),
            send_seconds: count(30),
            idle_seconds: count(60),
            grace_seconds: count(20),
            connections: size(400),
            connections_per_address: size(100),
        }
    }
}

/// A number of seconds as a duration.
pub(super) fn seconds(number: NonZeroU32) -> Duration {
    Duration::from_secs(number.get().into())
}

const fn size(number: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(number - 1)
}

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number - 1)
}

const fn yes() -> bool {
    true
}

fn default_https() -> Place {
    Place::At(SocketAddr::from(([0, 0, 0, 0], 8443)))
}

fn default_http() -> Place {
    Place::At(SocketAddr::from(([0, 0, 0, 0], 8080)))
}

/// What an operator watches is nobody else's business.
fn default_metrics() -> Place {
    Place::At(SocketAddr::from(([127, 0, 0, 1], 9090)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str = "certificate_file = 'c'\nkey_file = 'k'\n";

    fn read(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(&format!("{FILES}{text}"))
    }

    #[test]
    fn files_are_enough_for_a_configuration() {
        let config = read("").unwrap();
        assert_eq!(config.https.address().map(|address| address.port()), Some(8443));
        assert_eq!(config.metrics.address().map(|address| address.ip().is_loopback()), Some(true));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.limits.body.get(), 65536);
        assert_eq!(seconds(config.limits.header_seconds), Duration::from_secs(10));
    }

    #[test]
    fn a_door_can_be_closed() {
        assert_eq!(read("http = 'off'").unwrap().http, Place::Off);
        assert!(read("http = 'on'").is_err());
        assert!(read("http = '0.0.0.0'").is_err());
    }

    #[test]
    fn unknown_keys_and_limits_of_zero_are_refused() {
        assert!(read("httpx = 'off'").is_err());
        assert!(read("[limits]\nbody = 0").is_err());
        assert!(read("[limits]\nheader_seconds = 0").is_err());
        assert!(read("[limits]\nheader = 1\nwhatever = 1").is_err());
        assert_eq!(read("[limits]\nbody = 100000").unwrap().limits.body.get(), 100_000);
    }
}
