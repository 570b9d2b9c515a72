//! What the lightweight profile leaves out (RFC 9483): challenges, key recovery and announcements
//! (RFC 9810 section 5.3). They are read, so that a relay can tell what it has, and refused as
//! requests.

use certs::{Extension, Millis};
use der::Tag;

use crate::asn1::{self, Element};
use crate::cert_id::CertId;
use crate::certified::CertifiedKeyPair;
use crate::encrypted::EnvelopedData;
use crate::fault::Fault;
use crate::message::{Limits, certificates};
use crate::status::{Status, StatusInfo};
use crate::support::RootCaKeyUpdate;

/// One entry of popdecc.
///
/// ```text
/// POPODecKeyChallContent ::= SEQUENCE OF Challenge
/// Challenge ::= SEQUENCE {
///    owf               AlgorithmIdentifier OPTIONAL,
///    witness           OCTET STRING,
///    challenge         OCTET STRING, -- deprecated
///    encryptedRand [0] EnvelopedData OPTIONAL }
/// ```
///
/// RFC 9810 section 5.2.8.3.3.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// `AlgorithmIdentifier` (DER) of the one-way function; that of the entry before if absent.
    pub owf: Option<Vec<u8>>,
    /// The result of the one-way function.
    pub witness: Vec<u8>,
    /// The encrypted random number of old.
    pub challenge: Vec<u8>,
    /// The encrypted random number; needs pvno 3.
    pub encrypted_rand: Option<EnvelopedData>,
}

/// krp.
///
/// ```text
/// KeyRecRepContent ::= SEQUENCE {
///    status            PKIStatusInfo,
///    newSigCert    [0] CMPCertificate OPTIONAL,
///    caCerts       [1] SEQUENCE SIZE (1..MAX) OF CMPCertificate OPTIONAL,
///    keyPairHist   [2] SEQUENCE SIZE (1..MAX) OF CertifiedKeyPair OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRecovery {
    /// How it ended.
    pub status: StatusInfo,
    /// A certificate (DER) for a signing key.
    pub new_certificate: Option<Vec<u8>>,
    /// Certificates, each as DER.
    pub ca_certs: Vec<Vec<u8>>,
    /// What was recovered.
    pub key_pairs: Vec<CertifiedKeyPair>,
}

/// ckuann.
///
/// ```text
/// CAKeyUpdContent ::= CHOICE {
///    cAKeyUpdAnnV2      CAKeyUpdAnnContent, -- deprecated
///    cAKeyUpdAnnV3  [0] RootCaKeyUpdateContent }
/// CAKeyUpdAnnContent ::= SEQUENCE {
///    oldWithNew   CMPCertificate,
///    newWithOld   CMPCertificate,
///    newWithNew   CMPCertificate }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CaKeyUpdate {
    /// Deprecated: three certificates, each as DER.
    V2 {
        /// The old key, signed with the new one.
        old_with_new: Vec<u8>,
        /// The new key, signed with the old one.
        new_with_old: Vec<u8>,
        /// The new root.
        new_with_new: Vec<u8>,
    },
    /// The same as in a genp; needs pvno 3.
    V3(RootCaKeyUpdate),
}

/// rann.
///
/// ```text
/// RevAnnContent ::= SEQUENCE {
///    status              PKIStatus,
///    certId              CertId,
///    willBeRevokedAt     GeneralizedTime,
///    badSinceDate        GeneralizedTime,
///    crlDetails          Extensions  OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevocationAnnouncement {
    /// Imminent or done.
    pub status: Status,
    /// Which certificate.
    pub certificate: CertId,
    /// When it will be revoked.
    pub will_be_revoked_at: Millis,
    /// Since when the key is bad.
    pub bad_since: Millis,
    /// Of the CRL entry.
    pub crl_details: Vec<Extension>,
}

impl Challenge {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("Challenge")?;
        let owf = fields.optional(Tag::Sequence)?;
        let witness = fields.required()?.octets("Challenge")?;
        let challenge = fields.required()?.octets("Challenge")?;
        let encrypted_rand = fields.explicit(0)?;
        fields.end()?;
        Ok(Self {
            owf: owf.map(|owf| owf.der.to_vec()),
            witness,
            challenge,
            encrypted_rand: encrypted_rand.map(EnvelopedData::parse).transpose()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let encrypted_rand = self.encrypted_rand.as_ref().map(EnvelopedData::encode);
        asn1::sequence(&[
            self.owf.as_deref().unwrap_or_default(),
            &asn1::octet_string(&self.witness),
            &asn1::octet_string(&self.challenge),
            &asn1::explicit(0, encrypted_rand.as_deref()),
        ])
    }
}

impl KeyRecovery {
    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        let mut fields = element.sequence("KeyRecRepContent")?;
        let status = StatusInfo::parse(fields.required()?)?;
        let new_certificate = fields.explicit(0)?;
        let ca_certs = fields.explicit(1)?;
        let key_pairs = fields.explicit(2)?;
        fields.end()?;
        Ok(Self {
            status,
            new_certificate: new_certificate.map(|certificate| certificate.der.to_vec()),
            ca_certs: ca_certs.map_or(Ok(Vec::new()), |all| certificates(all, "caCerts", limits))?,
            key_pairs: key_pairs.map_or(Ok(Vec::new()), |all| {
                all.sequence("keyPairHist")?.each(limits.requests, CertifiedKeyPair::parse)
            })?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let ca_certs = (!self.ca_certs.is_empty()).then(|| asn1::sequence_of(&self.ca_certs));
        let key_pairs = (!self.key_pairs.is_empty())
            .then(|| asn1::sequence_of(self.key_pairs.iter().map(CertifiedKeyPair::encode)));
        asn1::sequence(&[
            &self.status.encode(),
            &asn1::explicit(0, self.new_certificate.as_deref()),
            &asn1::explicit(1, ca_certs.as_deref()),
            &asn1::explicit(2, key_pairs.as_deref()),
        ])
    }
}

impl CaKeyUpdate {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        if element.number() == Some(0) {
            return RootCaKeyUpdate::read(element.explicit("CAKeyUpdContent")?.der).map(Self::V3);
        }
        let mut fields = element.sequence("CAKeyUpdAnnContent")?;
        let mut next = || fields.required()?.sequence_der("CAKeyUpdAnnContent");
        let update = Self::V2 { old_with_new: next()?, new_with_old: next()?, new_with_new: next()? };
        fields.end()?;
        Ok(update)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::V2 { old_with_new, new_with_old, new_with_new } => {
                asn1::sequence(&[old_with_new, new_with_old, new_with_new])
            }
            Self::V3(update) => asn1::context(0, &[&update.encode()]),
        }
    }
}

impl RevocationAnnouncement {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("RevAnnContent")?;
        let status = Status::parse(fields.required()?)?;
        let certificate = CertId::parse(fields.required()?)?;
        let will_be_revoked_at = fields.required()?.generalized_time("willBeRevokedAt")?;
        let bad_since = fields.required()?.generalized_time("badSinceDate")?;
        let crl_details = match fields.optional(Tag::Sequence)? {
            Some(details) => Extension::parse_all(details.der)?,
            None => Vec::new(),
        };
        fields.end()?;
        Ok(Self { status, certificate, will_be_revoked_at, bad_since, crl_details })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let details = (!self.crl_details.is_empty()).then(|| Extension::encode_all(&self.crl_details));
        asn1::sequence(&[
            &asn1::integer(self.status.number()),
            &self.certificate.encode(),
            &asn1::exact_time(self.will_be_revoked_at),
            &asn1::exact_time(self.bad_since),
            details.as_deref().unwrap_or_default(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Body, BodyKind};
    use crate::message::Message;
    use crate::sample::{self, name};
    use crate::server;
    use crate::status::FailureInfo;

    /// A message with this content, read and encoded again.
    fn again(kind: BodyKind, content: &[u8]) -> Message {
        let message = sample::message(asn1::context(kind.tag(), &[content]));
        assert_eq!(message.body().kind(), kind);
        assert_eq!(message.body().encode(), message.body_der());
        message
    }

    fn certificate(number: u8) -> Vec<u8> {
        asn1::sequence(&[&[2, 1, number]])
    }

    #[test]
    fn challenges_and_their_answers_come_back() {
        let algorithm = asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]);
        let envelope = EnvelopedData {
            version: 2,
            originator_info: None,
            recipients: Vec::new(),
            content_type: crate::oid::CRLS,
            content_algorithm: algorithm.clone(),
            content: None,
            unprotected_attributes: None,
        };
        let first =
            Challenge { owf: Some(algorithm), witness: vec![1], challenge: Vec::new(), encrypted_rand: Some(envelope) };
        let second = Challenge { owf: None, witness: vec![2], challenge: vec![3], encrypted_rand: None };
        let message = again(BodyKind::Popdecc, &asn1::sequence(&[&first.encode(), &second.encode()]));
        assert!(matches!(message.body(), Body::Popdecc(all) if *all == [first, second]));
        let numbers = asn1::sequence(&[&asn1::integer(7), &asn1::element(2, &[&[0x7F; 20]])]);
        let message = again(BodyKind::Popdecr, &numbers);
        assert!(matches!(message.body(), Body::Popdecr(all) if *all == [vec![7], vec![0x7F; 20]]));
    }

    #[test]
    fn recovered_keys_come_back() {
        let full = KeyRecovery {
            status: StatusInfo::accepted(),
            new_certificate: Some(certificate(1)),
            ca_certs: vec![certificate(2)],
            key_pairs: vec![CertifiedKeyPair::plain(certificate(3))],
        };
        let message = again(BodyKind::Krp, &full.encode());
        assert!(matches!(message.body(), Body::Krp(found) if **found == full));
    }

    #[test]
    fn announcements_come_back() {
        let (one, two, three) = (certificate(1), certificate(2), certificate(3));
        let old = asn1::sequence(&[&one, &two, &three]);
        assert!(matches!(again(BodyKind::Ckuann, &old).body(), Body::Ckuann(CaKeyUpdate::V2 { new_with_new, .. })
            if *new_with_new == three));
        let new = asn1::context(0, &[&asn1::sequence(&[&one, &asn1::context(0, &[&two])])]);
        assert!(matches!(again(BodyKind::Ckuann, &new).body(), Body::Ckuann(CaKeyUpdate::V3(_))));
        again(BodyKind::Cann, &one);
        again(BodyKind::Crlann, &asn1::sequence(&[&one, &two]));
        let announcement = RevocationAnnouncement {
            status: Status::RevocationWarning,
            certificate: CertId::new(&name("CN=authority"), &[5]),
            will_be_revoked_at: Millis(1_795_000_000_000),
            bad_since: Millis(1_794_000_000_500),
            crl_details: vec![Extension::key_usage(certs::KeyUsage::CRL_SIGN)],
        };
        let message = again(BodyKind::Rann, &announcement.encode());
        assert!(matches!(message.body(), Body::Rann(found) if *found == announcement));
    }

    #[test]
    fn requests_outside_of_the_profile_are_read_and_refused() {
        let request = sample::request(&sample::Key::new());
        let content = asn1::sequence(&[&request]);
        for kind in [BodyKind::Krr, BodyKind::Ccr] {
            let message = again(kind, &content);
            assert_eq!(server::check_shape(&message).unwrap_err().failure, FailureInfo::BAD_REQUEST);
        }
    }
}
