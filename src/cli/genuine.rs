//! Whether certificates are of a demo: these are nobody's proof of anything (DESIGN 3).

use certs::{Certificate, Name, ObjectIdentifier, oid};
use der::Decode as _;
use x509_cert::ext::pkix::CertificatePolicies;

use super::Failed;
use super::assemble::read_certificates;
use crate::config::Config;

/// Refuses the certificates of a demo anywhere else.
pub(super) fn refuse_demo_certificates(config: &Config) -> Result<(), Failed> {
    if config.demo {
        return Ok(());
    }
    for (key, path) in config.certificate_files() {
        if let Some(found) = read_certificates(path)?.iter().find(|certificate| is_demo(certificate)) {
            let text = format!(
                "{key}: {} holds a certificate of a demo ({}); set `demo = true` or use real ones",
                path.display(),
                found.subject()
            );
            return Err(Failed::new(text));
        }
    }
    Ok(())
}

/// Demo certificates name themselves, their issuer, or the demo's policy.
pub(super) fn is_demo(certificate: &Certificate) -> bool {
    let of_demo = |name: &Name| name.values(oid::ORGANIZATION).iter().any(|value| value == DEMO_ORGANIZATION);
    of_demo(certificate.subject()) || of_demo(certificate.issuer()) || has_demo_policy(certificate)
}

fn has_demo_policy(certificate: &Certificate) -> bool {
    let policies = certificate.extension(oid::CERTIFICATE_POLICIES);
    let policies = policies.and_then(|(_, value)| CertificatePolicies::from_der(value).ok());
    policies.is_some_and(|policies| policies.0.iter().any(|policy| policy.policy_identifier == DEMO_POLICY))
}

/// The organisation that every demo certificate names.
pub(super) const DEMO_ORGANIZATION: &str = "DEMO NOT FOR PRODUCTION";

/// The policy of demo certificates. Both stand in `demo_ca::pki`, too, which `serve` cannot reach; a test of the demo
/// holds them together.
pub(super) const DEMO_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.2894403871.1");
