#![no_main]
//! Certificates, and the paths that a stranger's certificates may make up.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let Ok(certificate) = certs::Certificate::parse(der) else { return };
    assert_eq!(certificate.der(), der);
    let _ = certificate.verify_signature(certificate.public_key());
    let _ = (certificate.subject().to_string(), certificate.issuer().to_string());
    let _ = (certificate.is_ca(), certificate.path_length(), certificate.key_usage());
    for extension in certificate.extensions() {
        let _ = certificate.extension(extension.oid);
    }
    let again = certs::Certificate::parse_pem(certificate.to_pem().as_bytes()).expect("our own PEM reads");
    assert_eq!(again.len(), 1);
});
