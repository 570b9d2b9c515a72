//! What kinds of request there are (RFC 9483 sections 4 and 5).

use crate::body::{Body, BodyKind};
use crate::confirm::CertStatus;
use crate::crmf::{CertReqMessages, CertReqMsg};
use crate::fault::Fault;
use crate::header::InfoTypeAndValue;
use crate::message::Message;
use crate::revocation::RevDetails;
use crate::status::FailureInfo;
use crate::support::Question;

/// A request of the right shape.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// ir, cr or kur. If [`crate::CertTemplate::asks_for_key`], it asks for a centrally generated key
    /// and has no popo; else there are a key that we know and a popo, which is not verified yet.
    Enrol {
        /// Which of them.
        kind: BodyKind,
        /// Its one `CertReqMsg`.
        request: &'a CertReqMsg,
    },
    /// p10cr: the PKCS#10 request (DER).
    Pkcs10(&'a [u8]),
    /// rr: its one `RevDetails`.
    Revoke(&'a RevDetails),
    /// certConf.
    Confirm(&'a [CertStatus]),
    /// pollReq: the certReqId.
    Poll(i64),
    /// genm: its one question, or none; [`Question::read`] tells what it is.
    Support(Option<&'a InfoTypeAndValue>),
    /// nested: the messages within, each as DER.
    Nested(&'a [Vec<u8>]),
}

/// Checks that a body is a request of the lightweight profile.
///
/// # Errors
/// badRequest for kinds that are no request or not in the profile, and for more or fewer requests
/// than one; badCertTemplate and badPOP for what a template must have.
pub fn check_shape(message: &Message) -> Result<Operation<'_>, Fault> {
    let body = message.body();
    // RFC 9810 section 5.1.1.3: exactly one original, unless the message is nested.
    message.originals()?;
    match body {
        Body::Ir(all) | Body::Cr(all) | Body::Kur(all) => {
            let request = check_request(all)?;
            // RFC 9810 section 7, and section 5.2.8.3 of the proofs.
            if request.needs_pvno_3()? && message.header().pvno < 3 {
                return Err(Fault::request("EnvelopedData and agreeMAC need pvno 3"));
            }
            Ok(Operation::Enrol { kind: body.kind(), request })
        }
        Body::P10cr(csr) => Ok(Operation::Pkcs10(csr)),
        Body::Rr(all) => match all.0.as_slice() {
            // RFC 9483 section 4.2: exactly one RevDetails, which names issuer and serialNumber.
            [details] => details.certificate().map(|_| Operation::Revoke(details)),
            all => Err(Fault::request(format!("rr has {} entries; send exactly one", all.len()))),
        },
        // RFC 9810 section 5.3.18: with hashAlg the version "must be cmp2021(3)".
        Body::CertConf(statuses) if message.header().pvno < 3 && statuses.iter().any(CertStatus::needs_pvno_3) => {
            Err(Fault::request("certConf with hashAlg needs pvno 3"))
        }
        Body::CertConf(statuses) => Ok(Operation::Confirm(statuses)),
        Body::PollReq(ids) => match ids.as_slice() {
            [id] => Ok(Operation::Poll(*id)),
            ids => Err(Fault::request(format!("pollReq has {} entries; send exactly one", ids.len()))),
        },
        Body::Genm(infos) => match infos.as_slice() {
            // RFC 9810 section 5.3.19: an empty genm asks for anything we have.
            [] => Ok(Operation::Support(None)),
            // RFC 9483 section 4.3: what is asked has a value where one belongs, and none elsewhere.
            [info] => Question::read(info).map(|_| Operation::Support(Some(info))),
            infos => Err(Fault::request(format!("genm has {} entries; send exactly one", infos.len()))),
        },
        Body::Nested(messages) if messages.is_empty() => Err(Fault::request("nested has no message in it")),
        Body::Nested(messages) => Ok(Operation::Nested(messages)),
        // Requests that the lightweight profile leaves out.
        Body::Popdecr(_) | Body::Krr(_) | Body::Ccr(_) => {
            Err(Fault::request(format!("{} is not supported", body.kind())))
        }
        // Answers and announcements; RFC 9483 section 3.6.1: nobody sends error messages upstream.
        Body::Ip(_)
        | Body::Cp(_)
        | Body::Popdecc(_)
        | Body::Kup(_)
        | Body::Krp(_)
        | Body::Rp(_)
        | Body::Ccp(_)
        | Body::Ckuann(_)
        | Body::Cann(_)
        | Body::Rann(_)
        | Body::Crlann(_)
        | Body::PkiConf
        | Body::Genp(_)
        | Body::Error(_)
        | Body::PollRep(_) => Err(Fault::request(format!("{} is not a request", body.kind()))),
    }
}

fn check_request(all: &CertReqMessages) -> Result<&CertReqMsg, Fault> {
    // RFC 9483 section 4.1.1: exactly one CertReqMsg, certReqId 0.
    let [request] = all.0.as_slice() else {
        return Err(Fault::request(format!("{} certificate requests; send exactly one", all.0.len())));
    };
    if request.cert_req_id != 0 {
        return Err(Fault::request(format!("certReqId is {}; it must be 0", request.cert_req_id)));
    }
    let template = &request.template;
    let bad = |text| Fault::new(FailureInfo::BAD_CERT_TEMPLATE, text);
    // RFC 9483 section 4.1.1: version is v3 if there; the subject may be empty if SAN names the holder.
    if template.version.is_some_and(|version| version != 2) {
        return Err(bad("the template's version must be v3 or absent"));
    }
    if template.subject.is_none() && template.alt_names()?.is_empty() {
        return Err(bad("the template has neither subject nor subjectAltName"));
    }
    let unproven = |text| Fault::new(FailureInfo::BAD_POP, text);
    match &request.popo {
        // RFC 9483 section 4.1.1: popo "MUST be absent if central key generation is requested".
        Some(_) if template.asks_for_key() => {
            Err(unproven("a key that is yet to be made has no proof of possession; leave popo out"))
        }
        None if template.asks_for_key() => Ok(request),
        // RFC 9483 section 4.1.1: popo "MUST be present if local key generation is used".
        None => Err(unproven("the request has no proof of possession; sign it with the new key")),
        Some(_) => template.key().map(|_| request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asn1;
    use crate::body;
    use crate::crmf::{self, CertTemplateDraft, Popo};
    use crate::sample::{self, Key, name};
    use certs::Signer;

    fn failure(body: Vec<u8>) -> Option<FailureInfo> {
        check_shape(&sample::message(body)).err().map(|fault| fault.failure)
    }

    fn template(key: &Key) -> CertTemplateDraft {
        CertTemplateDraft::new(name("CN=device"), key.public_key().clone())
    }

    fn cr(id: i64, template: &CertTemplateDraft, popo: Option<&Popo>) -> Option<FailureInfo> {
        failure(body::cr(&crmf::message(&crmf::request(id, template), popo)))
    }

    #[test]
    fn requests_of_the_profile_pass() {
        let key = Key::new();
        let message = sample::ir(&key);
        let Ok(Operation::Enrol { kind, request }) = check_shape(&message) else { panic!("no ir") };
        assert_eq!(kind, BodyKind::Ir);
        assert_eq!(request.prove().unwrap().print(), key.public_key().print());
        assert_eq!(failure(body::kur(&sample::request(&key))), None);
        assert_eq!(failure(body::p10cr(&asn1::sequence(&[]))), None);
        assert_eq!(failure(body::rr(&RevDetails::compose(&name("CN=authority"), &[5], Some(1)))), None);
        assert_eq!(failure(body::cert_conf(&[])), None);
        assert_eq!(failure(body::poll_req(&[-1])), None);
        assert_eq!(failure(body::genm(&[])), None);
        assert_eq!(failure(body::genm(&[Question::CaCerts.encode()])), None);
        assert_eq!(failure(body::nested(&[message.der().to_vec()])), None);
    }

    #[test]
    fn one_request_a_message() {
        let request = sample::request(&Key::new());
        let two = body::requests(BodyKind::Cr, &[&request, &request]);
        assert_eq!(failure(two), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(failure(body::requests(BodyKind::Cr, &[])), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(failure(body::poll_req(&[0, 1])), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(failure(body::nested::<Vec<u8>>(&[])), Some(FailureInfo::BAD_REQUEST));
    }

    #[test]
    fn one_question_a_message_with_a_value_where_one_belongs() {
        let ask = |infos: &[InfoTypeAndValue]| failure(body::genm(infos));
        let question = Question::CaCerts.encode();
        assert_eq!(ask(&[question.clone(), question.clone()]), Some(FailureInfo::BAD_REQUEST));
        let valued = InfoTypeAndValue { value: Some(asn1::NULL.to_vec()), ..question };
        assert_eq!(ask(&[valued]), Some(FailureInfo::BAD_REQUEST));
    }

    #[test]
    fn the_cert_req_id_is_zero() {
        let draft = template(&Key::new());
        assert_eq!(cr(0, &draft, Some(&Popo::RaVerified)), None);
        assert_eq!(cr(1, &draft, Some(&Popo::RaVerified)), Some(FailureInfo::BAD_REQUEST));
    }

    #[test]
    fn a_template_names_a_holder_and_a_key() {
        let key = Key::new();
        let failure = Some(FailureInfo::BAD_CERT_TEMPLATE);
        let nameless = CertTemplateDraft { subject: None, ..template(&key) };
        assert_eq!(cr(0, &nameless, Some(&Popo::RaVerified)), failure);
        let names = [certs::AltName::Dns("device.example".to_owned())];
        let by_san =
            CertTemplateDraft { extensions: vec![certs::Extension::subject_alt_name(&names, true)], ..nameless };
        assert_eq!(cr(0, &by_san, Some(&Popo::RaVerified)), None);
    }

    #[test]
    fn a_template_is_of_version_3_or_says_none() {
        let key = Key::new();
        // CertTemplate, with its version [0] IMPLICIT in front of what the draft writes.
        let request = crmf::request(0, &template(&key));
        let plain = asn1::sequence(&[&asn1::context(5, &[name("CN=device").der()]), &public_key(&key)]);
        let with = |version: &[u8]| {
            let template = asn1::sequence(&[version, &asn1::context(5, &[name("CN=device").der()]), &public_key(&key)]);
            let request = asn1::sequence(&[&asn1::integer(0), &template]);
            failure(body::cr(&crmf::message(&request, Some(&Popo::RaVerified))))
        };
        assert_eq!(request, asn1::sequence(&[&asn1::integer(0), &plain]), "the draft writes the same");
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[0x80, 1, 2]), None);
        assert_eq!(with(&[0x80, 1, 0]), Some(FailureInfo::BAD_CERT_TEMPLATE));
        assert_eq!(with(&[0x80, 1, 3]), Some(FailureInfo::BAD_CERT_TEMPLATE));
    }

    /// `publicKey [6] IMPLICIT SubjectPublicKeyInfo`
    fn public_key(key: &Key) -> Vec<u8> {
        let mut der = key.public_key().der().to_vec();
        der[0] = 0xa6;
        der
    }

    #[test]
    fn a_key_comes_with_a_proof_of_possession() {
        assert_eq!(cr(0, &template(&Key::new()), None), Some(FailureInfo::BAD_POP));
    }

    #[test]
    fn a_key_that_is_yet_to_be_made_has_no_proof() {
        let keyless = CertTemplateDraft { public_key: None, ..template(&Key::new()) };
        assert_eq!(cr(0, &keyless, None), None);
        assert_eq!(cr(0, &keyless, Some(&Popo::RaVerified)), Some(FailureInfo::BAD_POP));
        let message = sample::message(body::cr(&crmf::message(&crmf::request(0, &keyless), None)));
        let Ok(Operation::Enrol { request, .. }) = check_shape(&message) else { panic!("no cr") };
        assert!(request.template.asks_for_key());
        // Nobody takes it for a request with a key.
        assert_eq!(request.prove().unwrap_err().failure, FailureInfo::BAD_CERT_TEMPLATE);
        // The kind of key is wished for: X25519, without bits.
        let wish = asn1::context(6, &[&asn1::sequence(&[&[6, 3, 0x2B, 0x65, 0x6E]]), &asn1::bit_string(&[])]);
        let template = asn1::sequence(&[&asn1::context(5, &[name("CN=device").der()]), &wish]);
        let request = asn1::sequence(&[&asn1::integer(0), &template]);
        assert_eq!(failure(body::ir(&asn1::sequence(&[&request]))), None);
    }

    #[test]
    fn what_is_new_in_the_third_version_needs_it() {
        let key = Key::new();
        let mac = crmf::MacValue { algorithm: asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]), value: vec![1] };
        let proof = Popo::KeyAgreement(crmf::PrivateKeyProof::AgreeMac(mac));
        let later =
            Popo::KeyAgreement(crmf::PrivateKeyProof::SubsequentMessage(crmf::SubsequentMessage::EncryptedCertificate));
        let request = crmf::request(0, &template(&key));
        let check = |pvno, popo| {
            let mut draft = sample::draft(body::cr(&crmf::message(&request, Some(popo))));
            draft.pvno = pvno;
            check_shape(&sample::read(&draft.unprotected(&[]))).err().map(|fault| fault.failure)
        };
        assert_eq!(check(2, &proof), Some(FailureInfo::BAD_REQUEST));
        assert_eq!(check(3, &proof), None);
        assert_eq!(check(2, &later), None);
    }

    #[test]
    fn what_becomes_of_a_key_is_said_as_the_asn1_says() {
        let key = Key::new();
        let controls = [crmf::Control { oid: crate::oid::PKI_ARCHIVE_OPTIONS, value: asn1::NULL.to_vec() }];
        let request = crmf::request_with(0, &template(&key), &controls);
        for pvno in [2, 3] {
            let mut draft = sample::draft(body::cr(&crmf::message(&request, Some(&Popo::RaVerified))));
            draft.pvno = pvno;
            let fault = check_shape(&sample::read(&draft.unprotected(&[]))).unwrap_err();
            assert_eq!(fault.failure, FailureInfo::BAD_DATA_FORMAT);
        }
    }

    #[test]
    fn one_original_is_enough() {
        let original = sample::message(body::pki_conf());
        let check = |originals: &[&[u8]]| {
            let mut draft = sample::draft(body::cert_conf(&[]));
            draft.general_info = vec![InfoTypeAndValue::orig_pki_message(originals)];
            check_shape(&sample::read(&draft.unprotected(&[]))).err().map(|fault| fault.failure)
        };
        assert_eq!(check(&[original.der()]), None);
        assert_eq!(check(&[original.der(), original.der()]), Some(FailureInfo::BAD_REQUEST));
    }

    #[test]
    fn hash_alg_needs_the_third_version() {
        let status = CertStatus {
            cert_hash: vec![1; 32],
            cert_req_id: 0,
            status: None,
            hash_alg: Some(certs::algorithm::Digest::Sha256.identifier()),
        };
        let mut draft = sample::draft(body::cert_conf(&[status]));
        let second = sample::read(&draft.clone().unprotected(&[]));
        assert_eq!(check_shape(&second).unwrap_err().failure, FailureInfo::BAD_REQUEST);
        draft.pvno = 3;
        assert!(check_shape(&sample::read(&draft.unprotected(&[]))).is_ok());
    }

    #[test]
    fn a_revocation_names_issuer_and_serial() {
        let details = asn1::sequence(&[&CertTemplateDraft::default().encode()]);
        assert_eq!(failure(body::rr(&details)), Some(FailureInfo::BAD_CERT_TEMPLATE));
    }

    #[test]
    fn what_is_no_request_of_the_profile_is_a_bad_request() {
        let content = asn1::sequence(&[]);
        for kind in 0..=26 {
            let message = match kind {
                19 => asn1::context(19, &[&asn1::NULL]),
                23 => body::error(&(&Fault::request("no")).into()),
                12 => asn1::context(12, &[&asn1::sequence(&[&content])]),
                1 | 3 | 8 | 14 => asn1::context(kind, &[&asn1::sequence(&[&content])]),
                10 => asn1::context(kind, &[&asn1::sequence(&[&asn1::sequence(&[&asn1::integer(0)])])]),
                15 => asn1::context(kind, &[&asn1::sequence(&[&content, &content, &content])]),
                17 => {
                    let certificate = crate::CertId::new(&name("CN=authority"), &[5]).encode();
                    let time = asn1::generalized_time(certs::Millis(0));
                    asn1::context(kind, &[&asn1::sequence(&[&asn1::integer(4), &certificate, &time, &time])])
                }
                5 | 6 | 9 | 13 | 16 | 18 | 22 | 26 => asn1::context(kind, &[&content]),
                _ => continue,
            };
            assert_eq!(failure(message), Some(FailureInfo::BAD_REQUEST), "{kind}");
        }
    }
}
