use certs::{Csr, Millis};
use cmp::server::{self, Operation};
use cmp::{BodyKind, CertRepMessage, CertReqMsg, CertResponse, FailureInfo, InfoTypeAndValue, Message, StatusInfo};

use super::{Desk, Done, Trouble, Visit};
use crate::authority::{self, Granted, Wanted};
use crate::mischief::Waiting;
use crate::records::{Kind, Record, Stage};

impl Desk {
    /// ir, cr, kur and p10cr. `request` is the message that asks; when it had to wait, the visit is the last pollReq.
    pub(super) async fn enrol(
        &self,
        visit: &Visit<'_>,
        request: &Message,
        operation: Operation<'_>,
    ) -> Result<Done, Trouble> {
        let wanted = match operation {
            Operation::Pkcs10(csr) => read_csr(csr)?,
            Operation::Enrol { kind, request } => self.read_request(kind, request)?,
            _ => return Err(cmp::Fault::request("this asks for no certificate").into()),
        };
        let granted = self.authority.issue(&wanted, visit.mischief.certificate.as_ref(), visit.now).await?;
        let implicit =
            request.header().implicit_confirm() && self.policy.implicit_confirm && !visit.mischief.no_implicit_confirm;
        Ok(visit.issued(request.body().kind(), &granted, (!implicit).then(|| visit.now.plus(self.policy.confirm_wait))))
    }

    /// pollReq: the requester is told to wait a little more, or gets what he waited for.
    pub(super) async fn poll(&self, visit: &Visit<'_>, cert_req_id: i64) -> Result<Done, Trouble> {
        let stage = visit.transaction.as_ref().map(|known| known.stage.clone());
        let Some(Stage::Held { request, polls_left, check_after }) = stage else {
            return Err(cmp::Fault::request("nothing is waited for in this transaction").into());
        };
        if let Some(left) = polls_left.checked_sub(1) {
            let record = Record {
                held: Some(request),
                polls_left: Some(left),
                check_after: Some(check_after),
                ..visit.record(Kind::Waiting)
            };
            let entry = cmp::PollRep { cert_req_id, check_after, reason: Vec::new() };
            return Ok(Done { record, body: cmp::body::poll_rep(&[entry]), infos: Vec::new() });
        }
        let request = Message::parse(&request, &cmp::Limits::default()).map_err(|unreadable| unreadable.fault)?;
        let operation = server::check_shape(&request)?;
        self.fulfil(visit, &request, operation).await
    }

    fn read_request(&self, kind: BodyKind, request: &CertReqMsg) -> Result<Wanted, cmp::Fault> {
        let template = &request.template;
        authority::check_key(template.key()?)?;
        // RFC 9810 section 5.2.8: a trusted RA may have checked the possession itself.
        if !request.is_ra_verified() {
            request.prove()?;
        }
        // The template's issuer is not looked at: `openssl cmp` writes the issuer of its protection certificate there.
        if kind == BodyKind::Kur {
            self.check_old(request)?;
        }
        Wanted::from_template(template)
    }

    /// RFC 9483 section 4.1.3: a kur may name the certificate to be updated.
    fn check_old(&self, request: &CertReqMsg) -> Result<(), cmp::Fault> {
        let Some((issuer, serial)) = request.old_cert_id()? else {
            return Ok(());
        };
        let ledger = self.records.ledger();
        if !issuer.matches(self.authority.certificate().subject()) || !ledger.is_issued(&serial) {
            return Err(cmp::Fault::new(FailureInfo::BAD_CERT_ID, "oldCertId: no such certificate was issued here"));
        }
        if ledger.revocation(&serial).is_some() {
            return Err(cmp::Fault::new(FailureInfo::CERT_REVOKED, "oldCertId: the certificate has been revoked"));
        }
        Ok(())
    }
}

impl Visit<'_> {
    /// Keeps the request and lets the requester poll (RFC 9483 section 4.4).
    pub(super) fn hold(&self, waiting: &Waiting) -> Done {
        let kind = self.message.body().kind();
        let body = if kind.is_enrolment() {
            answer(kind, CertResponse::waiting(cert_req_id(kind)))
        } else {
            cmp::body::error(&cmp::status::ErrorMsgContent::from(StatusInfo::waiting()))
        };
        let record = Record {
            held: Some(self.message.der().to_vec()),
            polls_left: Some(waiting.polls),
            check_after: Some(waiting.check_after),
            ..self.record(Kind::Waiting)
        };
        Done { record, body, infos: Vec::new() }
    }

    fn issued(&self, kind: BodyKind, granted: &Granted, confirm_by: Option<Millis>) -> Done {
        let certificate = &granted.certificate;
        let status = match &granted.modified {
            Some(text) => StatusInfo::granted_with_mods(text.clone()),
            None => StatusInfo::accepted(),
        };
        let response = CertResponse::issued(cert_req_id(kind), status, certificate.der().to_vec());
        let record = Record {
            serial: certificate.serial().to_vec(),
            key_print: certificate.public_key().print().as_bytes().to_vec(),
            subject: certificate.subject().to_string(),
            certificate: Some(certificate.der().to_vec()),
            confirm_by: confirm_by.map(|time| time.0),
            ..self.record(Kind::Issued)
        };
        let info = confirm_by.map_or_else(InfoTypeAndValue::implicit_confirm, InfoTypeAndValue::confirm_wait_time);
        Done { record, body: answer(kind, response), infos: vec![info] }
    }
}

fn read_csr(der: &[u8]) -> Result<Wanted, cmp::Fault> {
    let csr = Csr::parse(der).map_err(|fault| match fault {
        certs::Fault::KeyUnsupported(_) => cmp::Fault::new(FailureInfo::BAD_CERT_TEMPLATE, fault.to_string()),
        fault => fault.into(),
    })?;
    authority::check_key(csr.public_key())?;
    csr.prove().map_err(|fault| {
        let failure = match fault {
            certs::Fault::AlgorithmUnsupported(_) | certs::Fault::AlgorithmForbidden(_) => FailureInfo::BAD_ALG,
            _ => FailureInfo::BAD_POP,
        };
        cmp::Fault::new(failure, format!("proof of possession: {fault}"))
    })?;
    Ok(Wanted::from_csr(&csr))
}

/// RFC 9810 section 5.3.4: -1 for a p10cr; RFC 9483 section 4.1.1: 0 for all others.
fn cert_req_id(kind: BodyKind) -> i64 {
    if kind == BodyKind::P10cr { -1 } else { 0 }
}

fn answer(kind: BodyKind, response: CertResponse) -> Vec<u8> {
    let content = CertRepMessage::one(response);
    match kind {
        BodyKind::Ir => cmp::body::ip(&content),
        BodyKind::Kur => cmp::body::kup(&content),
        _ => cmp::body::cp(&content),
    }
}
