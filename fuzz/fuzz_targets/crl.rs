#![no_main]
//! Revocation lists: every entry that is listed is found.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let Ok(crl) = certs::Crl::parse(der) else { return };
    assert_eq!(crl.der(), der);
    assert_eq!(crl.is_empty(), crl.len() == 0);
    for (serial, _) in crl.entries().take(64) {
        assert!(crl.revoked(serial).is_some());
    }
    let _ = (crl.issuer().to_string(), crl.number(), crl.this_update(), crl.next_update());
});
