#![no_main]
//! EST bodies: base64 and certs-only, content types and paths.

use libfuzzer_sys::fuzz_target;

use est::{ContentType, Layout, Path};

fuzz_target!(|bytes: &[u8]| {
    let der = [&[0x30], bytes].concat();
    let layout = Layout::choose(None, Some(bytes), der.len());
    let back = est::decode_payload(&est::encode_payload(&der, layout));
    assert_eq!(back.expect("our own encoding reads"), der);
    let _ = est::decode_request(bytes);
    if let Ok(certificates) = est::parse_certs_only(bytes) {
        let parts: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
        let again = est::parse_certs_only(&est::certs_only(&parts)).expect("our own certs-only reads");
        assert_eq!(again, certificates);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (Path::parse(text), est::is_request(text));
    if let Some(content_type) = ContentType::parse(text) {
        let _ = (content_type.is("application/pkcs10"), content_type.parameter("smime-type"));
    }
});
