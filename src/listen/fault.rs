use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a door cannot be opened. All of these are for whoever runs the server to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is missing, or not PEM of what it should be.
    #[error("cannot read {}: {detail}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The private key can be read or changed by users that have no business with it.
    #[error("{} is open to others (mode {mode:o}): make it 0600, or 0640 for a group of its own", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Certificate and key do not fit each other, or rustls wants nothing of them.
    #[error("the server certificate cannot be used")]
    Tls(#[from] rustls::Error),
    /// RFC 8446 section 4.2.3: such a key signs with PKCS #1 v1.5 here, which TLS 1.3 does not take.
    #[error("an RSA key on the token cannot be that of TLS: P-256 and P-384 can")]
    OldKey,
}
