#![no_main]
//! CSR attributes: what is read is written as it was.

use libfuzzer_sys::fuzz_target;

use est::csrattrs::CsrAttrs;

fuzz_target!(|der: &[u8]| {
    let Ok(attributes) = CsrAttrs::from_der(der) else { return };
    let written = attributes.to_der().expect("what was read can be written");
    let again = CsrAttrs::from_der(&written).expect("our own DER reads");
    assert_eq!(again.to_der().expect("and is written again"), written);
    let _ = (attributes.template(), attributes.extensions());
});
