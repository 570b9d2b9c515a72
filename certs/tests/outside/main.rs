//! The crate from outside, next to OpenSSL and under hostile bytes.

mod openssl;
mod parsers;
mod software_key;
