//! A profile's settings in the words of the protocol crate, and what they say about the certificates of an answer.

use certs::Certificate;
use cmp::Limits;
use cmp::server::HeaderRules;

use super::protector::Protector;
use crate::rules::{ExtraCerts, MessageRules};

/// How much of a message is read and derived.
pub(super) fn limits(rules: &MessageRules) -> Limits {
    Limits {
        pbm_iterations: rules.pbm_iterations,
        pbmac1_iterations: rules.pbmac1_iterations,
        mac_sha1: rules.mac_sha1,
        ..Limits::default()
    }
}

/// What a header must keep to.
pub(super) fn header_rules(rules: &MessageRules) -> HeaderRules {
    HeaderRules {
        time_window: Some(i64::from(rules.message_time_seconds) * 1000),
        time_required: rules.message_time_required,
    }
}

/// The chain of a new certificate, as far as the profile has it sent.
pub(super) fn issuing_chain(rules: &MessageRules, chain: &[Vec<u8>]) -> Vec<Vec<u8>> {
    match rules.extra_certs {
        ExtraCerts::Protection => Vec::new(),
        ExtraCerts::Chain => chain.iter().filter(|der| !is_root(der)).cloned().collect(),
        ExtraCerts::ChainWithRoot => chain.to_vec(),
    }
}

/// The trust anchor of a new certificate for caPubs: "it MUST contain only a trust anchor" (RFC 9483 section 4.1.1).
pub(super) fn anchor(rules: &MessageRules, chain: &[Vec<u8>]) -> Vec<Vec<u8>> {
    chain.last().filter(|der| rules.ca_pubs && is_root(der)).into_iter().cloned().collect()
}

/// What an answer's protection is checked with; with the root only where the profile has that sent, too.
pub(super) fn protector(rules: &MessageRules, whole: &Protector) -> Protector {
    let mut protector = whole.clone();
    if rules.extra_certs != ExtraCerts::ChainWithRoot {
        let own = protector.certificates.first().cloned();
        protector.certificates.retain(|certificate| Some(certificate) == own.as_ref() || !is_self_issued(certificate));
    }
    protector
}

fn is_root(der: &[u8]) -> bool {
    Certificate::parse(der).is_ok_and(|certificate| is_self_issued(&certificate))
}

fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.issuer().matches(certificate.subject())
}
