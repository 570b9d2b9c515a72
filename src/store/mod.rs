//! What is remembered: the only room that names sqlx.

mod unit;

pub use unit::{
    CertificateStatus, Leg, NewCase, NewCertificate, NewCode, NewDataKey, NewDecision, NewMessage, NewSubmission,
    Row, Unit, exchange_key,
};
