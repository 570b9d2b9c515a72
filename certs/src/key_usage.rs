use std::ops::BitOr;

/// What a key may be used for (RFC 5280 section 4.2.1.3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Signing anything but certificates and CRLs.
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// contentCommitment, once called nonRepudiation.
    pub const NON_REPUDIATION: Self = Self(1 << 1);
    /// Encrypting keys.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    /// Encrypting data directly.
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 3);
    /// Agreeing on keys.
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    /// Signing certificates.
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// Signing revocation lists.
    pub const CRL_SIGN: Self = Self(1 << 6);
    /// Only encrypting while agreeing on keys.
    pub const ENCIPHER_ONLY: Self = Self(1 << 7);
    /// Only decrypting while agreeing on keys.
    pub const DECIPHER_ONLY: Self = Self(1 << 8);

    /// No use at all.
    #[must_use]
    pub fn none() -> Self {
        Self(0)
    }

    /// Whether every use in `other` is in `self`.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is a use that both have.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no bit is set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Bit n is the named bit n of the standard.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The uses whose named bits are set; bits that no standard names are dropped.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits & 0x1ff)
    }
}

impl BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
