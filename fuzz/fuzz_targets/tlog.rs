#![no_main]
//! What an office shows of its audit log: notes, proofs, files of checkpoints, bundles, leaves. What reads is written again as it was.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(leaf) = tlog::Canonical::parse(bytes) {
        assert_eq!(leaf.to_octets(), bytes);
    }
    for width in [0, 1, 2, 256] {
        if let Ok(entries) = tlog::entries(bytes, width) {
            assert_eq!(tlog::bundle(entries).expect("its own entries fit"), bytes);
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = tlog::Note::parse(text);
    if let Ok(statement) = tlog::Statement::parse(text) {
        let again = tlog::Statement::parse(&statement.to_string()).expect("our own text reads");
        assert_eq!(again, statement);
    }
    let notes = tlog::checkpoints(text, "ra.example/log");
    let length: usize = notes.whole.iter().chain(&notes.torn).map(|piece| piece.len()).sum();
    assert_eq!(length, text.len(), "nothing of a file is passed over");
});
