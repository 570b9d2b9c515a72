//! Vouching for a proof of possession (RFC 9483 section 5.2.3.2, RFC 9810 section 5.2.8.4).

use certs::{ProvenKey, PublicKey};
use der::Tag;

use crate::asn1::{self, Element, Fields};
use crate::body::{self, Body, BodyKind};
use crate::crmf::{CertReqMessages, CertReqMsg, CertTemplate, Popo};
use crate::fault::Fault;
use crate::message::Message;
use crate::status::FailureInfo;

/// Why we may say that the requester has the private key.
#[derive(Clone, Copy, Debug)]
pub enum Possession<'a> {
    /// We have verified it ourselves: [`CertReqMsg::prove`].
    Proven(&'a ProvenKey),
    /// An RA below us, whom the caller trusts to say so, has sent raVerified.
    Vouched,
}

/// The body of an ir or cr with the popo raVerified: for a changed template (DER), or for a proof
/// that got lost on the way. Without a changed template the `CertRequest` stays byte for byte, with
/// one its number and controls do; regInfo stays.
///
/// RFC 9810 section 5.2.8.4: only if the proof is really broken; else leave the body as it is.
///
/// # Errors
/// badRequest for other kinds (RFC 9483 section 5.2.3 excludes kur, a p10cr has no popo) and for
/// central key generation; badPOP when the possession is not that of the key in the request;
/// badCertTemplate when the changed template has another key.
pub fn ra_verified(message: &Message, possession: Possession<'_>, template: Option<&[u8]>) -> Result<Vec<u8>, Fault> {
    let (kind, request) = enrolment(message)?;
    if request.template.asks_for_key() {
        return Err(Fault::request("a request for central key generation must not be changed"));
    }
    let key = request.template.key()?;
    check_possession(request, key, possession)?;
    let changed = template.map(|template| change(request, key, template)).transpose()?;
    Ok(body::requests(kind, &[&request.vouched_as(changed.as_deref())]))
}

impl CertReqMsg {
    /// This `CertReqMsg` (DER) with the popo raVerified; the caller has verified the proof. The `CertRequest` and regInfo
    /// stay byte for byte.
    #[must_use]
    pub fn vouched(&self) -> Vec<u8> {
        self.vouched_as(None)
    }

    /// This request as the one of a message of ours, with certReqId 0 (RFC 9483 section 4.1.1): a request of CMC has the number of its
    /// body part there (RFC 10002 section 3.2.2), which its own proof covers. So raVerified stands in place of the proof, which the caller
    /// has verified; template and controls stay byte for byte.
    ///
    /// # Errors
    /// badDataFormat when it cannot be read again.
    pub fn vouched_alone(&self) -> Result<Vec<u8>, Fault> {
        let mut parts = Element::only(&self.cert_req_der, "CertRequest")?.sequence("CertRequest")?;
        parts.required()?;
        let template = parts.required()?.der;
        let controls = parts.optional(Tag::Sequence)?.map(|controls| controls.der).unwrap_or_default();
        let cert_request = asn1::sequence(&[&asn1::integer(0), template, controls]);
        Ok(self.vouched_as(Some(&cert_request)))
    }

    fn vouched_as(&self, changed: Option<&[u8]>) -> Vec<u8> {
        let cert_request = changed.unwrap_or(&self.cert_req_der);
        asn1::sequence(&[cert_request, &Popo::RaVerified.encode(), reg_info(self).unwrap_or_default()])
    }
}

/// The one request of an ir or cr.
fn enrolment(message: &Message) -> Result<(BodyKind, &CertReqMsg), Fault> {
    let kind = message.body().kind();
    let (Body::Ir(CertReqMessages(all)) | Body::Cr(CertReqMessages(all))) = message.body() else {
        return Err(Fault::request(format!("raVerified belongs into ir and cr only, not into {kind}")));
    };
    match all.as_slice() {
        [request] => Ok((kind, request)),
        all => Err(Fault::request(format!("{} certificate requests; send exactly one", all.len()))),
    }
}

/// RFC 9483 section 5.2.3.2: "MUST verify the proof-of-possession contained in the original
/// message using the included public key".
fn check_possession(request: &CertReqMsg, key: &PublicKey, possession: Possession<'_>) -> Result<(), Fault> {
    let fits = match possession {
        Possession::Proven(proven) => proven.print() == key.print(),
        Possession::Vouched => request.is_ra_verified(),
    };
    if fits { Ok(()) } else { Err(Fault::new(FailureInfo::BAD_POP, "nobody has verified the proof of possession")) }
}

/// The `CertRequest` with another template.
fn change(request: &CertReqMsg, key: &PublicKey, template: &[u8]) -> Result<Vec<u8>, Fault> {
    if CertTemplate::read(template)?.key()?.print() != key.print() {
        return Err(Fault::new(FailureInfo::BAD_CERT_TEMPLATE, "the changed template has another public key"));
    }
    let mut parts = Fields::sequence(&request.cert_req_der, "CertRequest")?;
    let number = parts.required()?.der;
    parts.required()?;
    Ok(asn1::sequence(&[number, template, parts.rest()]))
}

/// regInfo as received, with its tag.
fn reg_info(request: &CertReqMsg) -> Result<&[u8], Fault> {
    let mut fields = Fields::sequence(&request.der, "CertReqMsg")?;
    fields.required()?;
    fields.optional_context()?;
    Ok(fields.rest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crmf::{self, CertTemplateDraft, Control};
    use crate::sample::{self, Key, name};
    use certs::Signer;

    fn template(key: &Key, subject: &str) -> CertTemplateDraft {
        CertTemplateDraft::new(name(subject), key.public_key().clone())
    }

    /// A cr with a control and regInfo, and the key it proves.
    fn cr(key: &Key) -> (Message, ProvenKey) {
        let controls = [Control::old_cert_id(&name("CN=authority"), &[9])];
        let request = crmf::request_with(0, &template(key, "CN=device"), &controls);
        let signed = sample::wait(crmf::sign(&request, key)).unwrap();
        let reg_info = asn1::sequence(&[&asn1::sequence(&[&[6, 3, 0x2A, 3, 4], &asn1::NULL])]);
        let mut fields = Fields::sequence(&signed, "test").unwrap();
        let parts = [fields.required().unwrap().der, fields.required().unwrap().der, &reg_info];
        let message = sample::message(body::cr(&asn1::sequence(&parts)));
        let proven = enrolment(&message).unwrap().1.prove().unwrap();
        (message, proven)
    }

    fn failure(message: &Message, possession: Possession<'_>, template: Option<&[u8]>) -> Option<FailureInfo> {
        ra_verified(message, possession, template).err().map(|fault| fault.failure)
    }

    #[test]
    fn all_but_the_proof_stays() {
        let (message, proven) = cr(&Key::new());
        let vouched = sample::message(ra_verified(&message, Possession::Proven(&proven), None).unwrap());
        let (kind, before) = enrolment(&message).unwrap();
        let (_, after) = enrolment(&vouched).unwrap();
        assert_eq!(vouched.body().kind(), kind);
        assert_eq!(after.cert_req_der, before.cert_req_der);
        assert_eq!(after.reg_info, before.reg_info);
        assert_eq!(after.reg_info.len(), 1);
        assert_eq!(after.popo, Some(Popo::RaVerified));
    }

    #[test]
    fn a_template_can_be_changed_but_for_its_key() {
        let key = Key::new();
        let (message, proven) = cr(&key);
        let changed = template(&key, "CN=other").encode();
        let vouched = sample::message(ra_verified(&message, Possession::Proven(&proven), Some(&changed)).unwrap());
        let (_, after) = enrolment(&vouched).unwrap();
        assert_eq!(after.template.der, changed);
        assert_eq!(after.controls, enrolment(&message).unwrap().1.controls);
        let stolen = template(&Key::new(), "CN=other").encode();
        let failure = failure(&message, Possession::Proven(&proven), Some(&stolen));
        assert_eq!(failure, Some(FailureInfo::BAD_CERT_TEMPLATE));
    }

    #[test]
    fn only_a_verified_proof_is_vouched_for() {
        let (message, proven) = cr(&Key::new());
        let bad = Some(FailureInfo::BAD_POP);
        assert_eq!(failure(&message, Possession::Vouched, None), bad);
        let (other, _) = cr(&Key::new());
        assert_eq!(failure(&other, Possession::Proven(&proven), None), bad);
        let vouched = sample::message(ra_verified(&message, Possession::Proven(&proven), None).unwrap());
        assert_eq!(failure(&vouched, Possession::Vouched, None), None);
    }

    #[test]
    fn other_requests_are_not_vouched_for() {
        let key = Key::new();
        let (_, proven) = cr(&key);
        let bad = Some(FailureInfo::BAD_REQUEST);
        let check = |body| failure(&sample::message(body), Possession::Proven(&proven), None);
        assert_eq!(check(body::kur(&sample::request(&key))), bad);
        assert_eq!(check(body::p10cr(&asn1::sequence(&[]))), bad);
        let request = sample::request(&key);
        assert_eq!(check(body::requests(BodyKind::Cr, &[&request, &request])), bad);
        let keyless = CertTemplateDraft { public_key: None, ..template(&key, "CN=device") };
        assert_eq!(check(body::cr(&crmf::message(&crmf::request(0, &keyless), None))), bad);
        assert_eq!(check(body::ir(&request)), None);
    }
}
