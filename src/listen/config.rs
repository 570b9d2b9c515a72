use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use super::TlsRules;

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
    /// HTTPS for balancers that end their clients' TLS and tell of them (`Client-Cert`, RFC 9440); EST only.
    #[serde(default)]
    pub balanced: Place,
    /// HTTPS for the officers' console, where there is `[officers]`.
    #[serde(default = "default_console")]
    pub console: Place,
    /// Metrics and health; keep it on a loopback address.
    #[serde(default = "default_metrics")]
    pub metrics: Place,
    /// The server's certificate and what stands between it and a root, PEM, the server's first.
    pub certificate_file: PathBuf,
    /// The addresses of balancers that hand connections on with the PROXY protocol, version 2: a network such as `10.0.0.0/8` or an
    /// address. From these every connection must begin with it, from others none.
    #[serde(default)]
    pub proxy_from: Vec<Network>,
    /// Whether HTTPS also speaks HTTP/2 with who asks for it (ALPN).
    #[serde(default)]
    pub http2: bool,
    /// Its private key, PEM; not readable by others. None where it is on the token (`hsm.tls_key`).
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Whether TLS 1.2 clients must have the extended master secret (RFC 7627), without which a session has no binding of its
    /// own. Clients such as strongSwan 5.9 have it not.
    #[serde(default = "yes")]
    pub require_extended_master_secret: bool,
    /// What one requester may take of the server.
    #[serde(default)]
    pub limits: Limits,
}

impl Config {
    /// What handshakes may agree on.
    #[must_use]
    pub const fn tls_rules(&self) -> TlsRules {
        TlsRules { require_extended_master_secret: self.require_extended_master_secret, http2: self.http2 }
    }
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address belongs to it. An IPv4 address that is written as IPv6 is one of IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("{text:?} is neither an address nor a network such as \"10.0.0.0/8\""))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An address to listen on, or `"off"`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Place {
    /// Nothing listens.
    #[default]
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

/// Officers sit beside the server, or come through a tunnel, unless the office says otherwise.
fn default_console() -> Place {
    Place::At(SocketAddr::from(([127, 0, 0, 1], 9443)))
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
    fn a_network_is_written_with_its_length_or_is_one_address() {
        let networks = read("proxy_from = ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']").unwrap().proxy_from;
        let listed = |address: &str| networks.iter().any(|network| network.contains(address.parse().unwrap()));
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1", "2001:db8::1"] {
            assert!(listed(address), "{address}");
        }
        for address in ["11.0.0.1", "192.0.2.2", "2001:db9::1"] {
            assert!(!listed(address), "{address}");
        }
        assert!(read("proxy_from = ['10.0.0.0/33']").is_err());
        assert!(read("proxy_from = ['balancer.example']").is_err());
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
