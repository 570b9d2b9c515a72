#![no_main]
//! `CertReqMessages`: one `CertReqMsg`, or several.

use cmp::{BodyKind, CertReqMsg, body};
use daftar_fuzz::{around_body, exercise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|requests: &[u8]| {
    if let Ok(request) = CertReqMsg::parse(requests) {
        assert_eq!(request.der, requests);
        let _ = (request.prove(), request.old_cert_id(), request.archive_options());
        CertReqMsg::parse(&request.vouched()).expect("our own encoding reads");
    }
    for kind in [BodyKind::Ir, BodyKind::Kur] {
        let _ = exercise(&around_body(body::requests(kind, &[requests])));
    }
});
