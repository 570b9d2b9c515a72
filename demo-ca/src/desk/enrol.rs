use certs::{Csr, Millis};
use cmp::server::Operation;
use cmp::{BodyKind, CertRepMessage, CertReqMsg, CertResponse, FailureInfo, InfoTypeAndValue, Message, StatusInfo};

use super::Desk;
use super::admission::not_authorized;
use super::visit::{Done, Trouble, Visit, Words};
use crate::authority::{self, Granted, Wanted};
use crate::records::{Kind, Pop, Record};

impl Desk {
    /// ir, cr, kur and p10cr. `request` is the message that asks; when it had to wait, the visit is the last pollReq.
    pub(super) async fn enrol(
        &self,
        visit: &Visit<'_>,
        request: &Message,
        operation: Operation<'_>,
    ) -> Result<Done, Trouble> {
        let (wanted, pop) = match operation {
            Operation::Pkcs10(csr) => (read_csr(csr)?, Pop::Verified),
            Operation::Enrol { kind, request } => self.read_request(visit, kind, request)?,
            _ => return Err(cmp::Fault::request("this asks for no certificate").into()),
        };
        visit.check_holder(&wanted)?;
        let granted = self.authority.issue(&wanted, visit.mischief.certificate.as_ref(), visit.now).await?;
        let implicit =
            request.header().implicit_confirm() && self.policy.implicit_confirm && !visit.mischief.no_implicit_confirm;
        let confirm_by = (!implicit).then(|| visit.now.plus(self.policy.confirm_wait));
        Ok(visit.issued(request.body().kind(), &granted, pop, confirm_by))
    }

    fn read_request(
        &self,
        visit: &Visit<'_>,
        kind: BodyKind,
        request: &CertReqMsg,
    ) -> Result<(Wanted, Pop), cmp::Fault> {
        let template = &request.template;
        authority::check_key(template.key()?)?;
        let pop = prove_request(request, visit.sender.is_authority())?;
        // The template's issuer is not looked at: `openssl cmp` writes the issuer of its protection certificate there.
        let wanted = Wanted::from_template(template)?;
        if kind == BodyKind::Kur {
            self.check_update(visit, request, &wanted)?;
        }
        Ok((wanted, pop))
    }
}

impl Visit<'_> {
    fn issued(&self, kind: BodyKind, granted: &Granted, pop: Pop, confirm_by: Option<Millis>) -> Done {
        let certificate = &granted.certificate;
        let status = match self.mischief.with_mods.as_ref().or(granted.modified.as_ref()) {
            Some(text) => StatusInfo::granted_with_mods(text.clone()),
            None => StatusInfo::accepted(),
        };
        let response = CertResponse::issued(cert_req_id(kind), status, certificate.der().to_vec());
        let record = Record {
            pop: Some(pop),
            serial: certificate.serial().to_vec(),
            key_print: certificate.public_key().print().as_bytes().to_vec(),
            subject: certificate.subject().to_string(),
            certificate: Some(certificate.der().to_vec()),
            not_after: Some(certificate.not_after().0),
            confirm_by: confirm_by.map(|time| time.0),
            ..self.record(Kind::Issued)
        };
        let info = confirm_by.map_or_else(InfoTypeAndValue::implicit_confirm, InfoTypeAndValue::confirm_wait_time);
        Done { record, words: Words { infos: vec![info], ..Words::from(answer(kind, response)) } }
    }
}

/// RFC 9810 section 5.2.8: a trusted RA may have checked the possession itself; RFC 9483 section 5.1.1: nobody else
/// may say raVerified.
pub(super) fn prove_request(request: &CertReqMsg, by_authority: bool) -> Result<Pop, cmp::Fault> {
    match (request.is_ra_verified(), by_authority) {
        (true, true) => Ok(Pop::RaVerified),
        (true, false) => Err(not_authorized("raVerified is a registration authority's word; sign with the new key")),
        (false, _) => request.prove().map(|_| Pop::Verified),
    }
}

pub(super) fn prove_csr(csr: &Csr) -> Result<(), cmp::Fault> {
    csr.prove().map(|_| ()).map_err(|fault| {
        let failure = match fault {
            certs::Fault::AlgorithmUnsupported(_) | certs::Fault::AlgorithmForbidden(_) => FailureInfo::BAD_ALG,
            _ => FailureInfo::BAD_POP,
        };
        cmp::Fault::new(failure, format!("proof of possession: {fault}"))
    })
}

fn read_csr(der: &[u8]) -> Result<Wanted, cmp::Fault> {
    let csr = Csr::parse(der).map_err(|fault| match fault {
        certs::Fault::KeyUnsupported(_) => cmp::Fault::new(FailureInfo::BAD_CERT_TEMPLATE, fault.to_string()),
        fault => fault.into(),
    })?;
    authority::check_key(csr.public_key())?;
    prove_csr(&csr)?;
    Ok(Wanted::from_csr(&csr))
}

/// RFC 9810 section 5.3.4: -1 for a p10cr; RFC 9483 section 4.1.1: 0 for all others.
pub(super) fn cert_req_id(kind: BodyKind) -> i64 {
    if kind == BodyKind::P10cr { -1 } else { 0 }
}

pub(super) fn answer(kind: BodyKind, response: CertResponse) -> Vec<u8> {
    let content = CertRepMessage::one(response);
    match kind {
        BodyKind::Ir => cmp::body::ip(&content),
        BodyKind::Kur => cmp::body::kup(&content),
        _ => cmp::body::cp(&content),
    }
}
