//! One message, in the order of cost: shape, header, protection, who, transaction, request (RFC 9483 section 3.5).

use std::sync::{Arc, OnceLock};

use certs::algorithm::SignatureAlgorithm;
use certs::path::Purpose;
use cmp::server;
use cmp::{
    Body, BodyKind, Draft, ErrorMsgContent, FailureInfo, Fault, Header, MacKey, Message, Protection as Proof, body,
};
use http::StatusCode;

use super::CmpDoor;
use super::answer::{Answering, fault_of_refusal, polled};
use super::manner::{header_rules, limits, protector};
use super::path::{Operation, check_continued, check_place, is_announcement};
use super::protector::Protection;
use super::requests::{certificate_request, incoming, pkcs10_request, revocation_request};
use super::signer::continues;
use super::support::is_support;
use super::unwrap::{Received, Unwrapped};
use crate::case::{Exchange, Outcome};
use crate::registrar::{Answered, Identified, Known, MacProof, Refusal, Source};
use crate::rules::MessageRules;

/// A fault of the message, or a refusal of the registrar.
pub(super) enum Trouble {
    Message(Fault),
    /// A fault in the body of a request, once its header and its protection are in order.
    Body(Fault),
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
        let rules = self.registrar.message_rules(source.profile.as_deref());
        match Message::parse(octets, &limits(&rules)) {
            Ok(message) if is_announcement(message.body().kind()) => self.decline(&source, &message).await,
            Ok(message) => self.answer_message(&source, operation, &message, rules).await,
            Err(parse) => (StatusCode::OK, self.unreadable(&source, parse.header.as_deref(), &parse.fault).await),
        }
    }

    /// The answer to what can be read.
    pub(super) async fn answer_message(
        &self,
        source: &Source,
        operation: Option<&Operation>,
        message: &Message,
        rules: MessageRules,
    ) -> (StatusCode, Vec<u8>) {
        let mut answering = self.answering(message, rules);
        match self.decide(source, operation, message, &mut answering).await {
            Ok(answered) => {
                self.remember(&answering, answered.outcome.as_ref());
                (StatusCode::OK, answered.octets)
            }
            Err(Trouble::Message(fault)) => self.turn_down(source, &answering, &fault, answering.refusal(&fault)).await,
            Err(Trouble::Body(fault)) => self.turn_down(source, &answering, &fault, answering.rejection(&fault)).await,
            Err(Trouble::Refusal(refusal)) => {
                if let Refusal::Unavailable { cause, .. } | Refusal::NotAllowed(cause) = &refusal {
                    tracing::error!(request = %source.request_id, cause, "the request is not served");
                }
                let fault = fault_of_refusal(&refusal, answering.kind);
                self.turn_down(source, &answering, &fault, answering.refusal(&fault)).await
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
        let source = &self.with_profile(source, message).await?;
        answering.rules = self.registrar.message_rules(source.profile.as_deref());
        let received = match self.unwrap(source, message, answering).await? {
            Unwrapped::One(received) => received,
            Unwrapped::Batch(who, all) => {
                check_place(operation, message)?;
                return self.answer_batch(source, message, (&who, all), answering).await;
            }
        };
        let request = received.request();
        let header = request.header();
        let kind = request.body().kind();
        // Whatever nonce it returns is looked at once its transaction is known.
        self.check_envelope(source, request, answering).await?;
        // By the limits of its profile, which may be another than the path's.
        let proof = request.protection_kind_within(&limits(&answering.rules))?;
        let who = received.vouched(self.identify(source, request, &proof, answering).await?);
        // After the requester is known, so that the refusal is protected with its own secret.
        server::check_integrity(&proof, kind)?;
        if let Body::Error(content) = request.body() {
            return self.acknowledge(source, content, answering).await;
        }
        check_place(operation, message)?;
        let transaction = header.transaction_id.clone().unwrap_or_default();
        // As its sender made it: those who wrap it anew when it is repeated do so with other octets (RFC 9483 section 5.2.2.1).
        let own = request.der();
        match self.registrar.known(&who, &transaction, own).await? {
            Known::Answered(octets) => Ok(Answered { outcome: None, octets }),
            Known::InWork(exchange) if is_support(&exchange) => {
                self.support_again(&who, exchange, &received, answering).await
            }
            Known::InWork(exchange) => {
                answering.continue_with(&exchange);
                Ok(self.registrar.wait_again(exchange, own, Arc::new(answering.clone())).await?)
            }
            Known::Exchange(exchange) => {
                check_continued(operation, &exchange)?;
                self.go_on(who, exchange, &received, answering).await
            }
            Known::Nothing => {
                let begun = self.begin(&who, &received, answering).await;
                if !matches!(begun, Err(Trouble::Refusal(Refusal::TransactionInUse))) {
                    return begun;
                }
                // The same bytes came twice at the same time, or it is another message: the records tell now.
                match self.registrar.known(&who, &transaction, own).await? {
                    Known::Answered(octets) => Ok(Answered { outcome: None, octets }),
                    Known::InWork(exchange) if is_support(&exchange) => {
                        self.support_again(&who, exchange, &received, answering).await
                    }
                    Known::InWork(exchange) => {
                        answering.continue_with(&exchange);
                        Ok(self.registrar.wait_again(exchange, own, Arc::new(answering.clone())).await?)
                    }
                    Known::Exchange(_) | Known::Nothing => begun,
                }
            }
        }
    }

    /// RFC 9810 section 5.3.21: an error message of a client is answered by pkiConf. It changes nothing: what its sender does
    /// not confirm is rejected by silence.
    async fn acknowledge(
        &self,
        source: &Source,
        content: &ErrorMsgContent,
        answering: &Answering,
    ) -> Result<Answered, Trouble> {
        let told = format!("the requester tells of an error: {}", content.status.text.join("; "));
        self.registrar.note_bad_input(source, "requester", &told).await?;
        Ok(Answered { outcome: None, octets: answering.bundle(body::pki_conf()).await?.octets })
    }

    /// RFC 9483 section 3.5: the header by itself, whatever nonce it returns.
    pub(super) async fn check_envelope(
        &self,
        source: &Source,
        message: &Message,
        answering: &mut Answering,
    ) -> Result<(), Trouble> {
        let (header, rules) = (message.header(), header_rules(&answering.rules));
        let checked = server::check_header(header, answering.now, &rules, header.recip_nonce.as_deref());
        if checked.is_err() {
            self.protect_for(source, message, answering).await;
        }
        Ok(checked?)
    }

    /// RFC 9483 section 3.6.4: an error goes bare only where nobody is known who could verify its protection; a fault of the
    /// header leaves the sender known.
    async fn protect_for(&self, source: &Source, message: &Message, answering: &mut Answering) {
        if let Ok(proof) = message.protection_kind_within(&limits(&answering.rules)) {
            // Whoever is not identified either is told of the header, which comes first.
            let _ = self.identify(source, message, &proof, answering).await;
        }
    }

    /// RFC 9483 section 3.5: whose protection it is.
    pub(super) async fn identify(
        &self,
        source: &Source,
        message: &Message,
        proof: &Proof,
        answering: &mut Answering,
    ) -> Result<Identified, Trouble> {
        match proof {
            Proof::Mac(proof) => {
                let transaction = message.header().transaction_id.as_deref().unwrap_or_default();
                let kept = self.keys.find(transaction, proof, answering.now);
                let shared = Shared { proof, kept, proven: OnceLock::new() };
                let identified = self.registrar.identify_mac(source.clone(), &shared).await;
                // RFC 9483 section 3.6.4: who proved the secret and may not ask here is told so under it.
                if let Some(key) = shared.proven.into_inner() {
                    answering.protection = Protection::Mac(key);
                }
                Ok(identified?)
            }
            Proof::Signature(proof) => {
                let chain = self.signer(message, proof, &limits(&answering.rules)).await?;
                let certificate = chain.first().ok_or(Refusal::NotIdentified)?;
                message.check_signer(certificate)?;
                proof.verify(certificate.public_key())?;
                // From here on the sender is known to hold the key, so that errors are worth a signature.
                answering.protection = Protection::Signature(protector(&answering.rules, &self.protectors.newest));
                let who = self.registrar.identify_certificate(source.clone(), &chain, Purpose::CmpProtection).await;
                let who = who.map_err(signer_refusal)?;
                check_algorithm(&who, proof)?;
                Ok(who)
            }
            Proof::None => Err(Fault::integrity("the message is not protected").into()),
        }
    }

    /// The first message of a transaction.
    async fn begin(
        &self,
        who: &Identified,
        received: &Received<'_>,
        answering: &mut Answering,
    ) -> Result<Answered, Trouble> {
        let message = received.request();
        let header = message.header();
        if continues(answering.kind) {
            return Err(self.continues_nothing(message, &limits(&answering.rules)).await);
        }
        server::check_header(header, answering.now, &header_rules(&answering.rules), None)?;
        let profile = header.cert_profile()?;
        if profile.is_some() && profile != self.registrar.profile_name(who) {
            // cmp.md 1.1: the credential is for one profile; a certProfile that differs is badRequest.
            return Err(Fault::request("certProfile is not the profile that this path and credential are for").into());
        }
        let implicit = header.implicit_confirm();
        answering.implicit = implicit && who.profile().is_some_and(|profile| profile.implicit_confirm);
        match server::check_shape(message).map_err(Trouble::Body)? {
            server::Operation::Enrol { kind, request } => {
                let request = certificate_request(who, received, kind, request).map_err(Trouble::Body)?;
                self.registrar
                    .enrol(who, request, Arc::new(answering.clone()))
                    .await
                    .map_err(|fault| known_signer(who, fault))
            }
            server::Operation::Pkcs10(der) => {
                let request = pkcs10_request(received, der).map_err(Trouble::Body)?;
                self.registrar
                    .enrol(who, request, Arc::new(answering.clone()))
                    .await
                    .map_err(|fault| known_signer(who, fault))
            }
            server::Operation::Revoke(details) => {
                let request = revocation_request(received, details).map_err(Trouble::Body)?;
                self.registrar
                    .revoke(who, request, Arc::new(answering.clone()))
                    .await
                    .map_err(|fault| known_signer(who, fault))
            }
            server::Operation::Confirm(_) | server::Operation::Poll(_) => Err(Refusal::NoTransaction.into()),
            server::Operation::Support(asked) => {
                let answered = self.support(who, received, asked, answering).await;
                answered.map_err(|trouble| match trouble {
                    Trouble::Refusal(fault) => known_signer(who, fault),
                    other => other,
                })
            }
            server::Operation::Nested(_) => {
                Err(Fault::request(format!("{} is not supported here", answering.kind)).into())
            }
        }
    }

    /// A later message of a transaction.
    async fn go_on(
        &self,
        who: Identified,
        exchange: Exchange,
        received: &Received<'_>,
        answering: &mut Answering,
    ) -> Result<Answered, Trouble> {
        let message = received.request();
        let kind = message.body().kind();
        self.keep_key(&exchange, answering).await?;
        if !continues(kind) {
            return Err(Refusal::TransactionInUse.into());
        }
        // RFC 9483 section 3.5: recipNonce is the senderNonce of our last message.
        let rules = header_rules(&answering.rules);
        server::check_header(message.header(), answering.now, &rules, exchange.our_nonce.as_deref())?;
        if let Proof::Mac(proof) = message.protection_kind_within(&limits(&answering.rules))? {
            self.check_mechanism(&exchange, &proof, &limits(&answering.rules)).await?;
        }
        answering.continue_with(&exchange);
        let incoming = incoming(received, kind);
        match server::check_shape(message)? {
            server::Operation::Poll(_) if is_support(&exchange) => {
                answering.check_polled(&exchange)?;
                self.support_again(&who, exchange, received, answering).await
            }
            server::Operation::Poll(_) => {
                if !exchange.family.is_relayed() {
                    answering.check_polled(&exchange)?;
                }
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

    /// An exchange keeps the key that its last answer was signed with, though others begin under another: its requester has believed
    /// that one, and may hold on to it.
    async fn keep_key(&self, exchange: &Exchange, answering: &mut Answering) -> Result<(), Refusal> {
        if self.protectors.earlier.is_empty() || !matches!(answering.protection, Protection::Signature(_)) {
            return Ok(());
        }
        let last = self.registrar.last_reply(exchange).await?;
        let last = last.and_then(|octets| Message::parse(&octets, &limits(&answering.rules)).ok());
        if let Some(begun) = last.and_then(|last| self.protectors.of(&last)) {
            answering.protection = Protection::Signature(protector(&answering.rules, begun));
        }
        Ok(())
    }

    /// The key of an exchange that goes on is kept for its next message.
    fn remember(&self, answering: &Answering, outcome: Option<&Outcome>) {
        let (Protection::Mac(key), Some(transaction)) = (&answering.protection, &answering.header.transaction_id)
        else {
            return;
        };
        match outcome {
            Some(Outcome::Waiting { .. }) => self.keys.keep(transaction, key, answering.now),
            Some(Outcome::Issued(issued)) if issued.confirm_by.is_some() => {
                self.keys.keep(transaction, key, answering.now);
            }
            Some(_) => self.keys.forget(transaction, key),
            None => {}
        }
    }

    fn answering(&self, message: &Message, rules: MessageRules) -> Answering {
        let kind = message.body().kind();
        Answering {
            header: message.header().clone(),
            kind,
            request: kind,
            protection: Protection::None(self.protectors.newest.clone()),
            nonce: self.registrar.nonce(),
            now: self.registrar.now(),
            implicit: false,
            polled: polled(message),
            rules,
        }
    }

    /// A fault is recorded and answered; it changes nothing else.
    async fn turn_down(
        &self,
        source: &Source,
        answering: &Answering,
        fault: &Fault,
        body: Vec<u8>,
    ) -> (StatusCode, Vec<u8>) {
        tracing::info!(request = %source.request_id, kind = %answering.kind, %fault, "refused");
        if let Err(store) = self.registrar.note_bad_input(source, "requester", &fault.to_string()).await {
            tracing::error!(request = %source.request_id, fault = %store, "the refusal could not be recorded");
            let fault = fault_of_refusal(&store, answering.kind);
            return sent(answering.finish(answering.refusal(&fault)).await);
        }
        sent(answering.finish(body).await)
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
    pub(super) async fn unreadable(&self, source: &Source, header: Option<&Header>, fault: &Fault) -> Vec<u8> {
        tracing::info!(request = %source.request_id, %fault, "not a message");
        if let Err(store) = self.registrar.note_bad_input(source, "requester", &fault.to_string()).await {
            tracing::error!(request = %source.request_id, fault = %store, "the refusal could not be recorded");
        }
        let body = body::error(&ErrorMsgContent::from(fault));
        let (name, nonce) = (self.protectors.newest.name(), self.registrar.nonce());
        match header {
            Some(header) => Draft::answering(header, &name, nonce, body).unprotected(&[]),
            None => Draft::to_nobody(&name, nonce, body).unprotected(&[]),
        }
    }
}

impl Answering {
    /// The transaction is known: its request decides the answer's kind.
    pub(super) fn continue_with(&mut self, exchange: &Exchange) {
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
struct Shared<'a> {
    proof: &'a cmp::MacProof,
    /// The key that an earlier message of the exchange was checked with.
    kept: Option<MacKey>,
    /// The key, once the secret was proven.
    proven: OnceLock<MacKey>,
}

impl MacProof for Shared<'_> {
    fn reference(&self) -> &[u8] {
        self.proof.reference()
    }

    fn iterations(&self) -> u32 {
        if self.kept.is_some() { 0 } else { self.proof.iterations() }
    }

    fn verify(&self, secret: &[u8]) -> bool {
        let key = match &self.kept {
            Some(key) => self.proof.verify_with(key).ok().map(|()| key.clone()),
            None => self.proof.verify(secret).ok(),
        };
        key.is_some_and(|key| self.proven.set(key).is_ok())
    }
}

/// RFC 9483 section 3.5: an algorithm that the profile does not take is badAlg.
fn check_algorithm(who: &Identified, proof: &cmp::SignatureProof) -> Result<(), Fault> {
    let family = SignatureAlgorithm::parse(proof.algorithm())?.family();
    if who.profile().is_some_and(|profile| profile.signatures.contains(family)) {
        return Ok(());
    }
    Err(Fault::new(FailureInfo::BAD_ALG, format!("messages signed with {family} are not taken by this profile")))
}

/// RFC 9483 section 3.5: a protection certificate that is not trusted is signerNotTrusted.
pub(super) fn signer_refusal(refusal: Refusal) -> Trouble {
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
