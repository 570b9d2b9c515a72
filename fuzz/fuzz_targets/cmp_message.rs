#![no_main]
//! CMP messages: everything that a server, a client and a relay ask of one.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let _ = daftar_fuzz::exercise(der);
});
