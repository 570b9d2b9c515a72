/// Why a body is not taken. The text tells the requester what to mend.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing was sent.
    #[error("the body is empty; the base64 of a DER PKCS#10 request is wanted")]
    Empty,
    /// A character that base64 does not have.
    #[error("the body is not base64: {character:?} at offset {offset} is not in the alphabet of RFC 4648 section 4")]
    Alphabet {
        /// The byte, as a character where it is one.
        character: char,
        /// Where in the body it stands.
        offset: usize,
    },
    /// The alphabet of RFC 4648 section 5, which EST does not use.
    #[error("the body is in the URL-safe base64 of RFC 4648 section 5; EST wants that of section 4, with + and /")]
    UrlSafe,
    /// The right alphabet, but padding or length are wrong.
    #[error("the body is not base64: {0}")]
    Base64(&'static str),
    /// Base64 of something else than DER.
    #[error("the base64 in the body holds {0} instead of DER")]
    Content(&'static str),
    /// PEM, but not a request in it.
    #[error("the body is PEM of a {0:?}; a CERTIFICATE REQUEST is wanted")]
    PemLabel(String),
    /// PEM that is not whole.
    #[error("the PEM in the body is not well formed: {0}")]
    Pem(&'static str),
    /// Not the DER that the standard describes.
    #[error("{what} is not well formed: {detail}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl Fault {
    pub(crate) fn malformed(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Malformed { what, detail: detail.to_string() }
    }
}
