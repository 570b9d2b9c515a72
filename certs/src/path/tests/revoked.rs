use super::{Office, office, subject};
use crate::Extension;
use crate::path::{Anchors, PathFault, PathQuery, Purpose, ValidPath, validate};
use crate::software_key::{DAY, NOW, Party, signing};
use crate::{Crl, KeyUsage};

impl Office {
    fn judge_with(&self, crls: &[Crl], crl_required: bool) -> Result<ValidPath, PathFault> {
        let anchors = Anchors::new(vec![self.root.certificate.clone()]);
        let intermediates = [self.ca.certificate.clone()];
        validate(&PathQuery {
            end: &self.end,
            intermediates: &intermediates,
            anchors: &anchors,
            at: NOW,
            purpose: Purpose::Any,
            crls,
            crl_required,
            policies: None,
        })
    }
}

#[test]
fn a_revoked_certificate_is_refused_whoever_is_revoked() {
    let office = office(Vec::new(), Vec::new());
    let revoked_end = [office.ca.crl(1, NOW, &[&[3]])];
    assert_eq!(office.judge_with(&revoked_end, false).unwrap_err(), PathFault::Revoked { subject: subject("CN=end") });
    let revoked_ca = [office.root.crl(1, NOW, &[&[2]])];
    assert_eq!(office.judge_with(&revoked_ca, false).unwrap_err(), PathFault::Revoked { subject: subject("CN=CA") });
    assert!(office.judge_with(&[office.ca.crl(1, NOW, &[&[2]]), office.root.crl(1, NOW, &[&[3]])], true).is_ok());
}

#[test]
fn the_newest_list_counts() {
    let office = office(Vec::new(), Vec::new());
    let lists = [office.ca.crl(1, NOW.plus(-DAY), &[&[3]]), office.ca.crl(2, NOW, &[])];
    assert!(office.judge_with(&lists, false).is_ok());
}

#[test]
fn a_list_that_is_required_must_be_there_and_current() {
    let office = office(Vec::new(), Vec::new());
    let missing = PathFault::CrlMissing { subject: subject("CN=end") };
    assert_eq!(office.judge_with(&[], true).unwrap_err(), missing);
    assert!(office.judge_with(&[], false).is_ok());
    let old = [office.ca.crl(1, NOW.plus(-3 * DAY), &[]), office.root.crl(1, NOW, &[])];
    assert_eq!(office.judge_with(&old, true).unwrap_err(), PathFault::CrlExpired { subject: subject("CN=end") });
    assert!(office.judge_with(&old, false).is_ok());
    let from_tomorrow = [office.ca.crl(1, NOW.plus(DAY), &[]), office.root.crl(1, NOW, &[])];
    assert_eq!(office.judge_with(&from_tomorrow, true).unwrap_err(), missing);
}

#[test]
fn a_list_signed_by_somebody_else_does_not_count() {
    let office = office(Vec::new(), Vec::new());
    let double = Party::root("CN=CA");
    let forged = [double.crl(1, NOW, &[]), office.root.crl(1, NOW, &[])];
    assert_eq!(office.judge_with(&forged, true).unwrap_err(), PathFault::CrlMissing { subject: subject("CN=end") });
    // Nor can somebody else revoke.
    assert!(office.judge_with(&[double.crl(1, NOW, &[&[3]])], false).is_ok());
}

#[test]
fn a_list_by_an_authority_without_crl_sign_does_not_count() {
    let root = Party::root("CN=Root");
    let extensions = vec![Extension::basic_constraints(true, None), Extension::key_usage(KeyUsage::KEY_CERT_SIGN)];
    let ca = root.issue(2, "CN=CA", extensions);
    let end = ca.issue(3, "CN=end", signing()).certificate;
    let office = Office { root, ca, end };
    let lists = [office.ca.crl(1, NOW, &[]), office.root.crl(1, NOW, &[])];
    assert_eq!(office.judge_with(&lists, true).unwrap_err(), PathFault::CrlMissing { subject: subject("CN=end") });
}
