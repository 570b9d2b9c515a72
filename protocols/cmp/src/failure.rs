//! PKIFailureInfo (RFC 9810 section 5.2.3).

use std::fmt;
use std::ops::BitOr;

use crate::asn1::{self, Element};
use crate::fault::Fault;

/// Why a request failed.
///
/// ```text
/// PKIFailureInfo ::= BIT STRING { badAlg (0), badMessageCheck (1), .. duplicateCertReq (26) }
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct FailureInfo(pub u32);

impl FailureInfo {
    /// Unrecognized or unsupported algorithm.
    pub const BAD_ALG: Self = Self(1);
    /// The integrity check failed.
    pub const BAD_MESSAGE_CHECK: Self = Self(1 << 1);
    /// Not permitted or supported.
    pub const BAD_REQUEST: Self = Self(1 << 2);
    /// messageTime too far off.
    pub const BAD_TIME: Self = Self(1 << 3);
    /// No such certificate.
    pub const BAD_CERT_ID: Self = Self(1 << 4);
    /// Wrong format.
    pub const BAD_DATA_FORMAT: Self = Self(1 << 5);
    /// Another authority is meant.
    pub const WRONG_AUTHORITY: Self = Self(1 << 6);
    /// The requester's data is incorrect.
    pub const INCORRECT_DATA: Self = Self(1 << 7);
    /// A time stamp is missing.
    pub const MISSING_TIME_STAMP: Self = Self(1 << 8);
    /// The proof of possession failed.
    pub const BAD_POP: Self = Self(1 << 9);
    /// Revoked already.
    pub const CERT_REVOKED: Self = Self(1 << 10);
    /// Confirmed already.
    pub const CERT_CONFIRMED: Self = Self(1 << 11);
    /// MAC where a signature is wanted, or the other way round.
    pub const WRONG_INTEGRITY: Self = Self(1 << 12);
    /// recipNonce missing or wrong.
    pub const BAD_RECIPIENT_NONCE: Self = Self(1 << 13);
    /// No time source.
    pub const TIME_NOT_AVAILABLE: Self = Self(1 << 14);
    /// Policy not supported.
    pub const UNACCEPTED_POLICY: Self = Self(1 << 15);
    /// Extension not supported.
    pub const UNACCEPTED_EXTENSION: Self = Self(1 << 16);
    /// Additional information not available.
    pub const ADD_INFO_NOT_AVAILABLE: Self = Self(1 << 17);
    /// senderNonce missing or too short.
    pub const BAD_SENDER_NONCE: Self = Self(1 << 18);
    /// The template is invalid or incomplete.
    pub const BAD_CERT_TEMPLATE: Self = Self(1 << 19);
    /// The signer is unknown or not trusted.
    pub const SIGNER_NOT_TRUSTED: Self = Self(1 << 20);
    /// The transactionID is in use.
    pub const TRANSACTION_ID_IN_USE: Self = Self(1 << 21);
    /// The version is not supported.
    pub const UNSUPPORTED_VERSION: Self = Self(1 << 22);
    /// The sender may not do this.
    pub const NOT_AUTHORIZED: Self = Self(1 << 23);
    /// Not available now.
    pub const SYSTEM_UNAVAIL: Self = Self(1 << 24);
    /// Something here is broken.
    pub const SYSTEM_FAILURE: Self = Self(1 << 25);
    /// Such a certificate exists already.
    pub const DUPLICATE_CERT_REQ: Self = Self(1 << 26);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads the BIT STRING. Peers send trailing zero bits that DER forbids for named bits;
    /// nothing is lost by accepting them, and bits without a name are dropped.
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let (octets, unused) = element.bits("failInfo")?;
        let mut found = 0;
        for (index, octet) in octets.iter().enumerate() {
            let last = index + 1 == octets.len();
            let octet = if last { octet & (0xFF << unused) } else { *octet };
            if let Some(place) = 24_u32.checked_sub(u32::try_from(index).unwrap_or(99) * 8) {
                found |= u32::from(octet) << place;
            }
        }
        Ok(Self(found.reverse_bits()))
    }

    /// DER of a named BIT STRING: no trailing zero bits (X.690 section 11.2.2).
    pub(crate) fn encode(self) -> Vec<u8> {
        let bits = self.0.reverse_bits();
        let count = 32 - bits.trailing_zeros().min(32);
        let octets = count.div_ceil(8);
        let unused = u8::try_from(octets * 8 - count).unwrap_or(0);
        let all = bits.to_be_bytes();
        let kept = all.get(..usize::try_from(octets).unwrap_or(4)).unwrap_or(&all);
        asn1::element(0x03, &[&[unused], kept])
    }
}

impl BitOr for FailureInfo {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for FailureInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = (0_u32..32).filter(|bit| self.0 >> bit & 1 == 1);
        for (count, bit) in set.enumerate() {
            let separator = if count == 0 { "" } else { ", " };
            match NAMES.get(usize::try_from(bit).unwrap_or(99)) {
                Some(name) => write!(f, "{separator}{name}")?,
                None => write!(f, "{separator}bit {bit}")?,
            }
        }
        if self.0 == 0 { f.write_str("no failInfo") } else { Ok(()) }
    }
}

impl fmt::Debug for FailureInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FailureInfo({self})")
    }
}

/// By bit number.
const NAMES: [&str; 27] = [
    "badAlg",
    "badMessageCheck",
    "badRequest",
    "badTime",
    "badCertId",
    "badDataFormat",
    "wrongAuthority",
    "incorrectData",
    "missingTimeStamp",
    "badPOP",
    "certRevoked",
    "certConfirmed",
    "wrongIntegrity",
    "badRecipientNonce",
    "timeNotAvailable",
    "unacceptedPolicy",
    "unacceptedExtension",
    "addInfoNotAvailable",
    "badSenderNonce",
    "badCertTemplate",
    "signerNotTrusted",
    "transactionIdInUse",
    "unsupportedVersion",
    "notAuthorized",
    "systemUnavail",
    "systemFailure",
    "duplicateCertReq",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(der: &[u8]) -> FailureInfo {
        FailureInfo::parse(Element::only(der, "test").unwrap()).unwrap()
    }

    #[test]
    fn every_bit_comes_back_in_minimal_form() {
        for (bit, name) in NAMES.iter().enumerate() {
            let one = FailureInfo(1 << bit);
            let der = one.encode();
            assert_eq!(read(&der), one);
            assert_eq!(der.len(), 4 + bit / 8);
            assert_eq!(one.to_string(), *name);
        }
        assert_eq!(FailureInfo::BAD_POP.encode(), [3, 3, 6, 0, 0x40]);
    }

    #[test]
    fn trailing_zero_bits_are_accepted() {
        // badMessageCheck as pyasn1 writes it: 27 bits.
        assert_eq!(read(&[3, 5, 5, 0x40, 0, 0, 0]), FailureInfo::BAD_MESSAGE_CHECK);
        // More bits than have names.
        assert_eq!(read(&[3, 7, 0, 0x40, 0, 0, 0, 1, 1]), FailureInfo::BAD_MESSAGE_CHECK);
        assert_eq!(read(&[3, 1, 0]), FailureInfo(0));
    }
}
