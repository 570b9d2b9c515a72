//! How a profile's CMP messages look: what is taken, and what is sent. One `[profile.NAME.cmp]` table.

use serde::{Deserialize, Serialize};

/// What a profile chooses about its messages.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageRules {
    /// Whether SHA-1 is taken inside a MAC, where it is not broken: `openssl cmp` sends HMAC-SHA1.
    pub mac_sha1: bool,
    /// How often PasswordBasedMac may apply its hash; more is refused before anything is derived.
    pub pbm_iterations: u32,
    /// Likewise the iterations of PBKDF2 in PBMAC1.
    pub pbmac1_iterations: u32,
    /// How far messageTime may be off, in seconds (RFC 9483 section 3.5 leaves it to the use case).
    pub message_time_seconds: u32,
    /// Whether messageTime must be there. A device without a clock leaves it out.
    pub message_time_required: bool,
    /// A requester's time for its certConf; none for `registrar.confirm_seconds`.
    pub confirm_seconds: Option<u32>,
    /// Which certificates an answer carries.
    pub extra_certs: ExtraCerts,
    /// Whether an ip brings the CA's root in caPubs, for requesters that know only a shared secret.
    pub ca_pubs: bool,
}

/// Which certificates an answer carries in extraCerts (RFC 9483 section 3.3).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtraCerts {
    /// Those that the protection is checked with: nothing about the new certificate.
    Protection,
    /// Those, and the chain of the new certificate up to, but without, the root: "Self-signed certificates SHOULD be
    /// omitted from extraCerts".
    #[default]
    Chain,
    /// The root, too, for requesters that want to see it all.
    ChainWithRoot,
}

impl Default for MessageRules {
    fn default() -> Self {
        Self {
            mac_sha1: true,
            // OpenSSL uses 500 by default and other peers 1000 to 10000.
            pbm_iterations: 10_000,
            pbmac1_iterations: 100_000,
            message_time_seconds: 300,
            message_time_required: false,
            confirm_seconds: None,
            extra_certs: ExtraCerts::default(),
            ca_pubs: false,
        }
    }
}
