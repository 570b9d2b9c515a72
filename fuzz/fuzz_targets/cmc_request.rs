#![no_main]
//! Full PKI Requests and what is in them: no octets make it panic, and what is read is written as it was.

use libfuzzer_sys::fuzz_target;

use cmc::client::{Response, Sent};
use cmc::{Control, FullRequest, PkiData, PkiResponse, SignedData, StatusInfo};

fuzz_target!(|der: &[u8]| {
    if let Ok(request) = FullRequest::parse(der) {
        let _ = request.verify(None);
    }
    let _ = SignedData::parse(der);
    let _ = StatusInfo::parse(der);
    let _ = PkiResponse::parse(der);
    let _ = Sent::parse(der);
    if let Ok(response) = Response::parse(der) {
        let _ = response.signers().map(|signer| response.verify(&signer)).count();
    }
    if let Ok(data) = PkiData::parse(der) {
        assert_eq!(data.encode(), der, "what was read is written as it was");
        for control in &data.controls {
            let _ = Control::parse(control);
        }
        for request in &data.requests {
            let _ = request.wish().map(|wish| wish.prove());
        }
    }
});
