#![no_main]
//! Names: from DER, and from a person's text. What a text makes reads again and is the same name.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(name) = certs::Name::parse(bytes) {
        assert_eq!(name.der(), bytes);
        assert!(name.matches(&name));
        let _ = (name.to_string(), name.canonical(), name.common_name(), name.unsafe_text());
        for attribute in name.attributes() {
            let _ = name.values(attribute.oid);
        }
    }
    let _ = certs::AltName::parse_all(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(name) = certs::Name::from_text(text) {
        let again = certs::Name::parse(name.der()).expect("our own DER reads");
        assert!(again.matches(&name));
    }
});
