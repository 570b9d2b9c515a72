//! What kinds of request there are (RFC 9483 sections 4 and 5).

use crate::body::{Body, BodyKind};
use crate::confirm::CertStatus;
use crate::crmf::{CertReqMessages, CertReqMsg};
use crate::fault::Fault;
use crate::header::InfoTypeAndValue;
use crate::message::Message;
use crate::revocation::RevDetails;
use crate::status::FailureInfo;

/// A request of the right shape.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// ir, cr or kur.
    Enrol {
        /// Which of them.
        kind: BodyKind,
        /// Its one CertReqMsg.
        request: &'a CertReqMsg,
    },
    /// p10cr: the PKCS#10 request (DER).
    Pkcs10(&'a [u8]),
    /// rr: its one RevDetails.
    Revoke(&'a RevDetails),
    /// certConf.
    Confirm(&'a [CertStatus]),
    /// pollReq: the certReqId.
    Poll(i64),
    /// genm: its one question, or none.
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
    match body {
        Body::Ir(all) | Body::Cr(all) | Body::Kur(all) => {
            Ok(Operation::Enrol { kind: body.kind(), request: check_request(all)? })
        }
        Body::P10cr(csr) => Ok(Operation::Pkcs10(csr)),
        Body::Rr(all) => match all.0.as_slice() {
            // RFC 9483 section 4.2: exactly one RevDetails, which names issuer and serialNumber.
            [details] => details.certificate().map(|_| Operation::Revoke(details)),
            all => Err(Fault::request(format!("rr has {} entries; send exactly one", all.len()))),
        },
        Body::CertConf(statuses) => Ok(Operation::Confirm(statuses)),
        Body::PollReq(ids) => match ids.as_slice() {
            [id] => Ok(Operation::Poll(*id)),
            ids => Err(Fault::request(format!("pollReq has {} entries; send exactly one", ids.len()))),
        },
        Body::Genm(infos) => match infos.as_slice() {
            // RFC 9810 section 5.3.19: an empty genm asks for anything we have.
            [] => Ok(Operation::Support(None)),
            [info] => Ok(Operation::Support(Some(info))),
            infos => Err(Fault::request(format!("genm has {} entries; send exactly one", infos.len()))),
        },
        Body::Nested(messages) if messages.is_empty() => {
            Err(Fault::request("nested has no message in it"))
        }
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
    template.key()?;
    // RFC 9483 section 4.1.1: popo is REQUIRED with a public key.
    if request.popo.is_none() {
        return Err(Fault::new(
            FailureInfo::BAD_POP,
            "the request has no proof of possession; sign it with the new key",
        ));
    }
    Ok(request)
}
