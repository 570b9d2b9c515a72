//! From messages of the right shape to what the registrar is asked.

use certs::{KeyKind, KeyUsage, PublicKey};
use cmp::{Body, BodyKind, CertReqMsg, FailureInfo, Fault, Limits, Message, RevDetails};

use super::unwrap::Received;
use crate::case::{Door, Kind, RequestForm};
use crate::registrar::{
    CertificateRequest, Identified, Incoming, Possession, RevocationRequest, Transaction, without_own_rule,
};

/// A key that nobody here can check a proof with is a fault of the template, not of the proof.
fn check_provable(key: &PublicKey) -> Result<(), Fault> {
    match key.kind() {
        KeyKind::Rsa { bits } if !(2048..=8192).contains(&bits) => Err(Fault::new(
            FailureInfo::BAD_CERT_TEMPLATE,
            format!("an RSA key of {bits} bits is not certified here; use 2048 to 8192 bits"),
        )),
        _ => Ok(()),
    }
}

pub(super) fn incoming(received: &Received<'_>, kind: BodyKind) -> Incoming {
    let request = received.request();
    let header = request.header();
    let transaction = Transaction {
        id: header.transaction_id.clone().unwrap_or_default(),
        body: kind.tag(),
        implicit: header.implicit_confirm(),
    };
    Incoming::new(received.octets(), request.der(), Some(transaction))
}

pub(super) fn certificate_request(
    who: &Identified,
    received: &Received<'_>,
    kind: BodyKind,
    request: &CertReqMsg,
) -> Result<CertificateRequest, Fault> {
    let template = &request.template;
    let (public_key, possession) = if template.asks_for_key() && takes_central_keys(who) {
        check_central(who, request)?;
        (None, Possession::NoKey)
    } else {
        check_provable(template.key()?)?;
        (Some(template.key()?.clone()), possession(who, received.request(), request)?)
    };
    let update = kind == BodyKind::Kur;
    let replaces = if update { Some(updated(who, request)?) } else { None };
    let subject = match (&template.subject, &replaces) {
        (Some(subject), _) => subject.clone(),
        _ => certs::Name::empty(),
    };
    Ok(CertificateRequest {
        door: Door::Cmp,
        message: incoming(received, kind),
        kind: if update { Kind::Rekey } else { Kind::Issue },
        form: RequestForm::Crmf,
        request: request.der.clone(),
        subject,
        alt_names: template.alt_names()?,
        public_key,
        possession,
        key_usage: template.key_usage()?,
        extended_key_usages: template.extended_key_usages()?,
        certification_authority: template.key_usage()?.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
            || template.extensions.iter().any(certs::Extension::is_certification_authority),
        other_extensions: without_own_rule(&template.extensions),
        not_after: template.validity.and_then(|(_, end)| end),
        replaces,
        server_key: None,
        present_names: None,
    })
}

fn takes_central_keys(who: &Identified) -> bool {
    who.profile().is_some_and(|profile| profile.central_keys)
}

/// A key that the CA is to make (RFC 9483 section 4.1.6). It is encrypted for the requester, to its certificate: we never see it. That
/// EnvelopedData needs pvno 3 is between those two: `openssl cmp` asks with 2.
fn check_central(who: &Identified, request: &CertReqMsg) -> Result<(), Fault> {
    if who.certificate().is_none() {
        // DESIGN rule 3: under a MAC it would be encrypted with the secret, which is ours and the requester's, not the CA's.
        let text = "a key is made by the CA only for who signs its request";
        return Err(Fault::new(FailureInfo::WRONG_INTEGRITY, text));
    }
    if request.popo.is_some() {
        return Err(Fault::new(
            FailureInfo::BAD_POP,
            "there is no key yet, so there can be no proof of possession; leave popo out",
        ));
    }
    Ok(())
}

/// How it is known that the requester has the key: its own signature, or the word of a registration authority that checked it
/// (RFC 9483 section 5.2.3.2). Where the authority shows the original, that proof is looked at again (RFC 9810 section 5.1.1.3).
fn possession(who: &Identified, message: &Message, request: &CertReqMsg) -> Result<Possession, Fault> {
    if !(request.is_ra_verified() && who.is_registration_authority()) {
        return request.prove().map(Possession::Proven);
    }
    let originals = message.originals()?;
    let Some(original) = originals.first() else { return Ok(Possession::Vouched) };
    let original = Message::parse(original, &Limits::default()).map_err(|parse| parse.fault)?;
    let bad = |text: &str| Fault::new(FailureInfo::BAD_POP, text);
    let proven = match original.body() {
        Body::Ir(all) | Body::Cr(all) => match all.0.as_slice() {
            [one] if one.is_ra_verified() => return Ok(Possession::Vouched),
            [one] => one.prove()?,
            _ => return Err(bad("the message in origPKIMessage has not one certificate request")),
        },
        Body::P10cr(csr) => certs::Csr::parse(csr)?.prove().map_err(|fault| bad(&fault.to_string()))?,
        _ => return Err(bad("the message in origPKIMessage is no request for a certificate")),
    };
    if proven.print() == request.template.key()?.print() {
        Ok(Possession::Proven(proven))
    } else {
        Err(bad("the proof of possession in origPKIMessage is for another key"))
    }
}

/// RFC 9483 section 4.1.3: oldCertID names the certificate that protects the message; without it that one is meant.
fn updated(who: &Identified, request: &CertReqMsg) -> Result<(certs::Name, Vec<u8>), Fault> {
    let held = who.certificate().ok_or_else(|| {
        Fault::new(FailureInfo::WRONG_INTEGRITY, "a kur is signed with the certificate to be updated")
    })?;
    let own = (held.issuer().clone(), held.serial().to_vec());
    match request.old_cert_id()? {
        None => Ok(own),
        Some((issuer, serial)) if issuer.matches(&own.0) && serial == own.1 => Ok(own),
        Some(_) => Err(Fault::new(
            FailureInfo::BAD_CERT_ID,
            "oldCertID does not name the certificate that protects the message",
        )),
    }
}

pub(super) fn pkcs10_request(received: &Received<'_>, der: &[u8]) -> Result<CertificateRequest, Fault> {
    let csr = certs::Csr::parse(der)?;
    check_provable(csr.public_key())?;
    let proven = csr.prove().map_err(|fault| Fault::new(FailureInfo::BAD_POP, fault.to_string()))?;
    Ok(CertificateRequest::of_pkcs10(&csr, proven, Door::Cmp, incoming(received, BodyKind::P10cr), None))
}

pub(super) fn revocation_request(received: &Received<'_>, details: &RevDetails) -> Result<RevocationRequest, Fault> {
    let (issuer, serial) = details.certificate()?;
    Ok(RevocationRequest {
        door: Door::Cmp,
        message: incoming(received, BodyKind::Rr),
        issuer: issuer.clone(),
        serial: serial.to_vec(),
        reason: details.reason,
        request: details.der.clone(),
    })
}
