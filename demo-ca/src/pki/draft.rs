use certs::{
    Certificate, CertificateDraft, Extension, KeyUsage, Millis, Name, ObjectIdentifier, PublicKey, Signer, oid,
};

use super::{DEMO_ORGANIZATION, DEMO_POLICY, Identity, this_machine};
use crate::{Fault, Random};

/// A certificate of the demo office before anybody signed it.
#[derive(Debug)]
pub(super) struct Plan {
    subject: Name,
    key: PublicKey,
    extensions: Vec<Extension>,
    from: Millis,
    until: Millis,
}

impl Plan {
    /// An authority; a path length of 0 means that it certifies no other authority.
    pub(super) fn authority(common_name: &str, key: &PublicKey, path_length: Option<u8>) -> Result<Self, Fault> {
        let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
        Ok(Self::new(
            named(common_name)?,
            key,
            vec![Extension::basic_constraints(true, path_length), Extension::key_usage(usage)],
        ))
    }

    /// What signs the CA's CMP messages in the CA's place (RFC 9810 section 8.6: id-kp-cmcCA).
    pub(super) fn cmp_signer(key: &PublicKey) -> Result<Self, Fault> {
        Ok(Self::end_entity(named("Demo CMP Signer")?, key, KeyUsage::DIGITAL_SIGNATURE, &[oid::CMC_CA]))
    }

    /// A registration authority (RFC 9810 section 4.5: id-kp-cmcRA).
    pub(super) fn registration_authority(common_name: &str, key: &PublicKey) -> Result<Self, Fault> {
        Ok(Self::end_entity(named(common_name)?, key, KeyUsage::DIGITAL_SIGNATURE, &[oid::CMC_RA]))
    }

    /// A TLS server on this machine. Not id-kp-cmcRA, though EST clients may look for it (RFC 7030 section 3.6.1): the
    /// demo CA would take this key, which is in a file, for a registration authority's.
    pub(super) fn tls_server(key: &PublicKey) -> Result<Self, Fault> {
        let mut plan = Self::end_entity(named("localhost")?, key, KeyUsage::DIGITAL_SIGNATURE, &[oid::SERVER_AUTH]);
        plan.extensions.push(Extension::subject_alt_name(&this_machine(), false));
        Ok(plan)
    }

    /// A device's `IDevID` (IEEE 802.1AR: the serial number is in the subject).
    pub(super) fn device(serial_number: &str, key: &PublicKey) -> Result<Self, Fault> {
        let subject = Name::from_text(&format!(
            "serialNumber={serial_number},CN=Demo Device {serial_number},O={DEMO_ORGANIZATION}"
        ))?;
        Ok(Self::end_entity(subject, key, KeyUsage::DIGITAL_SIGNATURE, &[]))
    }

    /// Anything that is no authority.
    pub(super) fn end_entity(subject: Name, key: &PublicKey, usage: KeyUsage, purposes: &[ObjectIdentifier]) -> Self {
        let mut extensions = vec![Extension::key_usage(usage)];
        if !purposes.is_empty() {
            extensions.push(Extension::extended_key_usage(purposes));
        }
        Self::new(subject, key, extensions)
    }

    pub(super) fn valid(self, from: Millis, until: Millis) -> Self {
        Self { from, until, ..self }
    }

    pub(super) async fn signed_by(self, issuer: &Identity, random: &Random) -> Result<Certificate, Fault> {
        let name = issuer.certificate.subject().clone();
        self.signed(&name, &issuer.signer, random).await
    }

    pub(super) async fn signed_by_itself(self, signer: &dyn Signer, random: &Random) -> Result<Certificate, Fault> {
        let name = self.subject.clone();
        self.signed(&name, signer, random).await
    }

    async fn signed(self, issuer: &Name, signer: &dyn Signer, random: &Random) -> Result<Certificate, Fault> {
        let mut extensions = self.extensions;
        extensions.push(Extension::subject_key_identifier(&self.key.sha1_key_identifier()));
        extensions.push(Extension::authority_key_identifier(&signer.public_key().sha1_key_identifier()));
        extensions.push(Extension::certificate_policies(&[DEMO_POLICY]));
        let draft = CertificateDraft {
            serial: serial_number(random)?,
            issuer: issuer.clone(),
            subject: self.subject,
            public_key: self.key,
            not_before: self.from,
            not_after: self.until,
            extensions,
        };
        Ok(draft.sign(signer).await?)
    }

    fn new(subject: Name, key: &PublicKey, extensions: Vec<Extension>) -> Self {
        Self { subject, key: key.clone(), extensions, from: Millis::default(), until: Millis::default() }
    }
}

/// A random serial number of 16 octets. The first is between 0x40 and 0x7f, so that it is positive and always as long
/// (RFC 5280 section 4.1.2.2).
pub(crate) fn serial_number(random: &Random) -> Result<Vec<u8>, Fault> {
    let mut serial = [0_u8; 16];
    random.fill(&mut serial).map_err(|_| Fault::Random)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x3f | 0x40;
    Ok(serial.to_vec())
}

fn named(common_name: &str) -> Result<Name, Fault> {
    Ok(Name::from_text(&format!("CN={common_name},O={DEMO_ORGANIZATION}"))?)
}
