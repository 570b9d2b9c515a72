//! One message, in the order of cost: shape, header, protection, who, transaction, request (RFC 9483 section 3.5).

use std::sync::Arc;

use certs::path::Purpose;
use certs::{Certificate, KeyKind, KeyUsage, PublicKey};
use cmp::server::{self, HeaderRules};
use cmp::{
    BodyKind, CertReqMsg, Draft, ErrorMsgContent, FailureInfo, Fault, Header, Limits, MacKey, Message,
    Protection as Proof, RevDetails, body,
};

use http::StatusCode;

use super::CmpDoor;
use super::answer::{Answering, fault_of_refusal};
use super::path::{Operation, check_continued, check_place, is_announcement};
use super::protector::Protection;
use crate::case::{Door, Exchange, Kind, RequestForm};
use crate::registrar::{
    Answered, CertificateRequest, Identified, Incoming, Known, MacProof, Refusal, RevocationRequest, Source,
    Transaction, without_own_rule,
};

/// A fault of the message, or a refusal of the registrar.
enum Trouble {
    Message(Fault),
    Refusal(Refusal),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Message(fault)
    }
}

impl From<certs::Fault> for Trouble {
    fn from(fault: certs::Fault) -> Self {
        Self::Message(fault.into())
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl CmpDoor {
    /// The answer to a message: always a message, and nearly always with 200 (RFC 9811 section 3.1).
    pub(super) async fn answer(
        &self,
        source: Source,
        operation: Option<&Operation>,
        octets: &[u8],
    ) -> (StatusCode, Vec<u8>) {
        let message = match Message::parse(octets, &Limits::default()) {
            Ok(message) => message,
            Err(parse) => {
                return (StatusCode::OK, self.unreadable(&source, parse.header.as_deref(), &parse.fault).await);
            }
        };
        if is_announcement(message.body().kind()) {
            return self.decline(&source, &message).await;
        }
        let mut answering = self.answering(&message);
        match self.decide(&source, operation, &message, &mut answering).await {
            Ok(answered) => (StatusCode::OK, answered.octets),
            Err(Trouble::Message(fault)) => self.turn_down(&source, &answering, &fault).await,
            Err(Trouble::Refusal(refusal)) => {
                if let Refusal::Unavailable { cause, .. } | Refusal::NotAllowed(cause) = &refusal {
                    tracing::error!(request = %source.request_id, cause, "the request is not served");
                }
                let fault = fault_of_refusal(&refusal, answering.kind);
                self.turn_down(&source, &answering, &fault).await
            }
        }
    }

    async fn decide(
        &self,
        source: &Source,
        operation: Option<&Operation>,
        message: &Message,
        answering: &mut Answering,
    ) -> Result<Answered, Trouble> {
        let header = message.header();
        let kind = message.body().kind();
        // Whatever nonce it returns is looked at once its transaction is known.
        server::check_header(header, answering.now, &HEADER_RULES, header.recip_nonce.as_deref())?;
        let proof = message.protection_kind()?;
        let source = &self.with_profile(source, message, &proof).await?;
        let who = self.identify(source, message, &proof, answering).await?;
        // After the requester is known, so that the refusal is protected with its own secret.
        server::check_integrity(&proof, kind)?;
        check_place(operation, message)?;
        let transaction = header.transaction_id.clone().unwrap_or_default();
        match self.registrar.known(&who, &transaction, message.der()).await? {
            Known::Answered(octets) => Ok(Answered { outcome: None, octets }),
            Known::InWork(exchange) => {
                answering.continue_with(&exchange);
                Ok(self.registrar.wait_again(exchange, Arc::new(answering.clone())).await?)
            }
            Known::Exchange(exchange) => {
                check_continued(operation, &exchange)?;
                self.go_on(who, exchange, message, answering).await
            }
            Known::Nothing => {
                let begun = self.begin(&who, message, answering).await;
                if !matches!(begun, Err(Trouble::Refusal(Refusal::TransactionInUse))) {
                    return begun;
                }
                // The same bytes came twice at the same time, or it is another message: the records tell now.
                match self.registrar.known(&who, &transaction, message.der()).await? {
                    Known::Answered(octets) => Ok(Answered { outcome: None, octets }),
                    Known::InWork(exchange) => {
                        answering.continue_with(&exchange);
                        Ok(self.registrar.wait_again(exchange, Arc::new(answering.clone())).await?)
                    }
                    Known::Exchange(_) | Known::Nothing => begun,
                }
            }
        }
    }

    /// RFC 9483 section 3.5: whose protection it is.
    async fn identify(
        &self,
        source: &Source,
        message: &Message,
        proof: &Proof,
        answering: &mut Answering,
    ) -> Result<Identified, Trouble> {
        match proof {
            Proof::Mac(proof) => {
                let (who, key) = self.registrar.identify_mac(source.clone(), &Shared(proof)).await?;
                answering.protection = Protection::Mac(key);
                Ok(who)
            }
            Proof::Signature(proof) => {
                let certificate = message.signer_certificate()?;
                message.check_signer(&certificate)?;
                proof.verify(certificate.public_key())?;
                // From here on the sender is known to hold the key, so that errors are worth a signature.
                answering.protection = Protection::Signature(self.protector.clone());
                let chain = chain_of(certificate, message)?;
                let who = self.registrar.identify_certificate(source.clone(), &chain, Purpose::CmpProtection).await;
                Ok(who.map_err(signer_refusal)?)
            }
            Proof::None => Err(Fault::integrity("the message is not protected").into()),
        }
    }

    /// The first message of a transaction.
    async fn begin(&self, who: &Identified, message: &Message, answering: &mut Answering) -> Result<Answered, Trouble> {
        let header = message.header();
        if matches!(answering.kind, BodyKind::CertConf | BodyKind::PollReq) {
            return Err(Refusal::NoTransaction.into());
        }
        server::check_header(header, answering.now, &HEADER_RULES, None)?;
        let profile = header.cert_profile()?;
        if profile.is_some() && profile != self.registrar.profile_name(who) {
            // cmp.md 1.1: the credential is for one profile; a certProfile that differs is badRequest.
            return Err(Fault::request("certProfile is not the profile that this path and credential are for").into());
        }
        let implicit = header.implicit_confirm();
        answering.implicit = implicit && who.profile().is_some_and(|profile| profile.implicit_confirm);
        match server::check_shape(message)? {
            server::Operation::Enrol { kind, request } => {
                let request = certificate_request(who, message, kind, request)?;
                self.registrar
                    .enrol(who, request, Arc::new(answering.clone()))
                    .await
                    .map_err(|fault| known_signer(who, fault))
            }
            server::Operation::Pkcs10(der) => {
                let request = pkcs10_request(message, der)?;
                self.registrar
                    .enrol(who, request, Arc::new(answering.clone()))
                    .await
                    .map_err(|fault| known_signer(who, fault))
            }
            server::Operation::Revoke(details) => {
                let request = revocation_request(message, details)?;
                self.registrar
                    .revoke(who, request, Arc::new(answering.clone()))
                    .await
                    .map_err(|fault| known_signer(who, fault))
            }
            server::Operation::Confirm(_) | server::Operation::Poll(_) => Err(Refusal::NoTransaction.into()),
            server::Operation::Support(_) | server::Operation::Nested(_) => {
                Err(Fault::request(format!("{} is not supported here", answering.kind)).into())
            }
        }
    }

    /// A later message of a transaction.
    async fn go_on(
        &self,
        who: Identified,
        exchange: Exchange,
        message: &Message,
        answering: &mut Answering,
    ) -> Result<Answered, Trouble> {
        let kind = message.body().kind();
        if !matches!(kind, BodyKind::CertConf | BodyKind::PollReq) {
            return Err(Refusal::TransactionInUse.into());
        }
        // RFC 9483 section 3.5: recipNonce is the senderNonce of our last message.
        server::check_header(message.header(), answering.now, &HEADER_RULES, exchange.our_nonce.as_deref())?;
        answering.continue_with(&exchange);
        let incoming = incoming(message, kind);
        match server::check_shape(message)? {
            server::Operation::Poll(_) => {
                Ok(self.registrar.poll(exchange, incoming, Arc::new(answering.clone())).await?)
            }
            server::Operation::Confirm(statuses) => {
                let unconfirmed = self.registrar.unconfirmed(exchange).await?;
                let p10 = answering.request == BodyKind::P10cr;
                let word = server::check_confirmation(statuses, unconfirmed.certificate(), p10)?;
                let rejection = match word {
                    server::Confirmation::Accepted => None,
                    server::Confirmation::Rejected { text } => Some(text),
                };
                let reply = Arc::new(answering.clone());
                Ok(self.registrar.confirm(&who, unconfirmed, incoming, rejection, reply).await?)
            }
            _ => Err(Refusal::TransactionInUse.into()),
        }
    }

    fn answering(&self, message: &Message) -> Answering {
        let kind = message.body().kind();
        Answering {
            header: message.header().clone(),
            kind,
            request: kind,
            protection: Protection::None(self.protector.clone()),
            nonce: self.registrar.nonce(),
            now: self.registrar.now(),
            implicit: false,
        }
    }

    /// A fault is recorded and answered; it changes nothing else.
    async fn turn_down(&self, source: &Source, answering: &Answering, fault: &Fault) -> (StatusCode, Vec<u8>) {
        tracing::info!(request = %source.request_id, kind = %answering.kind, %fault, "refused");
        if let Err(store) = self.registrar.note_bad_input(source, "requester", &fault.to_string()).await {
            tracing::error!(request = %source.request_id, fault = %store, "the refusal could not be recorded");
            return sent(answering.refuse(&fault_of_refusal(&store, answering.kind)).await);
        }
        sent(answering.refuse(fault).await)
    }

    /// RFC 9811 section 3.5: who does not take an announcement says so by status, with empty content.
    async fn decline(&self, source: &Source, message: &Message) -> (StatusCode, Vec<u8>) {
        let fault = format!("{}: announcements are not taken here", message.body().kind());
        tracing::info!(request = %source.request_id, fault, "refused");
        match self.registrar.note_bad_input(source, "requester", &fault).await {
            Ok(()) => (StatusCode::FORBIDDEN, Vec::new()),
            Err(store) => {
                tracing::error!(request = %source.request_id, fault = %store, "the refusal could not be recorded");
                (StatusCode::SERVICE_UNAVAILABLE, Vec::new())
            }
        }
    }

    /// What cannot be read as a message is answered without protection: nobody is known to verify it.
    async fn unreadable(&self, source: &Source, header: Option<&Header>, fault: &Fault) -> Vec<u8> {
        tracing::info!(request = %source.request_id, %fault, "not a message");
        if let Err(store) = self.registrar.note_bad_input(source, "requester", &fault.to_string()).await {
            tracing::error!(request = %source.request_id, fault = %store, "the refusal could not be recorded");
        }
        let body = body::error(&ErrorMsgContent::from(fault));
        let (name, nonce) = (self.protector.name(), self.registrar.nonce());
        match header {
            Some(header) => Draft::answering(header, &name, nonce, body).unprotected(&[]),
            None => Draft::to_nobody(&name, nonce, body).unprotected(&[]),
        }
    }
}

impl Answering {
    /// The transaction is known: its request decides the answer's kind.
    fn continue_with(&mut self, exchange: &Exchange) {
        let begun = exchange.body.and_then(|tag| BodyKind::from_tag(u32::from(tag)));
        self.request = begun.unwrap_or(self.kind);
        self.implicit = exchange.implicit;
    }
}

/// DESIGN rule 9: what should be signed and cannot be says so in HTTP, too.
fn sent((octets, protected): (Vec<u8>, bool)) -> (StatusCode, Vec<u8>) {
    (if protected { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, octets)
}

/// The MAC of a message, for the registrar to ask.
struct Shared<'a>(&'a cmp::MacProof);

impl MacProof for Shared<'_> {
    type Key = MacKey;

    fn reference(&self) -> &[u8] {
        self.0.reference()
    }

    fn verify(&self, secret: &[u8]) -> Option<MacKey> {
        self.0.verify(secret).ok()
    }
}

/// RFC 9483 section 3.5: a protection certificate that is not trusted is signerNotTrusted.
fn signer_refusal(refusal: Refusal) -> Trouble {
    match refusal {
        Refusal::NotIdentified => Trouble::Message(Fault::new(
            FailureInfo::SIGNER_NOT_TRUSTED,
            "the protection certificate leads to no trust anchor of this profile, or is not valid",
        )),
        other => Trouble::Refusal(other),
    }
}

/// A requester known by a certificate that is no longer good is a signer that is not trusted.
fn known_signer(who: &Identified, refusal: Refusal) -> Trouble {
    if who.certificate().is_some() { signer_refusal(refusal) } else { Trouble::Refusal(refusal) }
}

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

fn chain_of(certificate: Certificate, message: &Message) -> Result<Vec<Certificate>, Fault> {
    let mut chain = vec![certificate];
    for der in message.extra_certs() {
        let further = Certificate::parse(der)?;
        if further != chain[0] {
            chain.push(further);
        }
    }
    Ok(chain)
}

fn incoming(message: &Message, kind: BodyKind) -> Incoming {
    let header = message.header();
    Incoming {
        octets: message.der().to_vec(),
        transaction: Some(Transaction {
            id: header.transaction_id.clone().unwrap_or_default(),
            body: kind.tag(),
            implicit: header.implicit_confirm(),
        }),
    }
}

fn certificate_request(
    who: &Identified,
    message: &Message,
    kind: BodyKind,
    request: &CertReqMsg,
) -> Result<CertificateRequest, Fault> {
    let template = &request.template;
    check_provable(template.key()?)?;
    let proven = request.prove()?;
    let update = kind == BodyKind::Kur;
    let replaces = if update { Some(updated(who, request)?) } else { None };
    let subject = match (&template.subject, &replaces) {
        (Some(subject), _) => subject.clone(),
        _ => certs::Name::empty(),
    };
    Ok(CertificateRequest {
        door: Door::Cmp,
        message: incoming(message, kind),
        kind: if update { Kind::Rekey } else { Kind::Issue },
        form: RequestForm::Crmf,
        request: request.der.clone(),
        subject,
        alt_names: template.alt_names()?,
        public_key: template.key()?.clone(),
        proven,
        key_usage: template.key_usage()?,
        extended_key_usages: template.extended_key_usages()?,
        certification_authority: template.key_usage()?.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
            || template.extensions.iter().any(certs::Extension::is_certification_authority),
        other_extensions: without_own_rule(&template.extensions),
        not_after: template.validity.and_then(|(_, end)| end),
        replaces,
    })
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

fn pkcs10_request(message: &Message, der: &[u8]) -> Result<CertificateRequest, Fault> {
    let csr = certs::Csr::parse(der)?;
    check_provable(csr.public_key())?;
    let proven = csr.prove().map_err(|fault| Fault::new(FailureInfo::BAD_POP, fault.to_string()))?;
    Ok(CertificateRequest::of_pkcs10(&csr, proven, Door::Cmp, incoming(message, BodyKind::P10cr), None))
}

fn revocation_request(message: &Message, details: &RevDetails) -> Result<RevocationRequest, Fault> {
    let (issuer, serial) = details.certificate()?;
    Ok(RevocationRequest {
        door: Door::Cmp,
        message: incoming(message, BodyKind::Rr),
        issuer: issuer.clone(),
        serial: serial.to_vec(),
        reason: details.reason,
        request: details.der.clone(),
    })
}

/// A device without a clock leaves messageTime out; one that is off by more than five minutes is told so.
const HEADER_RULES: HeaderRules = HeaderRules { time_window: Some(300_000), time_required: false };
