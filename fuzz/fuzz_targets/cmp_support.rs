#![no_main]
//! What a genm asks and a genp answers: `InfoTypeAndValue`.

use cmp::support::{Question, Reply};
use cmp::{Body, Message};
use daftar_fuzz::{around_body, element, exercise, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|info: &[u8]| {
    let genm = around_body(element(0xB5, &element(0x30, info)));
    let genp = around_body(element(0xB6, &element(0x30, info)));
    let _ = exercise(&genm);
    let _ = exercise(&genp);
    let Ok(message) = Message::parse(&genm, &limits()) else { return };
    let Body::Genm(infos) = message.body() else { return };
    for info in infos {
        if let Ok(question) = Question::read(info) {
            let again = Question::read(&question.encode()).expect("our own encoding reads");
            assert_eq!(again.encode(), question.encode());
            let _ = question.answered_by();
        }
        if let Ok(reply) = Reply::read(info, &limits()) {
            let again = Reply::read(&reply.encode(), &limits()).expect("our own encoding reads");
            assert_eq!(again.encode(), reply.encode());
        }
    }
});
