//! Who asks (RFC 7030 sections 3.2.3 and 3.3.2).

use base64::Engine as _;
use certs::Certificate;
use certs::path::Purpose;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::Asked;
use crate::case::{Reason, ReasonCode};
use crate::registrar::{Identified, Refusal, Registrar};

/// RFC 7030 sections 3.2.3 and 3.3.2: HTTP Basic with an enrolment code, the client certificate of the handshake, or an enrolment
/// code in the request, where the profile takes one there. A renewal is asked for with the certificate to be renewed.
pub(super) async fn identify(
    registrar: &Registrar,
    asked: &Asked,
    again: bool,
    carried: Option<(&str, &str)>,
) -> Result<Identified, Refusal> {
    let basic = asked.headers.get(AUTHORIZATION).and_then(basic_credentials);
    if let Some((reference, secret)) = carried {
        if again {
            return Err(mend("a renewal is asked for with the certificate alone; leave the enrolment code out"));
        }
        // RFC 7894 section 4: every challenge must be processed, so one of two codes cannot be left aside.
        if basic.as_ref().is_some_and(|(user, password)| (user.as_str(), password.as_str()) != (reference, secret)) {
            return Err(mend("the request holds another enrolment code than the Authorization header; send one"));
        }
        return registrar.identify_carried_code(asked.source.clone(), reference, secret.as_bytes()).await;
    }
    let chain = asked.connection.tls.as_ref().map(|tls| tls.client_chain.as_slice()).unwrap_or_default();
    match basic {
        Some((user, password)) if !again || chain.is_empty() => {
            registrar.identify_code(asked.source.clone(), &user, password.as_bytes()).await
        }
        _ if chain.is_empty() => Err(Refusal::NotIdentified),
        _ => {
            let chain: Result<Vec<Certificate>, certs::Fault> =
                chain.iter().map(|der| Certificate::parse(der)).collect();
            let chain = chain.map_err(|_| Refusal::NotIdentified)?;
            registrar.identify_certificate(asked.source.clone(), &chain, Purpose::ClientAuth).await
        }
    }
}

fn mend(text: &str) -> Refusal {
    Refusal::Requester(Reason { code: ReasonCode::BadRequest, text: text.to_owned() })
}

/// RFC 7617 section 2: the user name ends at the first colon; an empty one is allowed (RFC 7030 section 3.2.3).
fn basic_credentials(value: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?);
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), Zeroizing::new(password.to_owned())))
}
