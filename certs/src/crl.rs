use std::ops::Range;

use const_oid::ObjectIdentifier;

use crate::known::authority_key_identifier;
use crate::walk::{BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, Item, SEQUENCE, UTC_TIME, Walk, explicit};
use crate::{Certificate, Extension, Fault, Millis, Name, PublicKey, oid, pem};

mod draft;
mod scope;

pub use draft::CrlDraft;
use scope::Scope;

/// A revocation list (RFC 5280 section 5), kept as it was received.
#[derive(Clone)]
pub struct Crl {
    der: Vec<u8>,
    tbs: Range<usize>,
    issuer: Name,
    this_update: Millis,
    next_update: Option<Millis>,
    number: Option<Vec<u8>>,
    authority_key_identifier: Option<Vec<u8>>,
    scope: Option<Scope>,
    /// Sorted by serial number, so that a list with a million entries is searched in twenty steps.
    entries: Vec<Entry>,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// What a list says about a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revoked {
    /// When it was revoked.
    pub at: Millis,
    /// `CRLReason` (RFC 5280 section 5.3.1); 0 (unspecified) when the list does not say.
    pub reason: u8,
}

/// Content octets of a serial number, and what is said about it.
type Entry = (Box<[u8]>, Revoked);

impl Crl {
    /// Reads a list (DER).
    ///
    /// # Errors
    /// When it is larger than 64 MiB, not well formed, a delta or indirect list, or has critical extensions we do not know.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        if der.len() > SIZE_LIMIT {
            return Err(Fault::TooLarge { what: WHAT, limit: SIZE_LIMIT });
        }
        let whole = Walk::only(WHAT, der, SEQUENCE)?;
        let mut outer = whole.inside()?;
        let tbs = outer.take(SEQUENCE)?;
        let signature_algorithm = outer.take(SEQUENCE)?;
        let signature = outer.take(BIT_STRING)?.whole_bits()?;
        outer.finish()?;

        let mut fields = tbs.inside()?;
        let version = fields.take_if(INTEGER)?.map_or(Ok(0), |version| version.small())?;
        // RFC 5280 section 5.1.1.2: both fields MUST contain the same algorithm identifier.
        if fields.take(SEQUENCE)?.der != signature_algorithm.der {
            return Err(tbs.fault("the two signature algorithms differ"));
        }
        let issuer = Name::parse(fields.take(SEQUENCE)?.der)?;
        let this_update = fields.next()?.moment()?;
        let next_update = match fields.take_if(UTC_TIME)? {
            Some(time) => Some(time.moment()?),
            None => fields.take_if(GENERALIZED_TIME)?.map(|time| time.moment()).transpose()?,
        };
        let entries = match fields.take_if(SEQUENCE)? {
            Some(list) => entries_in(&list)?,
            None => Vec::new(),
        };
        let extensions = match fields.take_if(explicit(0))? {
            Some(extensions) => Extension::parse_all(extensions.content)?,
            None => Vec::new(),
        };
        fields.finish()?;
        if version > 1 || (version == 0 && !extensions.is_empty()) {
            return Err(tbs.fault("the version is unknown, or too low for extensions"));
        }
        refuse_unknown(&tbs, &extensions, &LIST_EXTENSIONS)?;
        if extensions.iter().any(|extension| extension.oid == oid::DELTA_CRL_INDICATOR) {
            return Err(tbs.fault("delta lists are not supported"));
        }
        let find = |oid| extensions.iter().find(|extension| extension.oid == oid).map(|found| found.value.as_slice());
        let number = match find(oid::CRL_NUMBER) {
            Some(value) => Some(Walk::only("the CRL number", value, INTEGER)?.integer()?.to_vec()),
            None => None,
        };
        let authority_key_identifier = match find(oid::AUTHORITY_KEY_IDENTIFIER) {
            Some(value) => authority_key_identifier(value)?,
            None => None,
        };
        let start = der.len() - whole.content.len();
        Ok(Self {
            der: der.to_vec(),
            tbs: start..start + tbs.der.len(),
            issuer,
            this_update,
            next_update,
            number,
            authority_key_identifier,
            scope: find(oid::ISSUING_DISTRIBUTION_POINT).map(Scope::read).transpose()?,
            entries,
            signature_algorithm: signature_algorithm.der.to_vec(),
            signature: signature.to_vec(),
        })
    }

    /// Reads the one list of a PEM text.
    ///
    /// # Errors
    /// When there is not exactly one block, or it is not a list.
    pub fn parse_pem(pem: &[u8]) -> Result<Self, Fault> {
        match pem::decode_all(WHAT, "X509 CRL", pem)?.as_slice() {
            [der] => Self::parse(der),
            _ => Err(Fault::Malformed { what: WHAT, detail: "there must be exactly one PEM block".into() }),
        }
    }

    /// The list as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("X509 CRL", &self.der)
    }

    /// The list as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// The content octets of the `cRLNumber`.
    #[must_use]
    pub fn number(&self) -> Option<&[u8]> {
        self.number.as_deref()
    }

    /// When it was made.
    #[must_use]
    pub fn this_update(&self) -> Millis {
        self.this_update
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_update(&self) -> Option<Millis> {
        self.next_update
    }

    /// The keyIdentifier of the authority key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        self.authority_key_identifier.as_deref()
    }

    /// Whether it speaks of this certificate at all: a list may be limited to a part of what its issuer issued.
    #[must_use]
    pub fn covers(&self, certificate: &Certificate) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.covers(certificate))
    }

    /// How many certificates it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What it says about a serial number (content octets).
    #[must_use]
    pub fn revoked(&self, serial: &[u8]) -> Option<Revoked> {
        let place = self.entries.binary_search_by(|(known, _)| known.as_ref().cmp(serial)).ok()?;
        self.entries.get(place).map(|(_, revoked)| *revoked)
    }

    /// All serial numbers (content octets) in ascending order, and what it says about them.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Revoked)> {
        self.entries.iter().map(|(serial, revoked)| (serial.as_ref(), *revoked))
    }

    /// Checks that this key signed the list.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn verify(&self, issuer: &PublicKey) -> Result<(), Fault> {
        let signed = self.der.get(self.tbs.clone()).unwrap_or_default();
        issuer.verify_what(WHAT, &self.signature_algorithm, signed, &self.signature)
    }
}

impl std::fmt::Debug for Crl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crl({}, {}, {} entries)", self.issuer, self.this_update, self.len())
    }
}

fn entries_in(list: &Item<'_>) -> Result<Vec<Entry>, Fault> {
    let mut items = list.inside()?;
    let mut entries = Vec::new();
    while !items.is_empty() {
        let mut fields = items.take(SEQUENCE)?.inside()?;
        let serial = fields.take(INTEGER)?.integer()?;
        let at = fields.next()?.moment()?;
        let mut reason = 0;
        if let Some(extensions) = fields.take_if(SEQUENCE)? {
            let extensions = Extension::parse_all(extensions.der)?;
            refuse_unknown(list, &extensions, &ENTRY_EXTENSIONS)?;
            if let Some(found) = extensions.iter().find(|extension| extension.oid == oid::CRL_REASON) {
                let item = Walk::only("a revocation reason", &found.value, ENUMERATED)?;
                reason = u8::try_from(item.small()?).map_err(|_| item.fault("it is too large"))?;
            }
        }
        fields.finish()?;
        entries.push((serial.into(), Revoked { at, reason }));
    }
    entries.sort_by(|(one, _): &Entry, (other, _)| one.cmp(other));
    Ok(entries)
}

/// RFC 5280 section 5.2: a list with a critical extension that is not known tells nothing.
fn refuse_unknown(item: &Item<'_>, extensions: &[Extension], known: &[ObjectIdentifier]) -> Result<(), Fault> {
    match extensions.iter().find(|extension| extension.critical && !known.contains(&extension.oid)) {
        Some(unknown) => Err(item.fault(&format!("the critical extension {} is not supported", unknown.oid))),
        None => Ok(()),
    }
}

const WHAT: &str = "the revocation list";
const SIZE_LIMIT: usize = 64 * 1024 * 1024;

/// The delta indicator and the certificate issuer of indirect lists are critical and left out on purpose.
const LIST_EXTENSIONS: [ObjectIdentifier; 3] =
    [oid::CRL_NUMBER, oid::AUTHORITY_KEY_IDENTIFIER, oid::ISSUING_DISTRIBUTION_POINT];
const ENTRY_EXTENSIONS: [ObjectIdentifier; 2] = [oid::CRL_REASON, oid::INVALIDITY_DATE];

#[cfg(test)]
mod tests;
