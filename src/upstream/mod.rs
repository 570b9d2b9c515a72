//! The certification authorities behind us: compose and sign, send, read and check the answer. Knows no store.
//!
//! One driver a kind of CA, all behind [`Authority`]. A driver keeps no state between calls: what an exchange needs is
//! read from its recorded messages, so that any worker can take it up after a crash.

mod addresses;
mod batch;
mod breaker;
mod certificates;
mod cmc;
mod cmp;
mod connector;
mod est;
mod expected;
mod file;
mod http;
mod inquiry;
mod messages;
mod renewal;
mod takes;
mod tls;
mod verifier;

use std::future::Future;
use std::pin::Pin;

use certs::{Certificate, Millis, Name};

use crate::case::{Family, Information};

pub use breaker::Breaker;
pub use cmc::{Cmc, CmcConfig};
pub use cmp::{Cmp, CmpConfig};
pub use est::{Est, EstConfig};
pub use expected::{Difference, Expected, ExpectedKey, PrivateKey};
pub use file::{File, FileConfig};
pub use http::{HttpClient, SendFault};
pub use inquiry::{CrlOf, Inquiry};
pub use renewal::renewal_request;
pub use takes::{Takes, Templates};

/// A CA and the way to speak with it.
pub trait Authority: Send + Sync + std::fmt::Debug {
    /// The name of its table in the configuration.
    fn name(&self) -> &str;

    /// The certificates from the issuing CA up to its root. What the CA issues must chain to the first.
    fn chain(&self) -> &[Certificate];

    /// What connects its root with the one before or the next one (RFC 7030 section 4.1.3).
    fn rollover(&self) -> &[Certificate];

    /// Makes the next message of a conversation, signed by the RA key. Nothing is sent.
    fn compose<'a>(&'a self, order: Order<'a>, fresh: Fresh) -> Pending<'a, Result<Vec<u8>, ComposeFault>>;

    /// Whether it takes messages that are wrapped in ours (RFC 9483 section 5.2.2.1).
    fn takes_nested(&self) -> bool;

    /// What it can be asked for besides a certificate for a PKCS#10.
    fn takes(&self) -> Takes;

    /// Whether a recorded message only asks how it is going.
    fn is_poll(&self, message: &[u8]) -> bool;

    /// Sends recorded bytes and waits for the answer.
    fn send<'a>(&'a self, message: &'a [u8]) -> Pending<'a, Result<Received, SendFault>>;

    /// Reads the answer to the newest message of a conversation: who signed it, whether it belongs there, what it says.
    fn read(&self, conversation: Conversation<'_>, answer: &Received, now: Millis) -> Result<Answer, AnswerFault>;

    /// How its files are made and read, where people carry them.
    fn carriage(&self) -> Option<&dyn Carriage> {
        None
    }
}

/// The files of a CA that is off-line (RFC 9483 section 6.4.1).
pub trait Carriage: Send + Sync {
    /// The most messages in a file.
    fn most(&self) -> usize;

    /// The octets of a file with these messages: one message, DER, with nothing before or behind it.
    fn pack<'a>(&'a self, messages: &'a [&'a [u8]], fresh: Fresh) -> Pending<'a, Result<Vec<u8>, ComposeFault>>;

    /// The RA key's signature over the manifest that goes with the files.
    fn vouch<'a>(&'a self, manifest: &'a [u8]) -> Pending<'a, Result<Vec<u8>, ComposeFault>>;

    /// The answers in a file; nothing but their transactionIDs has been looked at.
    ///
    /// # Errors
    /// [`AnswerFault::Malformed`] when it is not a message of CMP.
    fn unpack(&self, file: &[u8]) -> Result<Vec<Arrived>, AnswerFault>;
}

/// An answer that somebody brought.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The transaction that it says it belongs to.
    pub transaction: Vec<u8>,
    /// The answer.
    pub answer: Received,
}

/// An answer as it came, before anybody has read it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The body, exactly; this is recorded.
    pub octets: Vec<u8>,
    /// The head, for a protocol that says something there.
    head: http::Head,
}

impl Received {
    /// A message that says everything itself (RFC 9811 section 3.1: whatever the status).
    fn message(octets: Vec<u8>) -> Self {
        Self { octets, head: http::Head::default() }
    }
}

/// The recorded messages of a submission that matter for its next one.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// The message whose answer is waited for: our newest one that is no pollReq.
    pub request: &'a [u8],
    /// Our newest message; the first at the beginning.
    pub sent: &'a [u8],
}

/// A result that is being worked for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Random octets for one message: drawn by the caller, so that a driver has no randomness of its own.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    /// The transactionID of a new conversation.
    pub transaction: [u8; 16],
    /// The nonce of this message.
    pub nonce: [u8; 16],
}

/// What the CA is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Order<'a> {
    /// A certificate for a PKCS#10, kept byte for byte (RFC 9483 section 4.1.4).
    Pkcs10 {
        /// CertificationRequest, DER.
        request: &'a [u8],
        /// Whether implicitConfirm is asked for.
        implicit: bool,
    },
    /// A certificate for a CertReqMsg, kept byte for byte where its proof of possession is (RFC 9483 section 5.2.3.1).
    Crmf {
        /// CertReqMsg, DER.
        request: &'a [u8],
        /// Whether implicitConfirm is asked for.
        implicit: bool,
        /// Whether raVerified stands for its proof of possession, which we checked (RFC 9483 section 5.2.3.2).
        ra_verified: bool,
    },
    /// The RA's own next certificate (RFC 9483 section 4.1.3): the CertReqMsg of [`renewal_request`], DER.
    Renew(&'a [u8]),
    /// The requester's own message, handed on with its transaction and nonces (RFC 9483 section 5.2).
    Relay {
        /// As it came.
        message: &'a [u8],
        /// How: one of the relaying families.
        family: Family,
        /// What is said besides, where the protection is replaced.
        vouching: Vouching,
    },
    /// The end of a certificate (RFC 9483 section 5.3.2).
    Revoke {
        /// Its issuer.
        issuer: &'a Name,
        /// Its serial number's content octets.
        serial: &'a [u8],
        /// CRLReason (RFC 5280 section 5.3.1); none for unspecified.
        reason: Option<u8>,
    },
    /// Something that is no certificate (RFC 9483 section 4.3).
    Inquire(&'a Inquiry),
    /// How is it going? (RFC 9483 section 4.4)
    Poll {
        /// Our newest message.
        sent: &'a [u8],
        /// The CA's answer to it.
        answer: &'a [u8],
    },
    /// What became of the certificate (RFC 9483 section 4.1.1, certConf).
    Confirm {
        /// Our newest message.
        sent: &'a [u8],
        /// The CA's answer to it, which holds the certificate.
        answer: &'a [u8],
        /// The certificate.
        certificate: &'a Certificate,
        /// Why it is rejected; none when it is accepted.
        rejection: Option<&'a str>,
    },
}

/// What we say of a request besides what its requester said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vouching {
    /// raVerified stands for the proof of possession, which we checked (RFC 9483 section 5.2.3.2).
    pub ra_verified: bool,
    /// The message goes along as its requester protected it: origPKIMessage (RFC 9810 section 5.1.1.3).
    pub original: bool,
}

/// What the CA says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It issued.
    Issued {
        /// The certificate.
        certificate: Box<Certificate>,
        /// Whether it waits for our certConf.
        confirm: bool,
        /// Until when it waits; none when it does not say.
        confirm_by: Option<Millis>,
        /// The private key that came with it.
        private_key: PrivateKey,
    },
    /// It needs time.
    Waiting {
        /// Seconds until it wants to be asked again.
        check_after: u32,
    },
    /// It told what it was asked, and that holds.
    Informed(Box<Information>),
    /// It took our confirmation.
    Confirmed,
    /// It revoked.
    Revoked,
    /// It refused. Authentic, and final for this request.
    Rejected {
        /// Its words.
        text: String,
        /// The certificate was revoked before (RFC 9810 section 5.3.10, certRevoked).
        revoked_before: bool,
    },
    /// It says, in an authentic message, that it did not process the request (systemUnavail, badTime).
    NotNow {
        /// Its words.
        text: String,
        /// Its clock and the messageTime of the request differ (badTime).
        bad_time: bool,
    },
    /// It knows the transaction and does not take our repetition for one: what it did cannot be told from here.
    InUse {
        /// Its words.
        text: String,
    },
}

/// Why no message was made.
#[derive(Debug, thiserror::Error)]
pub enum ComposeFault {
    /// The RA key cannot sign now.
    #[error("the RA key cannot sign: {0}")]
    Key(#[from] certs::SignerFault),
    /// The CA is not to be asked for this; nothing that the configuration allows comes here.
    #[error("this kind of CA is not asked for {0}")]
    NotTaken(&'static str),
    /// A recorded message does not read; somebody must look.
    #[error("a recorded message does not read: {0}")]
    Record(String),
}

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFault {
    /// It is not a message of the protocol.
    #[error("the CA's answer does not read: {0}")]
    Malformed(String),
    /// It is not signed by the configured signer of this CA (RFC 9483 section 3.4, DESIGN rule 4).
    #[error("the CA's answer is not signed by its configured signer: {0}")]
    Signer(String),
    /// It is unprotected.
    #[error("the CA's answer is not protected; it says: {0}")]
    Unprotected(String),
    /// It is the CA's own, and what it tells does not hold.
    #[error("what the CA tells does not hold: {0}")]
    Content(String),
    /// It does not belong to the message that was sent.
    #[error("the CA's answer does not belong to our message: {0}")]
    Mismatch(String),
}
