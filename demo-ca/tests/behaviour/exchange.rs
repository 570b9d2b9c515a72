use cmp::client::{self, Answer};
use cmp::{Draft, FailureInfo, Message};

use crate::office::random;

/// A message that was sent and what came back.
pub(crate) struct Exchange {
    pub(crate) sent: Message,
    pub(crate) answer: Message,
}

impl Exchange {
    pub(crate) fn read(&self) -> Answer {
        client::check_answer(&self.sent, &self.answer).unwrap();
        client::read(&self.answer).unwrap()
    }

    pub(crate) fn issued(&self) -> client::Issued {
        match client::read(&self.answer).unwrap() {
            Answer::Issued(issued) => *issued,
            other => panic!("{other:?}"),
        }
    }

    /// Why it was refused, by rejection or error.
    pub(crate) fn failure(&self) -> FailureInfo {
        match client::read(&self.answer).unwrap() {
            Answer::Rejected(status) => status.failure.unwrap(),
            Answer::Error(error) => error.status.failure.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The draft of a certConf for what was issued.
    pub(crate) fn confirm(&self, rejection: Option<cmp::StatusInfo>) -> Draft {
        let issued = self.issued();
        client::confirm(
            self.sent.header(),
            self.answer.header(),
            random(),
            (&issued.certificate, issued.cert_req_id),
            rejection,
        )
    }

    /// The draft of a pollReq.
    pub(crate) fn poll(&self, cert_req_id: i64) -> Draft {
        client::poll(self.sent.header(), self.answer.header(), random(), cert_req_id)
    }
}
