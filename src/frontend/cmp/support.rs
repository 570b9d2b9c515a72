//! General messages: what a genm asks and a genp answers (RFC 9483 sections 4.3 and 5.1.4).

use std::sync::Arc;

use certs::AltName;
use cmp::support::{CrlSource, CrlStatus, Question, Reply, RootCaKeyUpdate};
use cmp::{BodyKind, Fault, InfoTypeAndValue, Limits, Message, body, server};

use super::CmpDoor;
use super::answer::Answering;
use super::desk::Trouble;
use super::requests::incoming;
use super::template;
use super::unwrap::Received;
use crate::case::{Exchange, Information, RootUpdate};
use crate::registrar::{Answered, Identified, Refusal, Wish};
use crate::upstream::CrlOf;

impl CmpDoor {
    /// The first message of an exchange that asks for information.
    pub(super) async fn support(
        &self,
        who: &Identified,
        received: &Received<'_>,
        asked: Option<&InfoTypeAndValue>,
        answering: &Answering,
    ) -> Result<Answered, Trouble> {
        let wish = self.wish(who, asked)?;
        let message = incoming(received, BodyKind::Genm);
        Ok(self.registrar.inform(who, wish, message, Arc::new(answering.clone())).await?)
    }

    /// A pollReq of such an exchange, or a message of it that was not answered yet.
    pub(super) async fn support_again(
        &self,
        who: &Identified,
        exchange: Exchange,
        received: &Received<'_>,
        answering: &mut Answering,
    ) -> Result<Answered, Trouble> {
        answering.continue_with(&exchange);
        let first = self.registrar.begun(&exchange).await?;
        let first = Message::parse(&first, &Limits::default()).map_err(|parse| parse.fault)?;
        let first = super::profile::innermost(&first);
        let server::Operation::Support(asked) = server::check_shape(&first)? else {
            return Err(Refusal::OutOfPlace("nothing is waited for in this transaction").into());
        };
        let wish = self.wish(who, asked)?;
        let message = incoming(received, received.request().body().kind());
        Ok(self.registrar.inform_again(who, exchange, wish, message, Arc::new(answering.clone())).await?)
    }

    /// What a requester wants to know, in the registrar's words.
    fn wish(&self, who: &Identified, asked: Option<&InfoTypeAndValue>) -> Result<Wish, Fault> {
        // RFC 9483 section 4.3: "MUST contain a sequence of one element".
        let asked = asked.ok_or_else(|| Fault::request("genm asks for nothing; send exactly one InfoTypeAndValue"))?;
        let profile = who.profile().ok_or_else(|| Fault::request("there is no profile to tell of"))?;
        Ok(match Question::read(asked)? {
            Question::CaCerts => own(&Reply::CaCerts(authorities(self.registrar.ca_certificates(profile)))),
            Question::CertReqTemplate => {
                let holder = who.certificate().map(|certificate| (certificate.subject(), who.naming()));
                own(&Reply::CertReqTemplate(template::of(profile, holder)?.map(Box::new)))
            }
            Question::RootCaCert(root) => Wish::RootUpdate(root),
            Question::CurrentCrl => Wish::CurrentCrl,
            Question::CrlStatus(CrlStatus { source, this_update }) => {
                Wish::Crl { of: crl_of(source)?, newer_than: this_update }
            }
            // RFC 9810 section 5.3.19.7: "object identifiers that it does not recognize or support".
            other @ (Question::KemCiphertext | Question::Other(_)) => {
                own(&Reply::UnsupportedOids(vec![other.encode().oid]))
            }
        })
    }
}

/// Whether an exchange began with a genm.
pub(super) fn is_support(exchange: &Exchange) -> bool {
    exchange.case.is_none() && exchange.body == Some(BodyKind::Genm.tag())
}

/// The body (DER) that tells what was asked for.
pub(super) fn genp(information: &Information) -> Vec<u8> {
    let reply = match information {
        Information::Own(words) => return words.clone(),
        Information::RootUpdate(update) => Reply::RootCaKeyUpdate(update.as_ref().map(|update| {
            let RootUpdate { new_with_new, new_with_old, old_with_new } = update.clone();
            RootCaKeyUpdate { new_with_new, new_with_old: Some(new_with_old), old_with_new }
        })),
        Information::Crl(crl) => Reply::Crls(crl.iter().cloned().collect()),
        Information::CurrentCrl(crl) => Reply::CurrentCrl(crl.clone()),
    };
    body::genp(&[reply.encode()])
}

fn own(reply: &Reply) -> Wish {
    Wish::Own(body::genp(&[reply.encode()]))
}

/// RFC 9483 section 4.3.1: "the available intermediate and issuing CA certificates". A root is told only where it issues itself:
/// nobody should come to trust one in this way.
fn authorities(chain: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let is_root = |der: &Vec<u8>| certs::Certificate::parse(der).is_ok_and(|ca| ca.issuer().matches(ca.subject()));
    let mut all: Vec<_> = chain.iter().filter(|der| !is_root(der)).cloned().collect();
    if all.is_empty() {
        all = chain;
    }
    all
}

fn crl_of(source: CrlSource) -> Result<CrlOf, Fault> {
    Ok(match source {
        CrlSource::DistributionPoint(names) => CrlOf::Point(names),
        CrlSource::RelativeName(der) => CrlOf::RelativePoint(der),
        CrlSource::Issuer(names) => {
            let name = names.into_iter().find_map(|name| match name {
                AltName::DirectoryName(name) => Some(name),
                _ => None,
            });
            // RFC 9483 section 4.3.4: "MUST contain the issuer DN in the directoryName field".
            CrlOf::Issuer(name.ok_or_else(|| Fault::request("genm: the CRL's issuer has no directoryName"))?)
        }
    })
}
