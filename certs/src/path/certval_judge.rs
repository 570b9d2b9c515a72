use certval::{
    CertificationPath, CertificationPathResults, CertificationPathSettings, EXTS_OF_INTEREST, Error,
    ExtensionProcessing, ObjectIdentifierSet, PDVCertificate, PDVTrustAnchorChoice, PathValidationStatus,
    PkiEnvironment, TimeOfInterest, enforce_trust_anchor_constraints, validate_path_rfc5280,
};
use der::Encode;
use der::asn1::BitString;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::{PathFault, PathQuery};
use crate::{Certificate, PublicKey};

/// Has certval validate the path (RFC 5280 section 6.1): names, name constraints, policies and all the rest.
/// `chain` goes from the end certificate to the anchor.
pub(super) fn check(query: &PathQuery<'_>, chain: &[&Certificate]) -> Result<(), PathFault> {
    // A certificate that is itself an anchor needs no path.
    let ([end, intermediates @ .., anchor], false) = (chain, chain.len() < 2) else {
        return Ok(());
    };
    let unreadable = |certificate: &Certificate, error: &der::Error| PathFault::Other {
        subject: certificate.subject().to_string(),
        detail: error.to_string(),
    };
    let read = |certificate: &Certificate| {
        PDVCertificate::try_from(certificate.der()).map_err(|error| unreadable(certificate, &error))
    };
    let mut trusted = PDVTrustAnchorChoice::try_from(anchor.der()).map_err(|error| unreadable(anchor, &error))?;
    trusted.parse_extensions(EXTS_OF_INTEREST);
    // certval counts from the anchor down.
    let between = intermediates.iter().rev().map(|certificate| read(certificate)).collect::<Result<Vec<_>, _>>()?;
    let path = CertificationPath::new(trusted, between, read(end)?);

    // RFC 5937: certval leaves it to us to turn the anchor's own constraints into initial values.
    let settings = enforce_trust_anchor_constraints(&settings(query)?, &path.trust_anchor)
        .map_err(|error| translate(anchor, Some(error), None))?;
    let mut environment = PkiEnvironment::new();
    environment.add_validate_path_callback(validate_path_rfc5280);
    environment.add_verify_signature_message_callback(verifier(chain));
    let mut results = CertificationPathResults::new();
    let outcome = environment.validate_path(&environment, &settings, &path, &mut results);
    match (outcome, results.get_validation_status()) {
        (Ok(()), Some(PathValidationStatus::Valid)) => Ok(()),
        (outcome, status) => {
            let place = results.get_failure_index().and_then(|index| usize::try_from(index).ok());
            let named = place.and_then(|place| chain.iter().rev().nth(place)).unwrap_or(end);
            Err(translate(named, outcome.err(), status))
        }
    }
}

fn settings(query: &PathQuery<'_>) -> Result<CertificationPathSettings, PathFault> {
    let mut settings = CertificationPathSettings::new();
    let at = u64::try_from(query.at.seconds()).ok().and_then(|at| TimeOfInterest::from_unix_secs(at).ok());
    let at = at.filter(|at| !at.is_disabled()).ok_or_else(|| PathFault::Other {
        subject: query.end.subject().to_string(),
        detail: "the time is out of range".into(),
    })?;
    settings.set_time_of_interest(at);
    settings.set_enforce_trust_anchor_constraints(true);
    settings.set_enforce_trust_anchor_validity(true);
    // There is no store to ask: the anchor was chosen from ours before the path was built.
    settings.set_require_ta_store(false);
    if let Some(policies) = query.policies {
        settings.set_initial_explicit_policy_indicator(true);
        settings.set_initial_policy_set_from_oid_set(policies.iter().copied().collect::<ObjectIdentifierSet>());
    }
    Ok(settings)
}

/// What certval asks for each signature: the search has verified these very bytes already.
fn verifier(
    chain: &[&Certificate],
) -> impl Fn(
    &PkiEnvironment,
    &[u8],
    &BitString,
    &AlgorithmIdentifierOwned,
    &SubjectPublicKeyInfoOwned,
) -> certval::Result<()>
+ Send
+ Sync
+ 'static {
    let verified: Vec<(Certificate, PublicKey)> = chain
        .iter()
        .zip(chain.iter().skip(1))
        .map(|(certificate, issuer)| ((*certificate).clone(), issuer.public_key().clone()))
        .collect();
    move |_, message, signature, algorithm, key| {
        let failed = Error::PathValidation(PathValidationStatus::SignatureVerificationFailure);
        let key = key.to_der().map_err(Error::Asn1Error)?;
        let algorithm = algorithm.to_der().map_err(Error::Asn1Error)?;
        let known = verified.iter().any(|(certificate, issuer)| {
            certificate.tbs() == message
                && certificate.signature() == signature.raw_bytes()
                && certificate.signature_algorithm() == algorithm
                && issuer.der() == key
        });
        if known {
            return Ok(());
        }
        // Reached when certval asks in another encoding than the received one; then nothing is taken on trust.
        let key = PublicKey::parse(&key).map_err(|_| failed)?;
        key.verify(&algorithm, message, signature.raw_bytes()).map_err(|_| failed)
    }
}

fn translate(certificate: &Certificate, error: Option<Error>, status: Option<PathValidationStatus>) -> PathFault {
    use PathValidationStatus as Status;
    let subject = certificate.subject().to_string();
    let status = match error {
        Some(Error::PathValidation(status)) => Some(status),
        _ => status,
    };
    match status {
        Some(Status::InvalidNotAfterDate) => PathFault::Expired { subject },
        Some(Status::InvalidNotBeforeDate) => PathFault::NotYetValid { subject },
        Some(Status::SignatureVerificationFailure) => PathFault::SignatureInvalid { subject },
        Some(Status::MissingBasicConstraints | Status::InvalidBasicConstraints | Status::InvalidPathLength) => {
            PathFault::NotAuthority { subject }
        }
        Some(Status::NameConstraintsViolation) => PathFault::NameConstraints { subject },
        Some(Status::NullPolicySet | Status::InvalidPolicyMapping) => PathFault::Policy { subject },
        Some(Status::InvalidKeyUsage) => PathFault::KeyUsage { subject },
        Some(Status::NameChainingFailure) => PathFault::NoPath { subject },
        Some(Status::ProcessingLimitExceeded) => PathFault::TooMuchWork { subject },
        _ => {
            let detail = match (error, status) {
                (Some(error), _) => error.to_string(),
                (None, Some(status)) => status.to_string(),
                (None, None) => "no verdict".into(),
            };
            PathFault::Other { subject, detail }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x509-cert reads beneath certval; what we read, it must read, too, or good paths would be refused.
    #[test]
    fn certval_reads_the_real_certificates_that_we_read() {
        let Ok(bundle) = std::fs::read("/etc/ssl/certs/ca-certificates.crt") else {
            eprintln!("skipped: no ca-certificates on this machine");
            return;
        };
        for root in Certificate::parse_pem(&bundle).unwrap() {
            assert!(PDVCertificate::try_from(root.der()).is_ok(), "{}", root.subject());
            assert!(PDVTrustAnchorChoice::try_from(root.der()).is_ok(), "{}", root.subject());
        }
    }

    #[test]
    fn a_signature_that_the_search_did_not_see_is_verified_anew() {
        use crate::Signer;
        use crate::software_key::{Party, signing};
        let root = Party::root("CN=Root");
        let (seen, unseen) = (root.issue(2, "CN=a", signing()), root.issue(3, "CN=b", signing()));
        let chain = [&seen.certificate, &root.certificate];
        let verify = |certificate: &Certificate, key: &PublicKey| {
            let environment = PkiEnvironment::new();
            let signature = BitString::from_bytes(certificate.signature()).unwrap();
            let algorithm = der::Decode::from_der(certificate.signature_algorithm()).unwrap();
            let key = der::Decode::from_der(key.der()).unwrap();
            verifier(&chain)(&environment, certificate.tbs(), &signature, &algorithm, &key).is_ok()
        };
        assert!(verify(&seen.certificate, root.key.public_key()));
        assert!(verify(&unseen.certificate, root.key.public_key()));
        assert!(!verify(&unseen.certificate, seen.key.public_key()));
        assert!(!verify(&seen.certificate, unseen.key.public_key()));
    }
}
