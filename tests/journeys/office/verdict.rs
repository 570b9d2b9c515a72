//! What the answer to a bad message must be, and messages that are bad in more ways than a seal makes them.

use cmp::client::{self, Answer};
use cmp::{Draft, FailureInfo, Protection, Status, StatusInfo};
use demo_ca::Kind;
use demo_ca::signer::SoftwareSigner;

use super::Office;
use super::cmp::{Exchange, Seal};

/// How a refusal comes (RFC 9483 section 3.6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    /// ip, cp, kup or rp with status rejection.
    Rejection,
    /// An error message.
    Error,
}

/// Whose protection the answer has.
#[derive(Clone, Copy)]
pub(crate) enum Cover<'a> {
    /// As the requester's own messages (RFC 9483 section 3.2).
    Like(&'a Seal),
    /// None: nobody is known who could verify it (RFC 9483 section 3.6.4).
    Bare,
}

impl Office {
    /// Sends a bad message. Its answer says exactly this, is bound to it by transactionID and nonce, and is protected.
    pub(crate) fn turns_down(
        &self,
        what: &str,
        octets: &[u8],
        (how, failure): (How, FailureInfo),
        cover: Cover<'_>,
    ) -> Exchange {
        let exchange = self.send(octets);
        let (found, status) = match client::read(&exchange.answer) {
            Ok(Answer::Rejected(status)) => (How::Rejection, status),
            Ok(Answer::Error(error)) => (How::Error, error.status),
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!((found, status.failure), (how, Some(failure)), "{what}: {:?}", status.text);
        assert_reason(what, &status);
        let (sent, answer) = (exchange.sent.header(), exchange.answer.header());
        assert_eq!(answer.transaction_id, sent.transaction_id, "{what}: RFC 9483 section 5.1");
        assert_eq!(answer.recip_nonce, sent.sender_nonce, "{what}: RFC 9483 section 5.1");
        assert_eq!(answer.recipient_der, sent.sender_der, "{what}: RFC 9483 section 5.1");
        assert!(answer.sender_nonce.as_ref().is_some_and(|nonce| nonce.len() == 16), "{what}: RFC 9483 section 3.1");
        match cover {
            Cover::Like(seal) => assert!(exchange.is_protected(self, seal), "{what}: RFC 9483 section 3.2"),
            Cover::Bare => {
                let bare = matches!(exchange.answer.protection_kind(), Ok(Protection::None));
                assert!(bare, "{what}: a protection that nobody could verify");
            }
        }
        exchange
    }

    /// Nothing reached the CA.
    pub(crate) fn asked_nobody(&self) {
        assert_eq!(self.records().count(Kind::Received), 0);
        assert_eq!(self.number("SELECT count(*) FROM submission"), 0);
        assert_eq!(self.number("SELECT count(*) FROM certificate"), 0);
    }
}

/// RFC 9483 section 3.6.4: status rejection, and words that an engineer can act on.
fn assert_reason(what: &str, status: &StatusInfo) {
    assert_eq!(status.status, Status::Rejection, "{what}");
    assert!(status.text.iter().any(|text| text.len() > 10), "{what}: {:?}", status.text);
}

/// Signs a message as it is, with these certificates.
pub(crate) fn signed_as_it_is(draft: Draft, key: &SoftwareSigner, certificates: &[Vec<u8>]) -> Vec<u8> {
    done(draft.sign(key, certificates)).unwrap()
}

/// Software keys sign at once.
pub(crate) fn done<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}
