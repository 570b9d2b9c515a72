//! What a CA is asked that is no certificate (RFC 9483 section 4.3), and whether its answer holds.

use certs::{AltName, Certificate, Crl, Millis, Name};
use cmp::support::{CrlSource, CrlStatus, Question, Reply, RootCaKeyUpdate};
use cmp::{Body, Message, client};

use super::AnswerFault;
use crate::case::{Information, RootUpdate};

/// A question to a CA.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Inquiry {
    /// What follows this root (DER).
    RootUpdate(Vec<u8>),
    /// Its latest CRL.
    CurrentCrl,
    /// A certain CRL.
    Crl(CrlOf),
}

/// Which CRL (RFC 9483 section 4.3.4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CrlOf {
    /// That of an issuer.
    Issuer(Name),
    /// That of a distribution point, by its full name: a pointer for the CA, which nobody follows.
    Point(Vec<AltName>),
    /// That of a distribution point, by nameRelativeToCRLIssuer (DER).
    RelativePoint(Vec<u8>),
}

impl Inquiry {
    /// In the words of CMP. No thisUpdate is given: the answer serves all who ask, and whoever has a CRL already is told by us.
    pub(super) fn question(&self) -> Question {
        match self {
            Self::RootUpdate(root) => Question::RootCaCert(Some(root.clone())),
            Self::CurrentCrl => Question::CurrentCrl,
            Self::Crl(of) => {
                let source = match of {
                    CrlOf::Issuer(name) => CrlSource::Issuer(vec![AltName::DirectoryName(name.clone())]),
                    CrlOf::Point(names) => CrlSource::DistributionPoint(names.clone()),
                    CrlOf::RelativePoint(der) => CrlSource::RelativeName(der.clone()),
                };
                Question::CrlStatus(CrlStatus { source, this_update: None })
            }
        }
    }
}

/// What the CA's genp says to the genm that was sent. `chain` are the CA's certificates, the issuing one first.
pub(super) fn read(
    asked: &Message,
    answer: &Message,
    chain: &[Certificate],
    now: Millis,
) -> Result<Information, AnswerFault> {
    let Body::Genm(infos) = asked.body() else {
        return Err(AnswerFault::Mismatch("a general response answers no general message".to_owned()));
    };
    let [info] = infos.as_slice() else {
        return Err(AnswerFault::Mismatch("the general message had not one question".to_owned()));
    };
    let malformed = |fault: cmp::Fault| AnswerFault::Malformed(fault.text);
    let question = Question::read(info).map_err(malformed)?;
    let reply = client::read_reply(&question, answer).map_err(malformed)?;
    let information = match (&question, reply) {
        (Question::RootCaCert(Some(old)), Reply::RootCaKeyUpdate(update)) => {
            update.map(|update| successor(old, update, chain, now)).transpose().map(Information::RootUpdate)
        }
        (Question::CurrentCrl, Reply::CurrentCrl(der)) => {
            check_crl(&der, None, chain).map(|()| Information::CurrentCrl(der))
        }
        (Question::CrlStatus(status), Reply::Crls(crls)) => match <[Vec<u8>; 1]>::try_from(crls) {
            Ok([der]) => check_crl(&der, Some(&status.source), chain).map(|()| Information::Crl(Some(der))),
            Err(crls) if crls.is_empty() => Ok(Information::Crl(None)),
            Err(crls) => Err(format!("{} CRLs answer a question for one", crls.len())),
        },
        _ => Err("the general response answers another question".to_owned()),
    };
    information.map_err(AnswerFault::Content)
}

/// A CRL is one of our CA's, or of one above it: its issuer is in the chain and has signed it.
fn check_crl(der: &[u8], asked: Option<&CrlSource>, chain: &[Certificate]) -> Result<(), String> {
    let crl = Crl::parse(der).map_err(|fault| format!("the CRL does not read: {fault}"))?;
    if let Some(CrlSource::Issuer(names)) = asked {
        let wanted =
            names.iter().any(|name| matches!(name, AltName::DirectoryName(name) if name.matches(crl.issuer())));
        if !wanted {
            return Err(format!("the CRL is that of '{}', which was not asked for", crl.issuer()));
        }
    }
    let mut issuers = chain.iter().filter(|ca| ca.subject().matches(crl.issuer())).peekable();
    if issuers.peek().is_none() {
        return Err(format!("the CRL is that of '{}', which is no CA of the chain", crl.issuer()));
    }
    if issuers.any(|ca| crl.verify(ca.public_key()).is_ok()) {
        Ok(())
    } else {
        Err(format!("the CRL is not signed with the key of '{}'", crl.issuer()))
    }
}

/// RFC 9810 section 4.4: who trusts the old root comes to the new one by newWithOld. The old root is one that we trust, or the
/// new one is: nothing else could be told from an invention.
fn successor(old: &[u8], update: RootCaKeyUpdate, chain: &[Certificate], now: Millis) -> Result<RootUpdate, String> {
    let parsed = |what: &str, der: &[u8]| Certificate::parse(der).map_err(|fault| format!("{what}: {fault}"));
    // RFC 9483 section 4.3.2: "REQUIRED to be present in the response message".
    let new_with_old = update.new_with_old.ok_or("newWithOld is missing")?;
    let old = parsed("the old root", old)?;
    let new = parsed("newWithNew", &update.new_with_new)?;
    let bridge = parsed("newWithOld", &new_with_old)?;
    let anchored = |root: &Certificate| {
        chain.iter().any(|ca| ca.public_key() == root.public_key() && ca.subject().matches(root.subject()))
    };
    if !anchored(&old) && !anchored(&new) {
        return Err("neither the old nor the new root is one of the chain".to_owned());
    }
    if !new.is_ca() || !new.issuer().matches(new.subject()) || new.verify_signature(new.public_key()).is_err() {
        return Err("newWithNew is no root: it is not signed with its own key".to_owned());
    }
    if now > new.not_after() {
        return Err("newWithNew has ended".to_owned());
    }
    if !bridge.is_ca() || bridge.public_key() != new.public_key() || !bridge.subject().matches(new.subject()) {
        return Err("newWithOld is not about the new root".to_owned());
    }
    if !bridge.issuer().matches(old.subject()) || bridge.verify_signature(old.public_key()).is_err() {
        return Err("newWithOld is not signed with the old root's key".to_owned());
    }
    if let Some(der) = &update.old_with_new {
        let back = parsed("oldWithNew", der)?;
        if back.public_key() != old.public_key() || back.verify_signature(new.public_key()).is_err() {
            return Err("oldWithNew is not the old root's key, signed with the new one's".to_owned());
        }
    }
    Ok(RootUpdate { new_with_new: update.new_with_new, new_with_old, old_with_new: update.old_with_new })
}

#[cfg(test)]
mod tests;
