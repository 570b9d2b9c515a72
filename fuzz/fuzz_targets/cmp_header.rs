#![no_main]
//! CMP headers.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    let _ = daftar_fuzz::exercise(&daftar_fuzz::around_header(header));
});
