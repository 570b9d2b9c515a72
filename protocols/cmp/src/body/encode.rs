//! All kinds, from the values alone.

use super::{Body, BodyKind, compose};
use crate::asn1;
use crate::crmf::{CertReqMessages, CertReqMsg};
use crate::left_out::Challenge;
use crate::revocation::RevDetails;

impl Body {
    /// DER with its tag from the typed values, without what was kept as received.
    ///
    /// The messages within a nested one are kept as DER: each is read by itself
    /// ([`crate::server::check_nested`]).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ir(all) | Self::Cr(all) | Self::Kur(all) | Self::Krr(all) | Self::Ccr(all) => {
                requests(self.kind(), all)
            }
            Self::Ip(content) | Self::Cp(content) | Self::Kup(content) | Self::Ccp(content) => {
                compose::answer(self.kind(), content)
            }
            Self::P10cr(csr) => compose::p10cr(csr),
            Self::Popdecc(all) => list(self.kind(), all.iter().map(Challenge::encode)),
            Self::Popdecr(all) => list(self.kind(), all.iter().map(|number| asn1::element(0x02, &[number]))),
            Self::Krp(content) => compose::wrap(self.kind(), &content.encode()),
            Self::Rr(all) => list(self.kind(), all.0.iter().map(RevDetails::encode)),
            Self::Rp(content) => compose::rp(content),
            Self::Ckuann(update) => compose::wrap(self.kind(), &update.encode()),
            Self::Cann(certificate) => compose::wrap(self.kind(), certificate),
            Self::Rann(announcement) => compose::wrap(self.kind(), &announcement.encode()),
            Self::Crlann(crls) => list(self.kind(), crls.iter().cloned()),
            Self::PkiConf => compose::pki_conf(),
            Self::Nested(messages) => compose::nested(messages),
            Self::Genm(infos) => compose::genm(infos),
            Self::Genp(infos) => compose::genp(infos),
            Self::Error(content) => compose::error(content),
            Self::CertConf(statuses) => compose::cert_conf(statuses),
            Self::PollReq(ids) => compose::poll_req(ids),
            Self::PollRep(entries) => compose::poll_rep(entries),
        }
    }
}

fn requests(kind: BodyKind, all: &CertReqMessages) -> Vec<u8> {
    list(kind, all.0.iter().map(CertReqMsg::encode))
}

fn list(kind: BodyKind, items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    compose::wrap(kind, &asn1::sequence_of(items))
}
