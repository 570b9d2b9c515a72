//! Identifiers: 128 random bits each, so that any node can make one and nobody can guess one.

use std::fmt;

use super::Random;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new identifier from 128 random bits.
            #[must_use]
            pub fn new(random: &dyn Random) -> Self {
                let mut octets = [0; 16];
                random.fill(&mut octets);
                Self(octets)
            }

            /// The identifier with these octets, as read from the store.
            #[must_use]
            pub const fn from_octets(octets: [u8; 16]) -> Self {
                Self(octets)
            }

            /// The 16 octets.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads 32 hexadecimal digits; nothing else is an identifier.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let mut octets = [0; 16];
                hex::decode_to_slice(text, &mut octets).ok()?;
                Some(Self(octets))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }
    )+};
}

identifiers! {
    /// A case, from arrival to archive.
    CaseId,
    /// A conversation at one of our doors.
    ExchangeId,
    /// A conversation with a certification authority.
    SubmissionId,
    /// A recorded message, on either side.
    MessageId,
    /// A certificate that a case brought.
    CertificateId,
    /// An enrolment code.
    CodeId,
    /// A leaf of the audit log.
    LeafId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, octets: &mut [u8]) {
            octets.fill(7);
        }
    }

    #[test]
    fn an_identifier_reads_back_from_its_text() {
        let id = CaseId::new(&Sevens);
        assert_eq!(CaseId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn a_text_of_another_length_is_no_identifier() {
        assert_eq!(CaseId::parse("07"), None);
        assert_eq!(CaseId::parse(&"0".repeat(34)), None);
    }
}
