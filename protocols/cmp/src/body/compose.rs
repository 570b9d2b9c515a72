//! The encoders of what we send; each gives the body's DER with its tag.

use super::BodyKind;
use crate::asn1;
use crate::confirm::{CertStatus, PollRep};
use crate::header::InfoTypeAndValue;
use crate::response::CertRepMessage;
use crate::revocation::RevRepContent;
use crate::status::ErrorMsgContent;

/// ir from the DER of its `CertReqMsg`, see [`crate::crmf::message`].
#[must_use]
pub fn ir(request: &[u8]) -> Vec<u8> {
    requests(BodyKind::Ir, &[request])
}

/// cr from the DER of its `CertReqMsg`.
#[must_use]
pub fn cr(request: &[u8]) -> Vec<u8> {
    requests(BodyKind::Cr, &[request])
}

/// kur from the DER of its `CertReqMsg`.
#[must_use]
pub fn kur(request: &[u8]) -> Vec<u8> {
    requests(BodyKind::Kur, &[request])
}

/// ir, cr or kur from the DER of each `CertReqMsg`, byte for byte.
#[must_use]
pub fn requests(kind: BodyKind, requests: &[&[u8]]) -> Vec<u8> {
    wrap(kind, &asn1::sequence_of(requests))
}

/// p10cr from a PKCS#10 request (DER).
#[must_use]
pub fn p10cr(csr: &[u8]) -> Vec<u8> {
    wrap(BodyKind::P10cr, csr)
}

/// ip
#[must_use]
pub fn ip(content: &CertRepMessage) -> Vec<u8> {
    answer(BodyKind::Ip, content)
}

/// cp
#[must_use]
pub fn cp(content: &CertRepMessage) -> Vec<u8> {
    answer(BodyKind::Cp, content)
}

/// kup
#[must_use]
pub fn kup(content: &CertRepMessage) -> Vec<u8> {
    answer(BodyKind::Kup, content)
}

/// ip, cp or kup.
#[must_use]
pub fn answer(kind: BodyKind, content: &CertRepMessage) -> Vec<u8> {
    wrap(kind, &content.encode())
}

/// rr from the DER of its `RevDetails`, see [`crate::revocation::RevDetails::compose`].
#[must_use]
pub fn rr(details: &[u8]) -> Vec<u8> {
    wrap(BodyKind::Rr, &asn1::sequence(&[details]))
}

/// rp
#[must_use]
pub fn rp(content: &RevRepContent) -> Vec<u8> {
    wrap(BodyKind::Rp, &content.encode())
}

/// pkiconf
#[must_use]
pub fn pki_conf() -> Vec<u8> {
    wrap(BodyKind::PkiConf, &asn1::NULL)
}

/// nested, from the DER of each message.
#[must_use]
pub fn nested<T: AsRef<[u8]>>(messages: &[T]) -> Vec<u8> {
    wrap(BodyKind::Nested, &asn1::sequence_of(messages))
}

/// genm
#[must_use]
pub fn genm(infos: &[InfoTypeAndValue]) -> Vec<u8> {
    wrap(BodyKind::Genm, &InfoTypeAndValue::encode_all(infos))
}

/// genp
#[must_use]
pub fn genp(infos: &[InfoTypeAndValue]) -> Vec<u8> {
    wrap(BodyKind::Genp, &InfoTypeAndValue::encode_all(infos))
}

/// error
#[must_use]
pub fn error(content: &ErrorMsgContent) -> Vec<u8> {
    wrap(BodyKind::Error, &content.encode())
}

/// certConf
#[must_use]
pub fn cert_conf(statuses: &[CertStatus]) -> Vec<u8> {
    wrap(BodyKind::CertConf, &asn1::sequence_of(statuses.iter().map(CertStatus::encode)))
}

/// pollReq
#[must_use]
pub fn poll_req(cert_req_ids: &[i64]) -> Vec<u8> {
    let entries = cert_req_ids.iter().map(|id| asn1::sequence(&[&asn1::integer(*id)]));
    wrap(BodyKind::PollReq, &asn1::sequence_of(entries))
}

/// pollRep
#[must_use]
pub fn poll_rep(entries: &[PollRep]) -> Vec<u8> {
    wrap(BodyKind::PollRep, &asn1::sequence_of(entries.iter().map(PollRep::encode)))
}

/// All tags of `PKIBody` are EXPLICIT and below 31.
pub(super) fn wrap(kind: BodyKind, content: &[u8]) -> Vec<u8> {
    asn1::context(kind.tag(), &[content])
}
