#![no_main]
//! `CertTemplate`, in a request for a certificate, in one to revoke it and as an answer to a genm.

use cmp::support::{Question, Reply};
use cmp::{CertTemplate, InfoTypeAndValue, body, oid};
use daftar_fuzz::{around_body, element, exercise, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|template: &[u8]| {
    if let Ok(read) = CertTemplate::read(template) {
        assert_eq!(read.der, template);
        let _ = (read.key(), read.asks_for_key(), read.alt_names(), read.key_usage(), read.extended_key_usages());
    }
    let request = element(0x30, &element(0x30, &[&[2, 1, 0], template].concat()));
    let _ = exercise(&around_body(body::cr(&request)));
    let _ = exercise(&around_body(body::rr(&element(0x30, template))));
    let info = InfoTypeAndValue { oid: oid::CERT_REQ_TEMPLATE, value: Some(element(0x30, template)) };
    if let Ok(reply) = Reply::read(&info, &limits()) {
        let again = Reply::read(&reply.encode(), &limits()).expect("our own encoding reads");
        assert_eq!(again.encode(), reply.encode());
    }
    let _ = Question::read(&info);
});
