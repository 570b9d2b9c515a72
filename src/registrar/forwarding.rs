//! How a request reaches its CA (DESIGN rule 3), and what is asked there.

use super::Refusal;
use super::identify::Identified;
use super::request::Incoming;
use crate::case::{Exchange, Family, Kind, RequestForm};
use crate::rules::{Forward, Profile, Proof};
use crate::upstream::{Authority, Order, Vouching};

/// What stands between a requester and its CA (DESIGN rule 3). Only we know the secret of a MAC, and a PKCS#10 of EST has no
/// message around it; a CA that takes nothing else has no use for another's message: these are ended here.
pub(super) fn family(
    profile: &Profile,
    who: &Identified,
    kind: Kind,
    message: &Incoming,
    authority: &dyn Authority,
) -> Family {
    if message.transaction.is_none() || who.code.is_some() || !authority.takes().messages {
        return Family::Terminated;
    }
    let nested = if authority.takes_nested() { Family::Nested } else { Family::Terminated };
    match profile.forward {
        Forward::Behalf => Family::Terminated,
        Forward::Nested => nested,
        // RFC 9483 section 5.2.3: replacing MUST NOT be applied to a kur.
        Forward::Replace if matches!(kind, Kind::Renew | Kind::Rekey) => nested,
        Forward::Replace => Family::Replaced,
        Forward::Untouched => Family::Untouched,
    }
}

/// What a case asks of the CA, as it came.
pub(super) struct Forwarding<'a> {
    pub(super) form: RequestForm,
    /// The PKCS#10 or CertReqMsg.
    pub(super) request: &'a [u8],
    /// The message that it came in.
    pub(super) message: &'a [u8],
    /// Whether implicitConfirm is asked for in a transaction of our own.
    pub(super) implicit: bool,
}

impl<'a> Forwarding<'a> {
    /// The order for the CA.
    pub(super) fn order(&self, profile: &Profile, exchange: Option<&Exchange>) -> Result<Order<'a>, Refusal> {
        let &Self { form, request, message, implicit } = self;
        let ra_verified = profile.proof == Proof::RaVerified;
        if let Some(exchange) = exchange.filter(|exchange| exchange.family.is_relayed()) {
            let vouching = Vouching { ra_verified, original: profile.original_message };
            return Ok(Order::Relay { message, family: exchange.family, vouching });
        }
        match form {
            RequestForm::Pkcs10 => Ok(Order::Pkcs10 { request, implicit }),
            RequestForm::Crmf => Ok(Order::Crmf { request, implicit, ra_verified }),
            RequestForm::ServerKey => Err(Refusal::OutOfPlace("the key of this case is not made yet")),
            RequestForm::Revocation => Err(Refusal::OutOfPlace("a revocation brings no certificate")),
        }
    }
}
