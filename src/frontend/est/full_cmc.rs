//! `/fullcmc`: Full PKI Requests (RFC 7030 section 4.3, RFC 10002).

use std::sync::{Arc, OnceLock};

use axum::response::Response;
use certs::path::Purpose;
use certs::{Extension, KeyUsage};
use cmc::{Echo, FailInfo, FullRequest, IdentityProof, RevokeRequest, SignedBy, Wish};
use cmp::CertReqMsg;
use est::{Challenges, ContentType};
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::Asked;
use super::answer::{noted, payload, refused, spread, status, status_of, text};
use super::full_response::{self, FullResponse, Pending};
use super::identify::{by_certificate, identify};
use super::linking::{check_link, check_passwords};
use crate::case::{Door, Kind, Outcome, Reason, ReasonCode, RequestForm};
use crate::frontend::Protector;
use crate::registrar::{
    Answered, CertificateRequest, Identified, Incoming, MacProof, Possession, Refusal, Registrar, RevocationRequest,
    without_own_rule,
};
use crate::rules::Profile;

pub(super) async fn full_cmc(
    registrar: &Registrar,
    profile: &Profile,
    asked: &Asked,
    protector: &Protector,
) -> Result<Response, Refusal> {
    let read = est::decode_payload(&asked.body).map_err(|fault| fault.to_string());
    let read = read.map(|der| FullRequest::parse(&der));
    let request = match read {
        Ok(Ok(request)) => Ok(request),
        Ok(Err(unread)) => Err((unread.echo, unread.fault)),
        Err(text) => Err((Echo::default(), cmc::Fault::bad_request(text))),
    };
    let echo = match &request {
        Ok(request) => request.echo.clone(),
        Err((echo, _)) => echo.clone(),
    };
    let response =
        FullResponse { protector: protector.clone(), echo, nonce: registrar.nonce(), body: 0, pending: None };
    let desk = Desk { registrar, asked, response };
    // Who shows nothing that could identify it is challenged; what cannot be read is told only to those who are known.
    let who = match sender(registrar, asked, request.as_ref().ok()).await {
        Ok(who) => who,
        Err(NotTaken::Fault(fault)) => return desk.fault(&fault, StatusCode::BAD_REQUEST).await,
        Err(NotTaken::Refusal(refusal)) => return Ok(desk.refused(&refusal, None).await),
    };
    let content_type = asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_cmc(content_type) {
        let fault = "send Content-Type: application/pkcs7-mime; smime-type=CMC-request";
        registrar.note_bad_input(&asked.source, who.credential().as_str(), fault).await?;
        return Ok(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, fault));
    }
    let request = match request {
        Ok(request) => request,
        Err((_, fault)) => return desk.fault(&fault, StatusCode::BAD_REQUEST).await,
    };
    let signed_by = match request.verify(who.certificate()) {
        Ok(signed_by) => signed_by,
        Err(fault) => return desk.fault(&fault, StatusCode::BAD_REQUEST).await,
    };
    if let SignedBy::Certificate(signer) = &signed_by
        && who.certificate().is_none_or(|held| held.der() != signer.der())
    {
        let text = "the message is signed with another certificate than its sender proved itself with";
        return desk.fault(&cmc::Fault::bad_identity(text), StatusCode::FORBIDDEN).await;
    }
    let (body, asked_for) = if let Some((id, wish)) = &request.wish {
        match wanted(registrar, profile, asked, &who, &request, wish).await {
            Ok(request) => (*id, AskedFor::Certificate(Box::new(request))),
            Err(NotTaken::Fault(fault)) => {
                return desk.fault(&fault.about(&[], *id), StatusCode::BAD_REQUEST).await;
            }
            Err(NotTaken::Refusal(refusal)) => return Ok(desk.refused(&refusal, Some(*id)).await),
        }
    } else if let Some((id, revoke)) = &request.revoke {
        if revoke.passphrase.is_some() {
            let text = "no passphrase is known here; the holder of the certificate signs the message";
            return desk.fault(&cmc::Fault::bad_request(text).about(&[], *id), StatusCode::BAD_REQUEST).await;
        }
        (*id, AskedFor::Revocation(Box::new(revocation(asked, revoke))))
    } else {
        let (id, token) = request.query.clone().unwrap_or_default();
        (id, AskedFor::Pending(token))
    };
    Ok(desk.serve(&who, body, asked_for).await)
}

/// What a message is about.
enum AskedFor {
    Certificate(Box<CertificateRequest>),
    Revocation(Box<RevocationRequest>),
    Pending(Vec<u8>),
}

/// Why a message is not taken: by a CMC answer, or in EST's own way.
enum NotTaken {
    Fault(cmc::Fault),
    Refusal(Refusal),
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<cmc::Fault> for NotTaken {
    fn from(fault: cmc::Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Who sends: by TLS or HTTP as over all of EST, by an identity proof (RFC 10002 section 6.2.1), or by the signature of the message.
async fn sender(registrar: &Registrar, asked: &Asked, request: Option<&FullRequest>) -> Result<Identified, NotTaken> {
    let (by_http, by_tls) = (by_http(asked), by_tls(asked));
    let proof = request.and_then(|request| request.proof.as_ref());
    if let Some(proof) = proof {
        if by_http {
            let text = "an enrolment code is shown once: by HTTP or by an identity proof";
            return Err(cmc::Fault::bad_request(text).into());
        }
        let shown = Proof::of(proof);
        let code = match registrar.identify_mac(asked.source.clone(), &shown).await {
            Ok(code) => code,
            Err(Refusal::NotIdentified | Refusal::NotAllowed(_)) => return Err(shown.fault().into()),
            Err(other) => return Err(other.into()),
        };
        let Some(tls) = &asked.connection.tls else { return Ok(code) };
        if !by_tls {
            return Ok(code);
        }
        return Ok(by_certificate(registrar, asked, &tls.client_chain).await?.and_code(code));
    }
    match request {
        Some(request) if !by_http && !by_tls => {
            let SignedBy::Certificate(signer) = request.verify(None)? else {
                return Err(Refusal::NotIdentified.into());
            };
            let mut chain = request.certificates();
            chain.retain(|certificate| certificate.der() != signer.der());
            chain.insert(0, *signer);
            Ok(registrar.identify_certificate(asked.source.clone(), &chain, Purpose::CmpProtection).await?)
        }
        _ => Ok(identify(registrar, asked, false, None).await?),
    }
}

fn by_http(asked: &Asked) -> bool {
    asked.headers.contains_key(AUTHORIZATION)
}

fn by_tls(asked: &Asked) -> bool {
    asked.connection.tls.as_ref().is_some_and(|tls| !tls.client_chain.is_empty())
}

/// Whether more than the message says who sends it, so that nobody else can send it again.
fn is_known_otherwise(asked: &Asked) -> bool {
    by_http(asked) || by_tls(asked)
}

/// An identity proof, with the octets of its reference.
struct Proof<'a> {
    identity: &'a IdentityProof,
    reference: &'a [u8],
    /// Why it did not verify, where a secret was tried.
    fault: OnceLock<cmc::Fault>,
}

impl<'a> Proof<'a> {
    fn of(proof: &'a IdentityProof) -> Self {
        Self { identity: proof, reference: proof.reference().unwrap_or_default().as_bytes(), fault: OnceLock::new() }
    }

    fn fault(&self) -> cmc::Fault {
        self.fault.get().cloned().unwrap_or_else(|| self.identity.failed())
    }
}

impl MacProof for Proof<'_> {
    fn reference(&self) -> &[u8] {
        self.reference
    }

    fn iterations(&self) -> u32 {
        self.identity.iterations()
    }

    fn verify(&self, secret: &[u8]) -> bool {
        let verified = self.identity.verify(secret);
        if let Err(fault) = &verified {
            let _ = self.fault.set(fault.clone());
        }
        verified.is_ok()
    }
}

/// What is asked of the registrar; the request itself stays as it is (RFC 10002 section 8).
async fn wanted(
    registrar: &Registrar,
    profile: &Profile,
    asked: &Asked,
    who: &Identified,
    request: &FullRequest,
    wish: &Wish,
) -> Result<CertificateRequest, NotTaken> {
    let Some(tls) = &asked.connection.tls else { return Err(cmc::Fault::bad_request("EST wants TLS").into()) };
    // RFC 10002 section 6.8: a server that lets nobody else check the proof says popFailed.
    if let Some(control) = request.vouched.filter(|_| !who.is_registration_authority()) {
        let text = "only a registration authority vouches for a proof of possession; the key signs its request";
        return Err(cmc::Fault::new(FailInfo::POP_FAILED, text).about(&[], control).into());
    }
    let proven = wish.prove()?;
    if proven.is_none() && request.vouched.is_none() {
        let text = "the key that is asked for must sign its request";
        return Err(cmc::Fault::new(FailInfo::POP_REQUIRED, text).into());
    }
    // A certificate of this profile is renewed with itself (RFC 10002 section 6.3.3).
    let known = registrar.certificates_in_use(who, wish.subject()).await?;
    let replaces = who
        .certificate()
        .filter(|held| known.iter().any(|known| known.der() == held.der()))
        .map(|held| (held.issuer().clone(), held.serial().to_vec()));
    let message = Incoming::new(&asked.body, &asked.body, None);
    let message = if is_known_otherwise(asked) { message } else { message.once(request.signed()) };
    match wish {
        Wish::Pkcs10(csr) => {
            let Some(proven) = proven else {
                let text = "a registration authority vouches for the key in a CRMF; the key signs a PKCS#10";
                return Err(cmc::Fault::new(FailInfo::POP_REQUIRED, text).into());
            };
            let challenges = Challenges::of(csr).map_err(|fault| cmc::Fault::bad_request(fault.to_string()))?;
            check_passwords(&challenges, profile.est).map_err(cmc::Fault::bad_request)?;
            check_link(&challenges, profile.est, tls, who.is_registration_authority())
                .map_err(|text| cmc::Fault::new(FailInfo::POP_FAILED, text))?;
            Ok(CertificateRequest::of_pkcs10(csr, proven, Door::Est, message, replaces))
        }
        Wish::Crmf(wish) => {
            // RFC 7030 section 3.5: a CRMF has no place for a link, so where one is required it does not do.
            check_link(&Challenges::default(), profile.est, tls, who.is_registration_authority())
                .map_err(|text| cmc::Fault::new(FailInfo::POP_FAILED, format!("send PKCS#10: {text}")))?;
            let bad = |fault: cmp::Fault| cmc::Fault::bad_request(fault.to_string());
            let request = CertReqMsg::parse(wish.der()).map_err(bad)?;
            let template = &request.template;
            // RFC 4211 section 5: version 2 stands for v3.
            if template.version.is_some_and(|version| version != 2) {
                return Err(cmc::Fault::bad_request("the template's version must be v3 or absent").into());
            }
            // The CA is shown the control as it is, so it must name what is renewed (RFC 4211 section 6.5).
            if let Some((issuer, serial)) = request.old_cert_id().map_err(bad)? {
                let renewed = replaces.as_ref().is_some_and(|(own, number)| own.matches(&issuer) && *number == serial);
                if !renewed {
                    let text = "oldCertID does not name the certificate that its sender renews";
                    return Err(cmc::Fault::new(FailInfo::BAD_CERT_ID, text).into());
                }
            }
            let key_usage = template.key_usage().map_err(bad)?;
            Ok(CertificateRequest {
                door: Door::Est,
                message,
                kind: if replaces.is_some() { Kind::Rekey } else { Kind::Issue },
                form: RequestForm::Crmf,
                request: request.vouched_alone().map_err(bad)?,
                subject: template.subject.clone().unwrap_or_else(certs::Name::empty),
                alt_names: template.alt_names().map_err(bad)?,
                public_key: Some(template.key().map_err(bad)?.clone()),
                possession: proven.map_or(Possession::Vouched, Possession::Proven),
                key_usage,
                extended_key_usages: template.extended_key_usages().map_err(bad)?,
                certification_authority: key_usage.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
                    || template.extensions.iter().any(Extension::is_certification_authority),
                other_extensions: without_own_rule(&template.extensions),
                not_after: template.validity.and_then(|(_, end)| end),
                replaces,
                server_key: None,
                present_names: None,
            })
        }
    }
}

/// RFC 10002 section 6.11.
fn revocation(asked: &Asked, revoke: &RevokeRequest) -> RevocationRequest {
    RevocationRequest {
        door: Door::Est,
        message: Incoming::new(&asked.body, &asked.body, None),
        issuer: revoke.certificate.issuer.clone(),
        serial: revoke.certificate.serial.clone(),
        reason: Some(revoke.reason),
        request: revoke.encode(),
    }
}

/// Where a message is answered.
struct Desk<'a> {
    registrar: &'a Registrar,
    asked: &'a Asked,
    /// About the whole message.
    response: FullResponse,
}

impl Desk<'_> {
    async fn serve(&self, who: &Identified, body: u32, asked_for: AskedFor) -> Response {
        let reply = |pending| Arc::new(FullResponse { body, pending, ..self.response.clone() });
        let answered = match asked_for {
            AskedFor::Certificate(request) => {
                let time = self.registrar.now().seconds() + i64::from(self.registrar.check_after());
                let pending = Pending { key: self.registrar.pending_key(who, &request), time };
                self.registrar.enrol(who, *request, reply(Some(pending))).await.map(Some)
            }
            AskedFor::Revocation(request) => self.registrar.revoke(who, *request, reply(None)).await.map(Some),
            AskedFor::Pending(token) => match Pending::of_token(&token) {
                Some(pending) => self.registrar.enquire(who, &pending.key, reply(Some(pending))).await,
                None => Ok(None),
            },
        };
        match answered {
            Ok(Some(Answered { outcome: Some(outcome), octets })) => self.tell(&outcome, &octets),
            Ok(Some(_)) => text(StatusCode::INTERNAL_SERVER_ERROR, "the request has no outcome"),
            Ok(None) => {
                let unknown = "the pendToken is of no request that waits or came to its end lately";
                let reason = Reason { code: ReasonCode::BadRequest, text: unknown.to_owned() };
                self.refused(&Refusal::Requester(reason), Some(body)).await
            }
            Err(refusal) => self.refused(&refusal, Some(body)).await,
        }
    }

    /// EST's own answer to a refusal (RFC 7030 section 4.2.3), with a CMC response in it.
    async fn refused(&self, refusal: &Refusal, body: Option<u32>) -> Response {
        let response = refused(self.registrar, self.asked, refusal).await;
        let Some(fault) = full_response::refusal(refusal) else { return response };
        let fault = match body {
            Some(body) => fault.about(&[], body),
            None => fault,
        };
        self.explained(response, &fault).await
    }

    /// The response was made with its outcome.
    fn tell(&self, outcome: &Outcome, octets: &[u8]) -> Response {
        let mut response = payload(octets, CMC_RESPONSE, self.asked);
        match outcome {
            Outcome::Waiting { check_after } => {
                *response.status_mut() = StatusCode::ACCEPTED;
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.later(*check_after)));
            }
            Outcome::Refused(reason) => {
                tracing::info!(request = %self.asked.source.request_id, reason = reason.text, "refused");
                *response.status_mut() = status_of(reason.code);
            }
            _ => {}
        }
        response
    }

    fn later(&self, seconds: u32) -> u32 {
        spread(seconds, self.registrar.nonce()[0])
    }

    /// What is wrong with the message, recorded like any bad input.
    async fn fault(&self, fault: &cmc::Fault, code: StatusCode) -> Result<Response, Refusal> {
        let response = self.explained(status(code), fault).await;
        Ok(noted(self.registrar, &self.asked.source, response, &fault.to_string()).await)
    }

    /// An answer with a CMC response in it, as in every one to a CMC error (RFC 7030 section 4.3.2). A key that is away leaves EST's own.
    async fn explained(&self, mut response: Response, fault: &cmc::Fault) -> Response {
        let explained = match self.response.sign(&fault.status_info(), &[]).await {
            Ok(der) => payload(&der, CMC_RESPONSE, self.asked),
            Err(unsigned) => {
                tracing::error!(request = %self.asked.source.request_id, unsigned, "the CMC response cannot be signed");
                text(response.status(), &fault.to_string())
            }
        };
        let (head, body) = explained.into_parts();
        response.headers_mut().extend(head.headers);
        *response.body_mut() = body;
        response
    }
}

/// RFC 7030 section 4.3.1. Without smime-type the body tells.
fn is_cmc(content_type: &str) -> bool {
    ContentType::parse(content_type).is_some_and(|found| {
        found.is("application/pkcs7-mime")
            && found.parameter("smime-type").is_none_or(|kind| kind.eq_ignore_ascii_case("CMC-request"))
    })
}

const CMC_RESPONSE: &str = "application/pkcs7-mime; smime-type=CMC-response";
