use std::ops::ControlFlow;

use super::{PathFault, PathQuery};
use crate::{Certificate, Fault};

/// What a search leaves behind when no path was good enough.
pub(super) struct Outcome {
    /// Certificates with the right name whose key had not signed.
    pub(super) fault: Option<PathFault>,
    /// The work budget was used up, so that there may be paths nobody looked at.
    pub(super) exhausted: bool,
}

/// Shows every chain of signatures from the end certificate to an anchor until `accept` takes one.
///
/// Names lead, key identifiers only decide which issuer is tried first (RFC 4158 section 3.5.12), and every
/// step is backed by a verified signature. Hostile certificates can form a maze, so the number of
/// verifications is limited.
pub(super) fn explore<'a>(query: &PathQuery<'a>, accept: &mut dyn FnMut(&[&'a Certificate]) -> bool) -> Outcome {
    let mut search = Search { query, budget: SIGNATURE_LIMIT, fault: None, exhausted: false };
    // A `Break` says that a path was accepted or the budget is gone; the outcome tells which.
    let _ = search.climb(&mut vec![query.end], accept);
    Outcome { fault: search.fault, exhausted: search.exhausted }
}

struct Search<'q, 'a> {
    query: &'q PathQuery<'a>,
    budget: usize,
    fault: Option<PathFault>,
    exhausted: bool,
}

impl<'a> Search<'_, 'a> {
    fn climb(
        &mut self,
        chain: &mut Vec<&'a Certificate>,
        accept: &mut dyn FnMut(&[&'a Certificate]) -> bool,
    ) -> ControlFlow<()> {
        let Some(top) = chain.last().copied() else {
            return ControlFlow::Continue(());
        };
        if self.query.anchors.certificates().contains(top) && accept(chain) {
            return ControlFlow::Break(());
        }
        if chain.len() >= CHAIN_LIMIT {
            return ControlFlow::Continue(());
        }
        for issuer in self.issuers(top) {
            let same = |known: &&Certificate| {
                known.public_key() == issuer.public_key() && known.subject().matches(issuer.subject())
            };
            if chain.iter().any(same) {
                continue;
            }
            let Some(left) = self.budget.checked_sub(1) else {
                self.exhausted = true;
                return ControlFlow::Break(());
            };
            self.budget = left;
            match top.verify_signature(issuer.public_key()) {
                Ok(()) => {
                    chain.push(issuer);
                    self.climb(chain, accept)?;
                    chain.pop();
                }
                Err(fault) => {
                    self.fault.get_or_insert_with(|| unverified(top, &fault));
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Who may have issued a certificate: the best match first, an anchor before others.
    fn issuers(&self, certificate: &Certificate) -> Vec<&'a Certificate> {
        let wanted = certificate.authority_key_identifier();
        let mut issuers: Vec<&'a Certificate> = Vec::new();
        for candidate in self.query.anchors.certificates().iter().chain(self.query.intermediates) {
            if candidate.subject().matches(certificate.issuer()) && !issuers.contains(&candidate) {
                issuers.push(candidate);
            }
        }
        // A stable sort: anchors stay before intermediates of the same rank.
        issuers.sort_by_key(|candidate| match (wanted, candidate.subject_key_identifier()) {
            (Some(wanted), Some(found)) if wanted == found => 0,
            (Some(_), Some(_)) => 2,
            _ => 1,
        });
        issuers
    }
}

fn unverified(certificate: &Certificate, fault: &Fault) -> PathFault {
    let subject = certificate.subject().to_string();
    match fault {
        Fault::BadSignature { .. } | Fault::AlgorithmMismatch { .. } => PathFault::SignatureInvalid { subject },
        other => PathFault::Other { subject, detail: other.to_string() },
    }
}

/// End certificate and anchor included.
const CHAIN_LIMIT: usize = 10;

/// A deep PKI with several cross certificates needs about 20.
const SIGNATURE_LIMIT: usize = 64;
