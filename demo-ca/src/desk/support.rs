use cmp::{Fault, InfoTypeAndValue, oid};

use super::Desk;
use super::visit::{Done, Visit};
use crate::records::Kind;

impl Desk {
    /// genm (RFC 9483 section 4.3): what is cheap to answer.
    pub(super) fn support(&self, visit: &Visit<'_>, question: Option<&InfoTypeAndValue>) -> Result<Done, Fault> {
        let answer = match question.map(|question| question.oid) {
            Some(oid::CA_CERTS) => InfoTypeAndValue::ca_certs(&[self.authority.certificate().der().to_vec()]),
            Some(oid::CURRENT_CRL) => InfoTypeAndValue { oid: oid::CURRENT_CRL, value: Some(self.revocations.der()) },
            Some(other) => {
                return Err(Fault::request(format!("genm: {other} is not answered here")));
            }
            None => return Err(Fault::request("genm: ask for caCerts or currentCRL")),
        };
        Ok(Done::new(visit.record(Kind::Answered), cmp::body::genp(&[answer])))
    }
}
