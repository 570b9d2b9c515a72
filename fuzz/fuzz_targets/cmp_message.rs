#![no_main]
//! CMP messages: everything that a server and a client ask of one.

use libfuzzer_sys::fuzz_target;

use cmp::server::{self, HeaderRules, Operation};
use cmp::{Limits, Message, Protection, client};

fuzz_target!(|der: &[u8]| {
    // Few iterations: the work that a peer may ask for is bounded, and not what is looked for here.
    let limits = Limits { pbm_iterations: 10, pbmac1_iterations: 10, ..Limits::default() };
    let Ok(message) = Message::parse(der, &limits) else { return };
    let header = message.header();
    let _ = server::check_header(header, certs::Millis(0), &HeaderRules::default(), None);
    let _ = header.cert_profile();
    if let Ok(Operation::Enrol { request, .. }) = server::check_shape(&message) {
        let _ = (request.prove(), request.old_cert_id());
        let _ = (request.template.key_usage(), request.template.extended_key_usages());
    }
    let _ = (client::read(&message), client::check_answer(&message, &message));
    match message.protection_kind() {
        Ok(Protection::Mac(proof)) => drop(proof.verify(b"secret")),
        Ok(Protection::Signature(proof)) => {
            let _ = message.signer_certificate().map(|signer| proof.verify(signer.public_key()));
        }
        _ => {}
    }
});
