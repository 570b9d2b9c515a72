//! The table `digest_nonce`: how far the nonces of HTTP Digest were counted, at all nodes together.

use super::pen::{Broken, Pen};
use super::values::values;
use crate::case::Millis;

pub(super) fn spend(nonce: &[u8; 24], count: u32, live_since: Millis, pen: Pen<'_>) -> Result<(), Broken> {
    let oldest = live_since.0.to_be_bytes();
    pen.run("DELETE FROM digest_nonce WHERE nonce < ?", values![oldest])?;
    pen.must_change(
        "INSERT INTO digest_nonce (nonce, count) VALUES (?, ?) ON CONFLICT (nonce) DO UPDATE SET count = excluded.count \
         WHERE digest_nonce.count < excluded.count",
        values![nonce, count],
    )
}
