//! Certificate Management over CMS: RFC 10002, as an EST server speaks it (RFC 7030 section 4.3). Bytes to values and back; no input, no
//! output, no clock.

mod algorithm;
mod asn1;
mod ber;
mod control;
mod data;
mod fault;
mod full;
mod proof;
mod request;
mod signed;
mod status;

/// The side that asks: a registration authority before its CA.
pub mod client;

/// Object identifiers of RFC 10002 and of the CMS around it.
pub mod oid;

pub use control::{Control, GetCert, IssuerAndSerial, LraPopWitness, RevokeRequest};
pub use data::{OtherMsg, PkiData, PkiResponse, TaggedAttribute, TaggedContentInfo};
pub use fault::Fault;
pub use full::{Echo, FullRequest, SignedBy, Unread, pki_data, respond};
pub use proof::{IdentityProof, IdentityProofV2, pop_link_witness};
pub use request::{CrmfWish, RequestKind, TaggedRequest, Wish};
pub use signed::{SignedData, SignerId, SignerInfo};
pub use status::{BodyReference, FailInfo, OtherInfo, Status, StatusInfo};
