//! Who asks (RFC 7030 sections 3.2.3 and 3.3.2).

use std::sync::atomic::Ordering;

use base64::Engine as _;
use certs::Certificate;
use certs::path::Purpose;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::Asked;
use super::digest::Digest;
use crate::case::{Reason, ReasonCode};
use crate::registrar::{Identified, Refusal, Registrar};
use crate::rules::EnrolNeeds;

/// RFC 7030 sections 3.2.3 and 3.3.2: an enrolment code shown over HTTP, the client certificate of the handshake, both where the
/// profile says so, or an enrolment code in the request, where the profile takes one there. A renewal is asked for with the
/// certificate to be renewed.
pub(super) async fn identify(
    registrar: &Registrar,
    asked: &Asked,
    again: bool,
    carried: Option<(&str, &str)>,
) -> Result<Identified, Refusal> {
    let sent = match Sent::read(asked) {
        Ok(sent) => sent,
        Err(fault) => {
            registrar.note_bad_input(&asked.source, "requester", fault).await?;
            return Err(Refusal::NotIdentified);
        }
    };
    let proof = match carried {
        Some((reference, secret)) => {
            if again {
                return Err(mend("a renewal is asked for with the certificate alone; leave the enrolment code out"));
            }
            // RFC 7894 section 4: every challenge must be processed, so one of two codes cannot be left aside.
            if !sent.is_nothing_but(reference, secret) {
                return Err(mend("the request holds another enrolment code than the Authorization header; send one"));
            }
            Some(Proof::Carried(reference, secret))
        }
        None => match sent {
            Sent::Nothing => None,
            Sent::Basic { user, password } => Some(Proof::Basic { user, password }),
            Sent::Digest(digest) => Some(Proof::Digest(digest)),
        },
    };
    let chain = asked.connection.tls.as_ref().map(|tls| tls.client_chain.as_slice()).unwrap_or_default();
    match proof {
        // Nothing was proven yet, so nothing is counted.
        None if chain.is_empty() => Err(Refusal::NotIdentified),
        _ if asked.needs == EnrolNeeds::CertificateAndCode && !again => {
            let holder = by_certificate(registrar, asked, chain).await?;
            match proof {
                Some(proof) => Ok(holder.and_code(by_code(registrar, asked, proof).await?)),
                None if holder.is_registration_authority() => Ok(holder),
                None => Err(Refusal::NotIdentified),
            }
        }
        Some(proof) if !again || chain.is_empty() => by_code(registrar, asked, proof).await,
        _ => by_certificate(registrar, asked, chain).await,
    }
}

/// An enrolment code, as it was shown.
enum Proof<'a> {
    Carried(&'a str, &'a str),
    Basic { user: String, password: Zeroizing<String> },
    Digest(Digest),
}

async fn by_code(registrar: &Registrar, asked: &Asked, proof: Proof<'_>) -> Result<Identified, Refusal> {
    let source = asked.source.clone();
    match proof {
        Proof::Carried(reference, secret) => {
            registrar.identify_carried_code(source, reference, secret.as_bytes()).await
        }
        Proof::Basic { user, password } => registrar.identify_code(source, &user, password.as_bytes()).await,
        Proof::Digest(digest) => {
            // One that cannot be taken is not looked at any further: no guess is made with it.
            if let Some(nonce) = asked.nonces.live(&digest.nonce, registrar) {
                let who = registrar.identify_mac(source, &digest).await?;
                // Of two that come with the same count, one is a replay.
                if nonce.spend(digest.count, registrar).await? {
                    return Ok(who);
                }
                asked.overtaken.store(true, Ordering::Relaxed);
            }
            let fault = "the nonce of the Digest is stale, or its count was used before";
            registrar.note_bad_input(&asked.source, "requester", fault).await?;
            Err(Refusal::NotIdentified)
        }
    }
}

pub(super) async fn by_certificate(
    registrar: &Registrar,
    asked: &Asked,
    chain: &[Vec<u8>],
) -> Result<Identified, Refusal> {
    let chain: Result<Vec<Certificate>, certs::Fault> = chain.iter().map(|der| Certificate::parse(der)).collect();
    let chain = chain.map_err(|_| Refusal::NotIdentified)?;
    registrar.identify_certificate(asked.source.clone(), &chain, Purpose::ClientAuth).await
}

fn mend(text: &str) -> Refusal {
    Refusal::Requester(Reason { code: ReasonCode::BadRequest, text: text.to_owned() })
}

/// What stands in the Authorization header.
pub(super) enum Sent {
    Nothing,
    Basic { user: String, password: Zeroizing<String> },
    Digest(Digest),
}

impl Sent {
    /// Reads it. Credentials that cannot be taken are never just ignored.
    pub(super) fn read(asked: &Asked) -> Result<Self, &'static str> {
        let mut values = asked.headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Self::Nothing) };
        if values.next().is_some() {
            return Err("send one Authorization header");
        }
        let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return Err("the Authorization header cannot be read");
        };
        if asked.schemes.basic() && scheme.eq_ignore_ascii_case("basic") {
            return basic(rest)
                .ok_or("the Basic credentials are not base64 of UTF-8 with a colon (RFC 7617 section 2)");
        }
        if asked.schemes.digest() && scheme.eq_ignore_ascii_case("digest") {
            return Digest::read(rest, &asked.method, &asked.uri).map(Self::Digest);
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            return Err("bearer tokens are not taken here; use what WWW-Authenticate offers, or a client certificate");
        }
        Err("this scheme is not taken here; use what WWW-Authenticate offers, or a client certificate")
    }

    /// Whether there is no other code in it than this one.
    fn is_nothing_but(&self, reference: &str, secret: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Basic { user, password } => (user.as_str(), password.as_str()) == (reference, secret),
            Self::Digest(_) => false,
        }
    }
}

/// RFC 7617 section 2: the user name ends at the first colon; an empty one is allowed (RFC 7030 section 3.2.3).
fn basic(encoded: &str) -> Option<Sent> {
    let decoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?);
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Sent::Basic { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
}
