use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use aws_lc_rs::rand::SystemRandom;
use certs::path::{self, PathQuery, Purpose};

use certs::oid;

use super::*;

const NOW: Millis = Millis::from_seconds(1_800_000_000);

async fn made() -> (tempfile::TempDir, Pki) {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::create(dir.path(), NOW, &SystemRandom::new()).await.unwrap();
    (dir, pki)
}

fn valid(pki: &Pki, end: &Certificate, purpose: Purpose) -> bool {
    let query = PathQuery {
        end,
        intermediates: std::slice::from_ref(&pki.issuing.certificate),
        anchors: &pki.anchors(),
        at: NOW,
        purpose,
        crls: &[],
        crl_required: false,
        policies: Some(&[DEMO_POLICY]),
    };
    path::validate(&query).is_ok()
}

#[tokio::test]
async fn each_certificate_is_good_for_its_purpose_only() {
    let (_dir, pki) = made().await;
    let key = SoftwareSigner::generate(KeyChoice::P256).unwrap();
    let ra = pki.issue_ra("Demo RA", key.public_key(), NOW, &SystemRandom::new()).await.unwrap();
    assert!(valid(&pki, &ra, Purpose::RegistrationAuthority));
    assert!(valid(&pki, &pki.second_ra.certificate, Purpose::RegistrationAuthority));
    assert!(valid(&pki, &pki.cmp_signer.certificate, Purpose::Other(oid::CMC_CA)));
    assert!(valid(&pki, &pki.tls_server.certificate, Purpose::Other(oid::SERVER_AUTH)));
    assert!(!valid(&pki, &ra, Purpose::Other(oid::CMC_CA)));
    assert!(!valid(&pki, &pki.cmp_signer.certificate, Purpose::RegistrationAuthority));
    assert!(!valid(&pki, &pki.device.certificate, Purpose::Any));
}

#[tokio::test]
async fn keys_are_their_owners_and_everything_comes_back_from_its_files() {
    let (dir, pki) = made().await;
    for entry in std::fs::read_dir(pki.folder()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let secret = entry.path().extension().is_some_and(|extension| extension == "key");
        assert_eq!(mode, if secret { 0o600 } else { 0o644 }, "{:?}", entry.path());
    }
    let loaded = Pki::load(dir.path()).unwrap();
    assert_eq!(loaded.issuing.certificate, pki.issuing.certificate);
    assert_eq!(loaded.device.signer.public_key(), pki.device.signer.public_key());
}

#[tokio::test]
async fn a_device_is_certified_for_ever() {
    let (_dir, pki) = made().await;
    assert_eq!(pki.device.certificate.not_after(), NO_END);
    let another = pki.issue_device("DEVICE-0002", NOW, &SystemRandom::new()).await.unwrap();
    assert!(another.certificate.subject().to_string().contains("DEVICE-0002"));
    assert_eq!(another.certificate.subject().values(oid::ORGANIZATION), [DEMO_ORGANIZATION]);
}

#[tokio::test]
async fn openssl_accepts_the_chain() {
    let (_dir, pki) = made().await;
    for part in [Part::CmpSigner, Part::TlsServer, Part::SecondRa] {
        let verified = Command::new("openssl")
            .args(["verify", "-x509_strict", "-attime", &NOW.seconds().to_string()])
            .arg("-CAfile")
            .arg(Part::Root.certificate_file(pki.folder()))
            .arg("-untrusted")
            .arg(Part::Issuing.certificate_file(pki.folder()))
            .arg(part.certificate_file(pki.folder()))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{verified:?}");
    }
}

#[tokio::test]
async fn a_key_and_a_strangers_certificate_make_no_identity() {
    let (_dir, pki) = made().await;
    let mixed =
        Identity::from_files(&Part::Device.certificate_file(pki.folder()), &Part::SecondRa.key_file(pki.folder()));
    assert!(matches!(mixed, Err(Fault::Content { .. })));
}
