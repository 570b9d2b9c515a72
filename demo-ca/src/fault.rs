use std::io;
use std::path::PathBuf;

/// Why the demo CA cannot do its work. Whoever runs it can mend it; requesters never see this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {detail}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A key cannot be made or read.
    #[error("the key is of no use: {0}")]
    Key(&'static str),
    /// The system gives no random bytes.
    #[error("there are no random bytes")]
    Random,
    /// A name or a key of ours does not parse.
    #[error(transparent)]
    Certs(#[from] certs::Fault),
    /// A certificate or list cannot be signed.
    #[error(transparent)]
    Issue(#[from] certs::IssueFault),
    /// A message cannot be signed.
    #[error(transparent)]
    Signer(#[from] certs::SignerFault),
    /// The port cannot be listened on.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// Which port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The records can no longer be written; nothing is answered without them.
    #[error("the records cannot be written any more")]
    RecordsClosed,
}
