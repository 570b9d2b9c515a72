//! Full CMC over EST (RFC 7030 section 4.3, RFC 10002). Answers are verified by OpenSSL before they are read.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::{Certificate, CsrDraft, Extension, Name, Signer as _};
use cmc::{
    FailInfo, IdentityProofV2, IssuerAndSerial, OtherInfo, PkiData, PkiResponse, RevokeRequest, SignerId, Status,
    StatusInfo, TaggedAttribute, TaggedRequest, oid, pki_data, pop_link_witness,
};
use cmp::crmf::{self, CertTemplateDraft};
use demo_ca::Kind;
use demo_ca::signer::SoftwareSigner;

use super::office::{Answer, Code, Key, Office, Settings, Who, done, openssl, written};

const NAME: &str = "pump.plant.example";

pub(super) fn office() -> Office {
    office_with(|_| ())
}

pub(super) fn office_with(change: impl FnOnce(&mut Settings)) -> Office {
    Office::open_with(|settings| {
        let est = settings.default_profile().entry("est").or_insert_with(|| toml::Table::new().into());
        est.as_table_mut().unwrap().insert("full_cmc".into(), true.into());
        settings.set("registrar", "check_after_seconds", 1);
        change(settings);
    })
}

pub(super) fn signer(key: &Key) -> SoftwareSigner {
    SoftwareSigner::load(&key.0).unwrap()
}

pub(super) fn subject() -> Name {
    Name::from_text(&format!("CN={NAME}")).unwrap()
}

/// A PKCS#10 for this key, which names itself by its identifier.
pub(super) fn csr(key: &SoftwareSigner, more: &[(certs::ObjectIdentifier, Vec<u8>)]) -> Vec<u8> {
    let mut draft = CsrDraft::new(subject(), key.public_key().clone());
    draft.extensions.push(Extension::subject_key_identifier(&key.public_key().sha1_key_identifier()));
    draft.attributes.extend(more.iter().cloned());
    done(draft.sign(key)).unwrap().der().to_vec()
}

/// A request with its controls; their numbers begin at 10.
pub(super) fn data(request: TaggedRequest, controls: &[(certs::ObjectIdentifier, Vec<u8>)]) -> PkiData {
    let controls = controls.iter().zip(10..).map(|((oid, value), id)| TaggedAttribute::new(id, *oid, value.clone()));
    PkiData { controls: controls.collect(), requests: vec![request], messages: Vec::new(), others: Vec::new() }
}

/// Signed with the key that is to be certified.
pub(super) fn by_request_key(data: &PkiData, key: &SoftwareSigner) -> Vec<u8> {
    let id = SignerId::KeyIdentifier(key.public_key().sha1_key_identifier().to_vec());
    done(pki_data(data, &[], &id, key)).unwrap()
}

/// Signed by the holder of a certificate.
pub(super) fn by_holder(data: &PkiData, certificate: &Path, key: &SoftwareSigner) -> Vec<u8> {
    let held = Certificate::parse_pem(&std::fs::read(certificate).unwrap()).unwrap().remove(0);
    let id =
        SignerId::IssuerAndSerial(IssuerAndSerial { issuer: held.issuer().clone(), serial: held.serial().to_vec() });
    done(pki_data(data, &[held.der().to_vec()], &id, key)).unwrap()
}

pub(super) fn post(office: &Office, who: &Who<'_>, message: &[u8]) -> Answer {
    let words = ["-H", "Content-Type: application/pkcs7-mime; smime-type=CMC-request"];
    office.est_with("fullcmc", who, STANDARD.encode(message).as_bytes(), &words)
}

/// What a Full PKI Response says, after OpenSSL found that the RA signed it.
pub(super) struct Told {
    response: PkiResponse,
    pub(super) status: StatusInfo,
    /// All of its certificates, PEM.
    certificates: Vec<String>,
}

pub(super) fn told(office: &Office, answer: &Answer) -> Told {
    let content_type = answer.header("Content-Type").unwrap_or_default();
    assert_eq!(content_type, "application/pkcs7-mime; smime-type=CMC-response", "{}", answer.text());
    let file = written(office.path("response.der"), &STANDARD.decode(answer.text().trim()).unwrap());
    let (file, root) = (file.to_str().unwrap(), office.pki("root.pem"));
    let (content, signed_by) = (office.path("response.content"), office.path("response.signer"));
    let (content, signed_by) = (content.to_str().unwrap(), signed_by.to_str().unwrap());
    let verify =
        ["cms", "-verify", "-inform", "DER", "-in", file, "-CAfile", root.to_str().unwrap(), "-purpose", "any"];
    openssl(&[&verify[..], &["-signer", signed_by, "-out", content]].concat());
    assert!(
        openssl(&["asn1parse", "-inform", "DER", "-in", file]).contains("id-cct-PKIResponse"),
        "id-cct-PKIResponse"
    );
    assert_eq!(
        openssl(&["x509", "-in", signed_by, "-noout", "-pubkey"]),
        openssl(&["x509", "-in", office.pki("ra.pem").to_str().unwrap(), "-noout", "-pubkey"]),
        "RFC 10002 section 4.2"
    );
    let response = PkiResponse::parse(&std::fs::read(content).unwrap()).unwrap();
    let status = response.controls.iter().find(|control| control.oid == oid::STATUS_INFO_V2).unwrap();
    let status = StatusInfo::parse(&status.values[0]).unwrap();
    let certificates = openssl(&["pkcs7", "-inform", "DER", "-in", file, "-print_certs"]);
    let certificates = certificates.split("-----BEGIN CERTIFICATE-----").skip(1);
    let certificates =
        certificates.map(|rest| format!("-----BEGIN CERTIFICATE-----{}", rest.split("subject=").next().unwrap()));
    Told { response, status, certificates: certificates.collect() }
}

impl Told {
    fn control(&self, oid: certs::ObjectIdentifier) -> Option<&[u8]> {
        self.response.controls.iter().find(|control| control.oid == oid).map(|control| control.values[0].as_slice())
    }

    pub(super) fn failure(&self) -> Option<FailInfo> {
        match (&self.status.status, &self.status.other) {
            (Status::Failed, Some(OtherInfo::Fail(failure))) => Some(*failure),
            _ => None,
        }
    }

    /// The certificate of this key.
    fn certificate_of(&self, office: &Office, key: &SoftwareSigner) -> String {
        let of_key =
            |pem: &&String| Certificate::parse_pem(pem.as_bytes()).unwrap()[0].public_key() == key.public_key();
        let certificate = self.certificates.iter().find(of_key).expect("the certificate is there").clone();
        assert!(office.accepts(&certificate));
        certificate
    }
}

pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    [&[4, u8::try_from(content.len()).unwrap()], content].concat()
}

pub(super) fn utf8(text: &str) -> Vec<u8> {
    [&[12, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

#[test]
fn a_code_brings_a_certificate_by_cmc() {
    let office = office();
    let code = office.code();
    let key = signer(&office.key("pump"));
    let controls = [
        (oid::TRANSACTION_ID, vec![2, 2, 0x12, 0x34]),
        (oid::SENDER_NONCE, octets(b"their nonce")),
        (oid::DATA_RETURN, octets(b"as it came")),
        (oid::REG_INFO, octets(b"for people")),
    ];
    let message = by_request_key(&data(TaggedRequest::pkcs10(1, &csr(&key, &[])), &controls), &key);
    let answer = post(&office, &Who::Code(&code), &message);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = told(&office, &answer);
    assert_eq!((told.status.status, told.status.bodies[0].path()), (Status::Success, &[1][..]));
    told.certificate_of(&office, &key);
    assert!(told.certificates.len() >= 3, "the RA's, the new one, and what leads to a root");
    // RFC 10002 sections 6.4 and 6.6.
    assert_eq!(told.control(oid::TRANSACTION_ID), Some(&[2, 2, 0x12, 0x34][..]));
    assert_eq!(told.control(oid::RECIPIENT_NONCE), Some(octets(b"their nonce").as_slice()));
    assert_eq!(told.control(oid::DATA_RETURN), Some(octets(b"as it came").as_slice()));
    assert!(told.control(oid::SENDER_NONCE).is_some_and(|ours| ours != octets(b"their nonce")));
    // DESIGN section 1 (c): what a requester sees was recorded, with the nonce that no other answer has.
    let ours = told.control(oid::SENDER_NONCE).unwrap();
    let recorded = office.column::<Vec<u8>>("SELECT octets FROM message WHERE leg = 'reply'");
    assert!(recorded.iter().any(|reply| reply.windows(ours.len()).any(|window| window == ours)));
    // DESIGN rule 2: the same again is the same certificate.
    let again = post(&office, &Who::Code(&code), &message);
    assert_eq!(again.status, 200);
    assert_eq!(office.records().count(Kind::Issued), 1);
}

#[test]
fn a_holder_asks_by_crmf_and_renews() {
    let office = office();
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let holder = SoftwareSigner::load(&device_key).unwrap();
    let key = signer(&office.key("pump"));
    let crmf = |key: &SoftwareSigner| {
        let template = CertTemplateDraft::new(subject(), key.public_key().clone());
        TaggedRequest::crmf(&done(crmf::sign(&crmf::request(7, &template), key)).unwrap()).unwrap()
    };
    let message = by_holder(&data(crmf(&key), &[]), &device, &holder);
    let answer = post(&office, &Who::Holder(&device, &device_key), &message);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told_first = told(&office, &answer);
    assert_eq!(told_first.status.bodies[0].path(), [7]);
    let first = office.keep("first", &told_first.certificate_of(&office, &key));
    // Nothing but the signature tells who it is.
    let next = signer(&office.key("next"));
    let renewal = by_holder(&data(crmf(&next), &[]), &first, &key);
    let answer = post(&office, &Who::Nobody, &renewal);
    assert_eq!(answer.status, 200, "{}", answer.text());
    told(&office, &answer).certificate_of(&office, &next);
    assert_eq!(office.cases()[0]["kind"], "rekey");
    assert_eq!(office.records().count(Kind::Issued), 2);
}

/// Controls that prove a code's secret over these requests, and the link to them.
fn proof(request: &TaggedRequest, code: &Code, secret: &str) -> Vec<(certs::ObjectIdentifier, Vec<u8>)> {
    let requests = data(request.clone(), &[]).requests_der();
    vec![
        (oid::IDENTIFICATION, utf8(&code.reference)),
        (oid::IDENTITY_PROOF_V2, IdentityProofV2::compute(&requests, Some(&code.reference), secret.as_bytes())),
        (oid::POP_LINK_RANDOM, octets(b"a random value")),
    ]
}

#[test]
fn a_code_is_proven_without_being_shown() {
    let office = office();
    let code = office.one_time_code();
    let key = signer(&office.key("pump"));
    let linked = |secret: &str| {
        let witness = pop_link_witness(b"a random value", secret.as_bytes());
        TaggedRequest::pkcs10(1, &csr(&key, &[(oid::POP_LINK_WITNESS_V2, witness)]))
    };
    let good = linked(&code.secret);
    for (request, secret, failure) in [
        (&good, "wrong", FailInfo::BAD_IDENTITY),
        // RFC 10002 section 6.3.1: who it is was proven, but not that the key is its own.
        (&linked("wrong"), code.secret.as_str(), FailInfo::POP_FAILED),
    ] {
        let message = by_request_key(&data(request.clone(), &proof(request, &code, secret)), &key);
        let answer = post(&office, &Who::Nobody, &message);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(told(&office, &answer).failure(), Some(failure));
    }
    assert_eq!(office.leaves("authentication_failed"), 2);
    // A proof over other requests than these.
    let other = signer(&office.key("other"));
    let moved = TaggedRequest::pkcs10(1, &csr(&other, &[]));
    let mut controls = proof(&good, &code, &code.secret);
    controls.pop();
    let answer = post(&office, &Who::Nobody, &by_request_key(&data(moved, &controls), &other));
    assert_eq!(told(&office, &answer).failure(), Some(FailInfo::BAD_IDENTITY));
    let message = by_request_key(&data(good.clone(), &proof(&good, &code, &code.secret)), &key);
    // Of two ways to show codes one would be left aside.
    let twice = post(&office, &Who::Code(&office.code()), &message);
    assert_eq!((twice.status, told(&office, &twice).failure()), (400, Some(FailInfo::BAD_REQUEST)));
    assert_eq!(office.records().count(Kind::Received), 0);
    let answer = post(&office, &Who::Nobody, &message);
    assert_eq!(answer.status, 200, "{}", answer.text());
    told(&office, &answer).certificate_of(&office, &key);
}

#[test]
fn who_waits_asks_by_its_token() {
    let office = office_with(|settings| {
        settings.default_profile().insert("approval".into(), "by-hand".into());
    });
    let (code, stranger) = (office.code(), office.code());
    let key = signer(&office.key("pump"));
    let message = by_request_key(&data(TaggedRequest::pkcs10(1, &csr(&key, &[])), &[]), &key);
    let before = Office::now();
    let answer = post(&office, &Who::Code(&code), &message);
    assert_eq!((answer.status, answer.header("Retry-After").is_some()), (202, true), "{}", answer.text());
    let pending = told(&office, &answer).status;
    let (Status::Pending, Some(OtherInfo::Pend { token, time })) = (pending.status, pending.other) else {
        panic!("not pending")
    };
    assert!(time > before);
    let query = |token: &[u8]| {
        let controls = vec![TaggedAttribute::new(5, oid::QUERY_PENDING, octets(token))];
        PkiData { controls, requests: Vec::new(), messages: Vec::new(), others: Vec::new() }
    };
    // A query is signed, too: by a certificate, as there is no request whose key could.
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let holder = SoftwareSigner::load(&device_key).unwrap();
    let asked = |who: &Who<'_>, token: &[u8]| post(&office, who, &by_holder(&query(token), &device, &holder));
    // Of others nothing is told, nor of what there is not.
    for (who, token) in [
        (Who::Code(&stranger), token.as_slice()),
        (Who::Holder(&device, &device_key), &token),
        (Who::Holder(&device, &device_key), b"x"),
    ] {
        let answer = asked(&who, token);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
    // Its own way is to send the request again.
    assert_eq!(post(&office, &Who::Code(&code), &message).status, 202);
    office.told(&["case", "approve", &office.only_id(), "--officer", "anna"]);
    office.until("the certificate", || post(&office, &Who::Code(&code), &message).status == 200);
    assert_eq!(office.case_count(), 1);
}

#[test]
fn a_holder_queries_what_became_of_its_request() {
    let office = office_with(|settings| {
        settings.default_profile().insert("approval".into(), "by-hand".into());
    });
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let (who, holder) = (Who::Holder(&device, &device_key), SoftwareSigner::load(&device_key).unwrap());
    let key = signer(&office.key("pump"));
    let request = data(TaggedRequest::pkcs10(1, &csr(&key, &[])), &[]);
    let answer = post(&office, &who, &by_holder(&request, &device, &holder));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let first = told(&office, &answer).status.other;
    let Some(OtherInfo::Pend { token, .. }) = first.clone() else { panic!("not pending") };
    let controls = vec![
        TaggedAttribute::new(5, oid::QUERY_PENDING, octets(&token)),
        TaggedAttribute::new(6, oid::SENDER_NONCE, octets(b"n")),
    ];
    let query = PkiData { controls, requests: Vec::new(), messages: Vec::new(), others: Vec::new() };
    let query = || post(&office, &who, &by_holder(&query, &device, &holder));
    // A second later than the first answer was.
    let asked = std::time::Instant::now();
    office.until("another second", || asked.elapsed().as_millis() > 1100);
    let waiting = query();
    assert_eq!(waiting.status, 202, "{}", waiting.text());
    assert_eq!(told(&office, &waiting).status.other, first, "RFC 10002 section 6.13");
    office.told(&["case", "approve", &office.only_id(), "--officer", "anna"]);
    let mut answer = query();
    office.until("the certificate", || {
        answer = query();
        answer.status == 200
    });
    let told = told(&office, &answer);
    assert_eq!(told.status.bodies[0].path(), [5]);
    told.certificate_of(&office, &key);
}

#[test]
fn a_holder_has_its_certificate_revoked_and_nobody_elses() {
    let office = office();
    let (key, pem) = office.enrolled("pump", "/CN=pump.plant.example", &office.code());
    let (other_key, other) = office.enrolled("valve", "/CN=valve.plant.example", &office.code());
    let (pump, valve) = (office.keep("pump", &pem), office.keep("valve", &other));
    let revocation = |pem: &str, passphrase: Option<Vec<u8>>| {
        let found = Certificate::parse_pem(pem.as_bytes()).unwrap().remove(0);
        let certificate = IssuerAndSerial { issuer: found.issuer().clone(), serial: found.serial().to_vec() };
        let revoke = RevokeRequest { certificate, reason: 4, invalidity: None, passphrase, comment: None };
        let controls = vec![TaggedAttribute::new(9, oid::REVOKE_REQUEST, revoke.encode())];
        PkiData { controls, requests: Vec::new(), messages: Vec::new(), others: Vec::new() }
    };
    let who = Who::Holder(&pump, &key.0);
    let asked = |data: &PkiData| post(&office, &who, &by_holder(data, &pump, &signer(&key)));
    let foreign = asked(&revocation(&other, None));
    assert_eq!(foreign.status, 403, "{}", foreign.text());
    assert_eq!(told(&office, &foreign).failure(), Some(FailInfo::BAD_CERT_ID));
    let secret = asked(&revocation(&pem, Some(b"secret".to_vec())));
    assert_eq!(told(&office, &secret).failure(), Some(FailInfo::BAD_REQUEST));
    assert_eq!(office.records().count(Kind::Revoked), 0);
    let answer = asked(&revocation(&pem, None));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told_so = told(&office, &answer).status;
    assert_eq!((told_so.status, told_so.bodies[0].path()), (Status::Success, &[9][..]));
    assert_eq!(office.records().count(Kind::Revoked), 1);
    // It proves nobody any more.
    let again =
        post(&office, &Who::Holder(&valve, &other_key.0), &by_holder(&revocation(&other, None), &pump, &signer(&key)));
    assert!((400..500).contains(&again.status), "{}", again.status);
    assert_eq!(office.records().count(Kind::Revoked), 1);
}

#[test]
fn who_signs_is_who_sends() {
    let office = office();
    let code = office.code();
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let holder = SoftwareSigner::load(&device_key).unwrap();
    let key = signer(&office.key("pump"));
    let message = by_holder(&data(TaggedRequest::pkcs10(1, &csr(&key, &[])), &[]), &device, &holder);
    let answer = post(&office, &Who::Code(&code), &message);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(told(&office, &answer).failure(), Some(FailInfo::BAD_IDENTITY));
    // Nobody at all: the key that is to be certified identifies nobody.
    let nobody = by_request_key(&data(TaggedRequest::pkcs10(1, &csr(&key, &[])), &[]), &key);
    let answer = post(&office, &Who::Nobody, &nobody);
    assert_eq!((answer.status, answer.body.len()), (401, 0));
    // By its signature alone the device is known.
    assert_eq!(post(&office, &Who::Nobody, &message).status, 200);
}

#[test]
fn a_message_that_only_its_signature_vouches_for_is_taken_once() {
    let office = office();
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let holder = SoftwareSigner::load(&device_key).unwrap();
    let key = signer(&office.key("pump"));
    let signed = |nonce: &[u8]| {
        let request = TaggedRequest::pkcs10(1, &csr(&key, &[]));
        by_holder(&data(request, &[(oid::SENDER_NONCE, octets(nonce))]), &device, &holder)
    };
    let (first, second) = (signed(b"first"), signed(b"second"));
    let answer = post(&office, &Who::Nobody, &first);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pem = told(&office, &answer).certificate_of(&office, &key);
    // DESIGN rule 2: whoever lost the answer asks again, with the same message or with one like it.
    for message in [&first, &second, &second] {
        let answer = post(&office, &Who::Nobody, message);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(told(&office, &answer).certificate_of(&office, &key), pem);
    }
    let pump = office.keep("pump", &pem);
    let found = Certificate::parse_pem(pem.as_bytes()).unwrap().remove(0);
    let certificate = IssuerAndSerial { issuer: found.issuer().clone(), serial: found.serial().to_vec() };
    let revoke = RevokeRequest { certificate, reason: 1, invalidity: None, passphrase: None, comment: None };
    let controls = vec![TaggedAttribute::new(9, oid::REVOKE_REQUEST, revoke.encode())];
    let revocation = PkiData { controls, requests: Vec::new(), messages: Vec::new(), others: Vec::new() };
    assert_eq!(post(&office, &Who::Nobody, &by_holder(&revocation, &pump, &key)).status, 200);
    // Whoever kept one of them has no new certificate for a key that was compromised.
    for message in [&first, &second] {
        let answer = post(&office, &Who::Nobody, message);
        assert_eq!((answer.status, told(&office, &answer).failure()), (400, Some(FailInfo::BAD_REQUEST)));
    }
    assert_eq!(office.records().count(Kind::Issued), 1);
    assert_eq!(post(&office, &Who::Nobody, &signed(b"third")).status, 200);
    assert_eq!(office.records().count(Kind::Issued), 2);
}

#[test]
fn certificate_and_code_are_shown_by_tls_and_by_a_proof() {
    let office = office_with(|settings| {
        settings.default_profile().insert("enrol_needs".into(), "certificate-and-code".into());
    });
    let code = office.one_time_code();
    let (device, device_key) = (office.pki("device.pem"), office.pki("device.key"));
    let holder = SoftwareSigner::load(&device_key).unwrap();
    let key = signer(&office.key("pump"));
    let witness = pop_link_witness(b"a random value", code.secret.as_bytes());
    let request = TaggedRequest::pkcs10(1, &csr(&key, &[(oid::POP_LINK_WITNESS_V2, witness)]));
    let with = |controls: &[(certs::ObjectIdentifier, Vec<u8>)]| {
        let message = by_holder(&data(request.clone(), controls), &device, &holder);
        post(&office, &Who::Holder(&device, &device_key), &message)
    };
    assert!((400..500).contains(&with(&[]).status));
    assert_eq!(office.records().count(Kind::Received), 0);
    let answer = with(&proof(&request, &code, &code.secret));
    assert_eq!(answer.status, 200, "{}", answer.text());
    told(&office, &answer).certificate_of(&office, &key);
}

#[test]
fn cmc_is_spoken_only_where_a_profile_says_so() {
    let office = Office::open();
    let code = office.code();
    assert_eq!(post(&office, &Who::Code(&code), &[0x30, 0]).status, 501);
    let office = self::office();
    let code = office.code();
    let words = ["-H", "Content-Type: application/pkcs10"];
    assert_eq!(office.est_with("fullcmc", &Who::Code(&code), b"MAA=", &words).status, 415);
    assert_eq!(office.est_get("fullcmc", &[]).status, 405);
}
