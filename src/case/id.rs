//! Identifiers of 16 octets, so that any node can make one and nobody can guess one.
//!
//! What a request brings is known by its moment and 80 random bits: what is written together then stands together in every
//! index that has an identifier in it, however large the office has grown (RFC 9562 section 5.7 has the same reason).
//! Codes, leaves and officers are 128 random bits: theirs tell no time.

use std::fmt;

use super::{Millis, Random};

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name([u8; 16]);

        impl $name {
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

macro_rules! timed {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// A new identifier: the moment in milliseconds, 48 bits, and 80 random bits.
            #[must_use]
            pub fn new(at: Millis, random: &dyn Random) -> Self {
                let [_, _, moment @ ..] = at.0.to_be_bytes();
                let mut octets = [0; 16];
                let (time, rest) = octets.split_at_mut(moment.len());
                time.copy_from_slice(&moment);
                random.fill(rest);
                Self(octets)
            }
        }
    )+};
}

macro_rules! random {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// A new identifier from 128 random bits.
            #[must_use]
            pub fn new(random: &dyn Random) -> Self {
                let mut octets = [0; 16];
                random.fill(&mut octets);
                Self(octets)
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
    /// Somebody who works at the office.
    OfficerId,
}

timed!(CaseId, ExchangeId, SubmissionId, MessageId, CertificateId);

random!(CodeId, LeafId, OfficerId);

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
        let id = CaseId::new(Millis(1), &Sevens);
        assert_eq!(CaseId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn what_comes_later_has_a_greater_identifier() {
        let [earlier, later] = [0x0102_0304_0506, 0x0102_0304_0507].map(|at| CaseId::new(Millis(at), &Sevens));
        assert!(earlier < later);
        assert_eq!(earlier.as_bytes(), &[1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
    }

    #[test]
    fn a_text_of_another_length_is_no_identifier() {
        assert_eq!(CaseId::parse("07"), None);
        assert_eq!(CaseId::parse(&"0".repeat(34)), None);
    }
}
