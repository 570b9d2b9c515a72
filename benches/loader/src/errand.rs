use std::sync::Arc;

use certs::Certificate;
use cmp::client::{self, Answer as Word};
use cmp::{Limits, Message};
use http::StatusCode;
use hyper::body::Bytes;

use crate::door::Door;
use crate::enrolment::{Dialogue, Enrolment};
use crate::fault::Fault;
use crate::line::{Heard, Line};

/// What came of one visit at a door.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The certificate, for the right key.
    Certificate(Box<Certificate>),
    /// Come back after so many seconds.
    Later(u64),
    /// No, and why.
    Refused(String),
}

/// A request on its way to its answer; each step is one visit.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) enrolment: Arc<Enrolment>,
    /// CMP: the pollReq to be sent next, in place of the request.
    poll: Option<Message>,
}

impl Errand {
    pub(crate) const fn new(enrolment: Arc<Enrolment>) -> Self {
        Self { enrolment, poll: None }
    }

    /// Goes to the door once. When the connection is lost the same may be tried again, byte for byte.
    pub(crate) async fn step(&mut self, door: &Door, line: &mut Option<Line>) -> Result<Answer, Fault> {
        let body =
            self.poll.as_ref().map_or_else(|| self.enrolment.body.clone(), |poll| Bytes::copy_from_slice(poll.der()));
        let heard = door.post(line, body).await?;
        let enrolment = Arc::clone(&self.enrolment);
        if enrolment.wrong {
            return refusal(&heard);
        }
        let answer = match (heard.status, &enrolment.dialogue) {
            (StatusCode::OK, None) => Answer::Certificate(Box::new(from_certs_only(&heard)?)),
            (StatusCode::OK, Some(dialogue)) => self.read(dialogue, &heard).await?,
            (StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, _) => {
                Answer::Later(heard.retry_after().unwrap_or(1))
            }
            (status, _) => Answer::Refused(format!("HTTP {status}: {}", heard.text())),
        };
        if let Answer::Certificate(certificate) = &answer
            && *certificate.public_key() != enrolment.public_key
        {
            return Err(Fault::odd("the certificate is for another key"));
        }
        Ok(answer)
    }

    async fn read(&mut self, dialogue: &Dialogue, heard: &Heard) -> Result<Answer, Fault> {
        let answer = Message::parse(&heard.body, &Limits::default()).map_err(Fault::odd)?;
        match &self.poll {
            None => client::check_answer(&dialogue.sent, &answer),
            Some(poll) => client::check_polled(&dialogue.sent, poll, &answer),
        }
        .map_err(Fault::odd)?;
        Ok(match client::read(&answer).map_err(Fault::odd)? {
            Word::Issued(issued) if issued.implicit_confirm => Answer::Certificate(Box::new(issued.certificate)),
            Word::Issued(_) => Answer::Refused("a certConf is wanted, implicitConfirm was not granted".to_owned()),
            Word::Waiting { cert_req_id } => {
                self.poll = Some(dialogue.poll(&answer, cert_req_id).await?);
                Answer::Later(0)
            }
            Word::PollAgain { after } => {
                self.poll = Some(dialogue.poll(&answer, CERT_REQ_ID).await?);
                Answer::Later(after)
            }
            Word::Rejected(status) => Answer::Refused(format!("rejected: {status:?}")),
            Word::Error(content) => Answer::Refused(format!("error: {content:?}")),
            other => Answer::Refused(format!("an answer that nobody asked for: {other:?}")),
        })
    }
}

/// What is wrong is answered by a message that says so.
fn refusal(heard: &Heard) -> Result<Answer, Fault> {
    let answer = Message::parse(&heard.body, &Limits::default()).map_err(Fault::odd)?;
    match client::read(&answer).map_err(Fault::odd)? {
        Word::Rejected(status) => Ok(Answer::Refused(format!("rejected: {status:?}"))),
        Word::Error(content) => Ok(Answer::Refused(format!("error: {content:?}"))),
        other => Err(Fault::odd(format!("a wrong message was answered by {other:?}"))),
    }
}

fn from_certs_only(heard: &Heard) -> Result<Certificate, Fault> {
    let der = est::decode_payload(&heard.body).map_err(Fault::odd)?;
    let certificates = est::parse_certs_only(&der).map_err(Fault::odd)?;
    match certificates.as_slice() {
        [certificate] => Certificate::parse(certificate).map_err(Fault::odd),
        several => Err(Fault::odd(format!("{} certificates instead of one", several.len()))),
    }
}

/// All our requests are cr with this number (RFC 9483 section 4.1.1).
const CERT_REQ_ID: i64 = 0;
