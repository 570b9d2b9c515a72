//! What Full CMC refuses, and in which words (RFC 10002 section 6.1.4).

use certs::{Certificate, CsrDraft, Extension, Name, Signer as _};
use cmc::{FailInfo, IssuerAndSerial, RevokeRequest, Status, TaggedContentInfo, TaggedRequest, oid};
use cmp::crmf::{self, CertTemplateDraft};
use demo_ca::Kind;
use demo_ca::signer::SoftwareSigner;

use super::est_full_cmc::{
    by_holder, by_request_key, csr, data, octets, office, office_with, post, signer, subject, told, utf8,
};
use super::office::{Who, done};

#[test]
fn what_is_wrong_is_told_by_its_own_code_and_changes_nothing() {
    let office = office();
    let code = office.code();
    let key = signer(&office.key("pump"));
    let other = signer(&office.key("other"));
    let request = || TaggedRequest::pkcs10(1, &csr(&key, &[]));
    let with = |controls: &[(certs::ObjectIdentifier, Vec<u8>)]| by_request_key(&data(request(), controls), &key);
    let mut forged = csr(&key, &[]);
    *forged.last_mut().unwrap() ^= 1;
    let mut two = data(request(), &[]);
    two.requests.push(TaggedRequest::pkcs10(2, &csr(&key, &[])));
    let mut wrapped = data(request(), &[]);
    wrapped.messages.push(TaggedContentInfo { id: 3, content_info: vec![0x30, 0] });
    let mut broken = with(&[]);
    *broken.last_mut().unwrap() ^= 1;
    // Another name in what is signed, without a signature over it.
    let mut altered = with(&[]);
    let place = altered.windows(4).position(|part| part == b"pump").unwrap();
    altered[place] = b'd';
    let ending = RevokeRequest {
        certificate: IssuerAndSerial { issuer: subject(), serial: vec![9] },
        reason: 4,
        invalidity: None,
        passphrase: None,
        comment: None,
    };
    let unlinked = [(certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7"), utf8("AAAAAAAAAAAAAAAA"))];
    let alien = certs::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
    for (what, message, failure, body) in [
        ("no CMS", vec![0x30, 0], Some(FailInfo::BAD_REQUEST), 0),
        ("forged", broken, Some(FailInfo::BAD_MESSAGE_CHECK), 0),
        ("altered", altered, Some(FailInfo::BAD_MESSAGE_CHECK), 0),
        ("two things at once", with(&[(oid::REVOKE_REQUEST, ending.encode())]), Some(FailInfo::BAD_REQUEST), 0),
        (
            "another key's signature",
            by_request_key(&data(request(), &[]), &other),
            Some(FailInfo::BAD_MESSAGE_CHECK),
            0,
        ),
        (
            "no possession",
            by_request_key(&data(TaggedRequest::pkcs10(1, &forged), &[]), &key),
            Some(FailInfo::POP_FAILED),
            1,
        ),
        (
            "not linked",
            by_request_key(&data(TaggedRequest::pkcs10(1, &csr(&key, &unlinked)), &[]), &key),
            Some(FailInfo::POP_FAILED),
            1,
        ),
        ("an unknown control", with(&[(alien, vec![5, 0])]), Some(FailInfo::BAD_REQUEST), 10),
        ("addExtensions", with(&[(oid::ADD_EXTENSIONS, vec![5, 0])]), Some(FailInfo::UNSUPPORTED_EXT), 10),
        ("identityProof by SHA-1", with(&[(oid::IDENTITY_PROOF, octets(b"x"))]), Some(FailInfo::BAD_ALG), 10),
        ("authData", with(&[(oid::AUTH_DATA, vec![2, 1, 1])]), Some(FailInfo::AUTH_DATA_FAIL), 10),
        ("a transactionId that is none", with(&[(oid::TRANSACTION_ID, octets(b"x"))]), Some(FailInfo::BAD_REQUEST), 10),
        (
            "an RA's word",
            with(&[(oid::LRA_POP_WITNESS, vec![0x30, 8, 2, 1, 0, 0x30, 3, 2, 1, 1])]),
            Some(FailInfo::POP_FAILED),
            10,
        ),
        (
            "an RA's word for nothing",
            with(&[(oid::LRA_POP_WITNESS, vec![0x30, 5, 2, 1, 0, 0x30, 0])]),
            Some(FailInfo::BAD_REQUEST),
            10,
        ),
        ("no proof", by_request_key(&data(unproven(&key, 2), &[]), &key), Some(FailInfo::POP_REQUIRED), 7),
        ("a template of version 1", by_request_key(&data(proven(&key, 0), &[]), &key), Some(FailInfo::BAD_REQUEST), 7),
        (
            "two nonces",
            with(&[(oid::SENDER_NONCE, octets(b"x")), (oid::SENDER_NONCE, octets(b"y"))]),
            Some(FailInfo::BAD_REQUEST),
            11,
        ),
        ("two requests", by_request_key(&two, &key), None, 2),
        ("a message inside", by_request_key(&wrapped, &key), None, 3),
        ("another standard's", by_request_key(&data(TaggedRequest::other(1, alien, &[5, 0]), &[]), &key), None, 1),
    ] {
        let answer = post(&office, &Who::Code(&code), &message);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        let told = told(&office, &answer);
        assert_eq!(told.failure(), failure, "{what}: {:?}", told.status);
        assert_eq!(told.status.bodies[0].path(), [body], "{what}: {:?}", told.status);
        assert_eq!(told.status.status == Status::NoSupport, failure.is_none(), "{what}");
    }
    // What the office does not want is told likewise.
    let named = csr_named(&key, "CN=pump.plant.example,title=chief");
    let answer = post(&office, &Who::Code(&code), &by_request_key(&data(TaggedRequest::pkcs10(1, &named), &[]), &key));
    assert!((400..500).contains(&answer.status));
    let told = told(&office, &answer);
    assert_eq!(told.failure(), Some(FailInfo::BAD_REQUEST));
    assert!(told.status.text.unwrap().contains("title"));
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn a_key_that_stands_in_another_certificate_is_told_so() {
    let office = office_with(|settings| {
        settings.default_profile().insert("same_key".into(), false.into());
    });
    let code = office.code();
    let key = signer(&office.key("pump"));
    let asked = |name: &str| {
        let request = TaggedRequest::pkcs10(1, &csr_named(&key, &format!("CN={name}")));
        post(&office, &Who::Code(&code), &by_request_key(&data(request, &[]), &key))
    };
    assert_eq!(asked("pump.plant.example").status, 200);
    let answer = asked("valve.plant.example");
    assert_eq!((answer.status, told(&office, &answer).failure()), (400, Some(FailInfo::NO_KEY_REUSE)));
    assert_eq!(office.records().count(Kind::Issued), 1);
}

/// A `CertRequest` with number 7 for this key and its identifier, its template of this version.
fn cert_request(key: &SoftwareSigner, version: u8) -> Vec<u8> {
    let mut template = CertTemplateDraft::new(subject(), key.public_key().clone());
    template.extensions.push(Extension::subject_key_identifier(&key.public_key().sha1_key_identifier()));
    let plain = crmf::request(7, &template);
    // SEQUENCE { INTEGER 7, SEQUENCE { ... } }, both of more than 127 octets.
    let inside = &plain[if plain[1] == 0x81 { 3 } else { 4 }..];
    let fields = &inside[3..];
    let fields = &fields[if fields[1] < 0x80 { 2 } else { 1 + usize::from(fields[1] & 0x7f) + 1 }..];
    let long = |content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap();
        let header = if length < 256 {
            vec![0x30, 0x81, length.to_be_bytes()[1]]
        } else {
            [&[0x30, 0x82], &length.to_be_bytes()[..]].concat()
        };
        [header.as_slice(), content].concat()
    };
    long(&[&[2, 1, 7], long(&[&[0x80, 1, version], fields].concat()).as_slice()].concat())
}

fn proven(key: &SoftwareSigner, version: u8) -> TaggedRequest {
    TaggedRequest::crmf(&done(crmf::sign(&cert_request(key, version), key)).unwrap()).unwrap()
}

fn unproven(key: &SoftwareSigner, version: u8) -> TaggedRequest {
    TaggedRequest::crmf(&crmf::message(&cert_request(key, version), None)).unwrap()
}

fn csr_named(key: &SoftwareSigner, name: &str) -> Vec<u8> {
    let mut draft = CsrDraft::new(Name::from_text(name).unwrap(), key.public_key().clone());
    draft.extensions.push(Extension::subject_key_identifier(&key.public_key().sha1_key_identifier()));
    done(draft.sign(key)).unwrap().der().to_vec()
}

#[test]
fn who_is_known_by_nothing_but_its_signature_is_told_that_it_is_wrong() {
    let office = office();
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let key = signer(&office.key("pump"));
    let request = data(TaggedRequest::pkcs10(1, &csr(&key, &[])), &[]);
    let mut forged = by_holder(&request, &device, &SoftwareSigner::load(&device_key).unwrap());
    *forged.last_mut().unwrap() ^= 1;
    let answer = post(&office, &Who::Nobody, &forged);
    assert_eq!((answer.status, told(&office, &answer).failure()), (400, Some(FailInfo::BAD_MESSAGE_CHECK)));
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn a_certificate_whose_key_may_not_sign_signs_no_message() {
    let office = office();
    let (key, agreeing) = office.issued_by_hand("agreeing", "keyUsage=critical,keyAgreement\n");
    let request = data(TaggedRequest::pkcs10(1, &csr(&signer(&office.key("pump")), &[])), &[]);
    let message = by_holder(&request, &agreeing, &signer(&key));
    let answer = post(&office, &Who::Code(&office.code()), &message);
    assert_eq!((answer.status, told(&office, &answer).failure()), (400, Some(FailInfo::BAD_MESSAGE_CHECK)));
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn what_a_crmf_asks_beside_its_names_is_judged() {
    let office = office();
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let holder = SoftwareSigner::load(&device_key).unwrap();
    let key = signer(&office.key("pump"));
    let held = Certificate::parse_pem(&std::fs::read(&device).unwrap()).unwrap().remove(0);
    let template = CertTemplateDraft::new(subject(), key.public_key().clone());
    let old = [crmf::Control::old_cert_id(held.issuer(), &[9])];
    let renewing = crmf::request_with(7, &template, &old);
    let mut extended = template.clone();
    let alien = certs::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
    extended.extensions.push(Extension { oid: alien, critical: false, value: vec![5, 0] });
    for (request, status, failure) in [
        (renewing, 400, FailInfo::BAD_CERT_ID),
        // RFC 10002 section 3.2.1.2.2.
        (crmf::request(7, &extended), 400, FailInfo::UNSUPPORTED_EXT),
    ] {
        let request = TaggedRequest::crmf(&done(crmf::sign(&request, &key)).unwrap()).unwrap();
        let message = by_holder(&data(request, &[]), &device, &holder);
        let answer = post(&office, &Who::Holder(&device, &device_key), &message);
        assert_eq!((answer.status, told(&office, &answer).failure()), (status, Some(failure)), "{}", answer.text());
    }
    assert_eq!(office.records().count(Kind::Received), 0);
}

#[test]
fn what_cannot_be_linked_is_refused_where_a_link_is_required() {
    let office = office_with(|settings| {
        let est = settings.default_profile()["est"].as_table_mut().unwrap();
        est.insert("channel_binding".into(), "required".into());
    });
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let (holder, key) = (SoftwareSigner::load(&device_key).unwrap(), signer(&office.key("pump")));
    let template = CertTemplateDraft::new(subject(), key.public_key().clone());
    let crmf = TaggedRequest::crmf(&done(crmf::sign(&crmf::request(7, &template), &key)).unwrap()).unwrap();
    for request in [crmf, TaggedRequest::pkcs10(1, &csr(&key, &[]))] {
        let message = by_holder(&data(request, &[]), &device, &holder);
        let answer = post(&office, &Who::Holder(&device, &device_key), &message);
        assert_eq!((answer.status, told(&office, &answer).failure()), (400, Some(FailInfo::POP_FAILED)));
    }
    assert_eq!(office.records().count(Kind::Received), 0);
}
