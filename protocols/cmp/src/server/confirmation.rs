//! Confirmations (RFC 9810 section 5.3.18, RFC 9483 section 4.1.1).

use certs::Certificate;
use certs::algorithm::{Digest, digest_of};

use crate::confirm::CertStatus;
use crate::fault::Fault;
use crate::status::{FailureInfo, Status};

/// What the requester says about the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Confirmation {
    /// It is taken.
    Accepted,
    /// It is not wanted.
    Rejected {
        /// Why, if the requester said so.
        text: String,
    },
}

/// Reads the certConf about `certificate`; `p10` when it was asked for by a p10cr.
///
/// # Errors
/// badRequest for several statuses or one that says neither yes nor no; badCertId for another
/// certificate (RFC 9483 section 5.1.2); badAlg for a hash we do not know.
pub fn check_confirmation(
    statuses: &[CertStatus],
    certificate: &Certificate,
    p10: bool,
) -> Result<Confirmation, Fault> {
    let status = match statuses {
        // RFC 9810 section 5.3.18: an empty CertConfirmContent rejects all certificates.
        [] => {
            return Ok(Confirmation::Rejected { text: String::new() });
        }
        [status] => status,
        all => {
            return Err(Fault::request(format!("certConf has {} entries; send exactly one", all.len())));
        }
    };
    check_identity(status, certificate, p10)?;
    match &status.status {
        None => Ok(Confirmation::Accepted),
        Some(info) if info.is_granted() => Ok(Confirmation::Accepted),
        Some(info) if info.status == Status::Rejection => Ok(Confirmation::Rejected { text: info.text.join("; ") }),
        Some(info) => {
            Err(Fault::request(format!("certConf has the status {:?}; use accepted or rejection", info.status)))
        }
    }
}

fn check_identity(status: &CertStatus, certificate: &Certificate, p10: bool) -> Result<(), Fault> {
    // RFC 9483 section 4.1.4 says 0 for a p10cr, its reported erratum 8806 and OpenSSL say -1:
    // both are taken.
    let fits = status.cert_req_id == 0 || p10 && status.cert_req_id == -1;
    let digest = match &status.hash_alg {
        Some(algorithm) => Digest::parse(algorithm)?,
        None => digest_of(certificate.signature_algorithm()).unwrap_or(Digest::Sha512),
    };
    if fits && status.cert_hash == digest.hash(certificate.der()) {
        return Ok(());
    }
    Err(Fault::new(FailureInfo::BAD_CERT_ID, "certReqId or certHash is not that of the certificate to be confirmed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Key};
    use crate::status::StatusInfo;

    fn certificate() -> Certificate {
        sample::certificate(&Key::new(), "CN=device", None)
    }

    fn failure(status: CertStatus, certificate: &Certificate) -> FailureInfo {
        check_confirmation(&[status], certificate, false).unwrap_err().failure
    }

    #[test]
    fn a_confirmation_accepts_or_rejects() {
        let certificate = certificate();
        let check = |status| check_confirmation(&[status], &certificate, false).unwrap();
        let plain = CertStatus::about(&certificate, 0, None);
        assert_eq!(check(plain), Confirmation::Accepted);
        let explicit = CertStatus::about(&certificate, 0, Some(StatusInfo::accepted()));
        assert_eq!(check(explicit), Confirmation::Accepted);
        let rejection = StatusInfo::rejection(FailureInfo::BAD_CERT_TEMPLATE, "not mine");
        let rejected = CertStatus::about(&certificate, 0, Some(rejection));
        assert_eq!(check(rejected), Confirmation::Rejected { text: "not mine".to_owned() });
        let nothing = check_confirmation(&[], &certificate, false).unwrap();
        assert_eq!(nothing, Confirmation::Rejected { text: String::new() });
    }

    #[test]
    fn another_certificate_cannot_be_confirmed() {
        let (certificate, other) = (certificate(), certificate());
        let status = CertStatus::about(&other, 0, None);
        assert_eq!(failure(status, &certificate), FailureInfo::BAD_CERT_ID);
        let status = CertStatus::about(&certificate, 1, None);
        assert_eq!(failure(status, &certificate), FailureInfo::BAD_CERT_ID);
    }

    #[test]
    fn minus_one_confirms_what_a_p10cr_asked_for_and_nothing_else() {
        let certificate = certificate();
        let status = CertStatus::about(&certificate, -1, None);
        assert!(check_confirmation(std::slice::from_ref(&status), &certificate, true).is_ok());
        assert_eq!(failure(status, &certificate), FailureInfo::BAD_CERT_ID);
    }

    #[test]
    fn hash_alg_says_which_hash() {
        let certificate = certificate();
        let mut status = CertStatus::about(&certificate, 0, None);
        status.hash_alg = Some(Digest::Sha384.identifier());
        assert_eq!(failure(status.clone(), &certificate), FailureInfo::BAD_CERT_ID);
        status.cert_hash = Digest::Sha384.hash(certificate.der());
        assert!(check_confirmation(&[status.clone()], &certificate, false).is_ok());
        status.hash_alg = Some(certs::algorithm::ed25519());
        assert_eq!(failure(status, &certificate), FailureInfo::BAD_ALG);
    }

    #[test]
    fn waiting_confirms_nothing() {
        let certificate = certificate();
        let status = CertStatus::about(&certificate, 0, Some(StatusInfo::waiting()));
        assert_eq!(failure(status, &certificate), FailureInfo::BAD_REQUEST);
        let twice = [CertStatus::about(&certificate, 0, None), CertStatus::about(&certificate, 0, None)];
        let fault = check_confirmation(&twice, &certificate, false).unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_REQUEST);
    }
}
