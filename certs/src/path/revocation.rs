use super::{PathFault, PathQuery};
use crate::{Certificate, Crl, KeyUsage};

/// Looks every certificate below the anchor up in the newest list of its issuer (RFC 5280 section 6.3).
///
/// Done here and not by certval: that would decode a list of a million entries anew for every path, and its
/// answer would not name the certificate. Only direct, complete lists signed with the key that signed the certificate count.
pub(super) fn check(query: &PathQuery<'_>, chain: &[&Certificate]) -> Result<(), PathFault> {
    chain.windows(2).try_for_each(|pair| match pair {
        [certificate, issuer] => look_up(query, certificate, issuer),
        _ => Ok(()),
    })
}

fn look_up(query: &PathQuery<'_>, certificate: &Certificate, issuer: &Certificate) -> Result<(), PathFault> {
    let subject = || certificate.subject().to_string();
    let Some(crl) = newest(query, certificate, issuer) else {
        return if query.crl_required { Err(PathFault::CrlMissing { subject: subject() }) } else { Ok(()) };
    };
    // Being on an old list is reason enough to refuse.
    if crl.revoked(certificate.serial()).is_some() {
        return Err(PathFault::Revoked { subject: subject() });
    }
    let current = crl.next_update().is_some_and(|next| query.at <= next);
    if query.crl_required && !current {
        return Err(PathFault::CrlExpired { subject: subject() });
    }
    Ok(())
}

/// The newest list that the issuer of a certificate signed and that covers it.
fn newest<'a>(query: &PathQuery<'a>, certificate: &Certificate, issuer: &Certificate) -> Option<&'a Crl> {
    // RFC 5280 section 6.3.3 (f): if key usage is there, cRLSign must be, too.
    if issuer.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::CRL_SIGN)) {
        return None;
    }
    let mut lists: Vec<&'a Crl> = query
        .crls
        .iter()
        .filter(|crl| {
            crl.this_update() <= query.at && crl.issuer().matches(certificate.issuer()) && crl.covers(certificate)
        })
        .collect();
    lists.sort_by_key(|crl| std::cmp::Reverse(crl.this_update()));
    lists.into_iter().take(LIST_LIMIT).find(|crl| crl.verify(issuer.public_key()).is_ok())
}

/// How many lists of the same name are tried, each with a signature over all of it.
const LIST_LIMIT: usize = 4;
