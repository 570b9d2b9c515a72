#![no_main]
//! PKCS#10: what is read can be asked for everything, and its bytes are the ones that came.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let Ok(csr) = certs::Csr::parse(der) else { return };
    assert_eq!(csr.der(), der);
    // A proof needs a signature; the fuzzer makes none, but what it makes must not panic.
    let _ = csr.prove();
    let _ = (csr.subject().to_string(), csr.alt_names().len(), csr.is_ca(), csr.challenge_password());
    let _ = format!("{:?}", est::Challenges::of(&csr));
    for oid in csr.attribute_oids() {
        assert!(csr.attribute(oid).is_some());
        let _ = csr.text_attribute(oid);
    }
    let again = certs::Csr::parse_pem(csr.to_pem().as_bytes()).expect("our own PEM reads");
    assert_eq!(again.der(), der);
});
