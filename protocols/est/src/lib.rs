//! Enrollment over Secure Transport: RFC 7030 as updated by RFC 8951 and RFC 9908, with RFC 7894. Bytes to values and back; no input, no output.
//!
//! The reading side takes what real clients send, the writing side keeps to what all of them can read.

mod body;
mod certs_only;
mod challenges;
mod change_subject_name;
mod content_type;
mod fault;
mod path;
mod server_key;

/// What a request should look like: the answer to `/csrattrs` (RFC 7030 section 4.5.2, RFC 9908).
pub mod csrattrs;

/// Private keys that are hidden from more than TLS (RFC 7030 section 4.4).
pub mod key_package;

pub use body::{Layout, decode_payload, decode_request, encode_payload};
pub use certs_only::{certs_only, parse_certs_only};
pub use challenges::{Challenge, Challenges, links_to};
pub use change_subject_name::ChangeSubjectName;
pub use content_type::{
    CERTS_ONLY, CONTENT_TYPE_CA_CERTS, CONTENT_TYPE_CSR_ATTRS, CONTENT_TYPE_REQUEST, ContentType, is_request,
};
pub use fault::Fault;
pub use path::{Operation, Path, PathFault, check_label};
pub use server_key::{KeyPart, server_key_answer};
