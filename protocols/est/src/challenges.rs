//! What a request carries besides names and keys: the value that links it to its TLS connection (RFC 7030 section 3.5), and the
//! passwords of RFC 7894.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::CsrContent;
use der::asn1::ObjectIdentifier;

use crate::Fault;

/// An attribute with one text as its value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// challengePassword (RFC 2985 section 5.4.1), which RFC 7030 section 3.5 puts tls-unique into. Others put passwords there.
    Password,
    /// otpChallenge: a one-time password (RFC 7894 section 3.1).
    Otp,
    /// revocationChallenge: a password to revoke the certificate with (RFC 7894 section 3.2).
    Revocation,
    /// estIdentityLinking: what RFC 7030 section 3.5 means, and nothing else (RFC 7894 section 3.3).
    IdentityLinking,
}

impl Challenge {
    /// Its identifier.
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Password => PASSWORD,
            Self::Otp => OTP,
            Self::Revocation => REVOCATION,
            Self::IdentityLinking => IDENTITY_LINKING,
        }
    }

    /// Its name in the standards.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "challengePassword",
            Self::Otp => "otpChallenge",
            Self::Revocation => "revocationChallenge",
            Self::IdentityLinking => "estIdentityLinking",
        }
    }

    /// Its value in a request.
    ///
    /// # Errors
    /// When there is not exactly one value, or it is no text of 1 to 255 characters.
    fn of(self, csr: &CsrContent) -> Result<Option<String>, Fault> {
        let text = csr.text_attribute(self.oid()).map_err(|fault| Fault::malformed(self.name(), fault))?;
        // RFC 2985 appendix A (pkcs-9-ub-challengePassword), RFC 7894 sections 3.1 to 3.3.
        match text.as_deref().map(|text| text.chars().count()) {
            None | Some(1..=255) => Ok(text),
            Some(_) => Err(Fault::malformed(self.name(), "it must have 1 to 255 characters")),
        }
    }
}

/// The challenge attributes of a request, each on its own: RFC 7894 section 4 wants every one of them processed.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Challenges {
    /// challengePassword.
    pub password: Option<String>,
    /// otpChallenge.
    pub otp: Option<String>,
    /// revocationChallenge.
    pub revocation: Option<String>,
    /// estIdentityLinking.
    pub identity_linking: Option<String>,
}

impl Challenges {
    /// Reads them out of a request.
    ///
    /// # Errors
    /// When one has not exactly one value, or it is no text of 1 to 255 characters.
    pub fn of(csr: &CsrContent) -> Result<Self, Fault> {
        Ok(Self {
            password: Challenge::Password.of(csr)?,
            otp: Challenge::Otp.of(csr)?,
            revocation: Challenge::Revocation.of(csr)?,
            identity_linking: Challenge::IdentityLinking.of(csr)?,
        })
    }
}

/// Passwords do not belong into a log.
impl std::fmt::Debug for Challenges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [
            (Challenge::Password, &self.password),
            (Challenge::Otp, &self.otp),
            (Challenge::Revocation, &self.revocation),
            (Challenge::IdentityLinking, &self.identity_linking),
        ];
        f.debug_set().entries(all.iter().filter(|(_, value)| value.is_some()).map(|(kind, _)| kind)).finish()
    }
}

/// Whether a value links a request to a connection: it is the base64 of the connection's channel binding (RFC 7030 section 3.5).
#[must_use]
pub fn links_to(value: &str, binding: &[u8]) -> bool {
    verify_slices_are_equal(value.as_bytes(), STANDARD.encode(binding).as_bytes()).is_ok()
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const PASSWORD: ObjectIdentifier = certs::oid::CHALLENGE_PASSWORD;

// RFC 7894 section 6.
const OTP: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.56");
const REVOCATION: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.57");
const IDENTITY_LINKING: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.58");

#[cfg(test)]
mod tests {
    use super::*;
    use certs::{CsrDraft, Name, PublicKey};

    const P256: &[u8] = &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8,
        0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39,
        0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c,
        0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51,
        0xf5,
    ];

    const PRINTABLE: u8 = 0x13;
    const UTF8: u8 = 0x0c;

    fn text(tag: u8, text: &str) -> Vec<u8> {
        [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    fn read(attributes: Vec<(ObjectIdentifier, Vec<u8>)>) -> Result<Challenges, Fault> {
        let mut draft = CsrDraft::new(Name::from_text("CN=pump").unwrap(), PublicKey::parse(P256).unwrap());
        draft.attributes = attributes;
        // ecdsa-with-SHA256; nobody looks at the signature here.
        let algorithm = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        Challenges::of(&CsrDraft::assemble(&draft.to_be_signed(), &algorithm, &[0]).unwrap())
    }

    #[test]
    fn each_attribute_is_read_for_itself_from_printable_and_utf8_strings() {
        let read = read(vec![
            (OTP, text(PRINTABLE, "one")),
            (REVOCATION, text(UTF8, "zwei \u{fc}")),
            (IDENTITY_LINKING, text(PRINTABLE, "AAAA")),
            (PASSWORD, text(UTF8, "four")),
        ]);
        let wanted = Challenges {
            password: Some("four".into()),
            otp: Some("one".into()),
            revocation: Some("zwei \u{fc}".into()),
            identity_linking: Some("AAAA".into()),
        };
        assert_eq!(read, Ok(wanted));
    }

    #[test]
    fn a_request_without_challenges_has_none() {
        assert_eq!(read(Vec::new()), Ok(Challenges::default()));
    }

    #[test]
    fn what_is_no_text_or_has_not_1_to_255_characters_is_refused() {
        let long = [vec![UTF8, 0x82, 1, 0], vec![b'a'; 256]].concat();
        let longest = [vec![UTF8, 0x81, 255], vec![b'a'; 255]].concat();
        for kind in [Challenge::Otp, Challenge::Revocation, Challenge::IdentityLinking, Challenge::Password] {
            for (value, good) in
                [(text(UTF8, ""), false), (long.clone(), false), (longest.clone(), true), (text(PRINTABLE, "a"), true)]
            {
                let read = read(vec![(kind.oid(), value)]);
                assert_eq!(read.is_ok(), good, "{read:?}");
                assert!(good || read.unwrap_err().to_string().contains(kind.name()));
            }
        }
        assert!(read(vec![(OTP, vec![2, 1, 7])]).is_err());
    }

    #[test]
    fn a_value_links_only_as_the_base64_of_the_binding() {
        let binding = [0xfb, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        let good = STANDARD.encode(binding);
        assert!(links_to(&good, &binding));
        let bad = ["", "\u{fb}", &good[..15], &format!("{good}\n"), &format!("{good}="), &good.to_lowercase()];
        for value in bad {
            assert!(!links_to(value, &binding), "{value}");
        }
        assert!(!links_to(&good, &[0xfa; 12]));
        assert!(!links_to(&good.replace('+', "-"), &binding), "not the alphabet of RFC 4648 section 4");
    }

    #[test]
    fn passwords_are_not_shown() {
        let shown = format!("{:?}", read(vec![(OTP, text(PRINTABLE, "hidden"))]).unwrap());
        assert!(shown.contains("Otp") && !shown.contains("hidden"), "{shown}");
    }
}
