//! Reading answers.

use certs::{Certificate, Millis};

use super::check::is_waiting_error;
use crate::body::Body;
use crate::certified::CertOrEncCert;
use crate::encrypted::EncryptedKey;
use crate::fault::Fault;
use crate::header::InfoTypeAndValue;
use crate::message::Message;
use crate::response::{CertRepMessage, CertResponse};
use crate::status::{ErrorMsgContent, Status, StatusInfo};
use crate::support::{Question, Reply};

/// What an answer says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A certificate.
    Issued(Box<Issued>),
    /// Not yet: send a pollReq with this certReqId.
    Waiting {
        /// 0, or -1 when it was not a request by certReqId.
        cert_req_id: i64,
    },
    /// Not yet: send another pollReq after so many seconds.
    PollAgain {
        /// Seconds to wait.
        after: u64,
    },
    /// Refused.
    Rejected(StatusInfo),
    /// Revoked.
    Revoked,
    /// The confirmation has arrived.
    Confirmed,
    /// What was asked by genm; [`read_reply`] tells what it is.
    Support(Vec<InfoTypeAndValue>),
    /// An error message.
    Error(ErrorMsgContent),
}

/// A certificate and what came with it.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// For the certConf.
    pub cert_req_id: i64,
    /// Trust anchors, each as DER; to be believed only by the protection of the message.
    pub ca_pubs: Vec<Vec<u8>>,
    /// The message's extraCerts, each as DER.
    pub extra_certs: Vec<Vec<u8>>,
    /// Whether no certConf is wanted.
    pub implicit_confirm: bool,
    /// Until when the peer waits for the certConf.
    pub confirm_wait_time: Option<Millis>,
    /// The private key, when the authority has made it: encrypted for the requester, and handed on
    /// as it came (RFC 9483 section 4.1.6).
    pub private_key: Option<EncryptedKey>,
    /// What was changed, if anything was.
    pub with_mods: Option<Vec<String>>,
}

/// Reads an answer that [`super::check_answer`] let through.
///
/// # Errors
/// badDataFormat or badRequest when it is no answer of the lightweight profile.
pub fn read(answer: &Message) -> Result<Answer, Fault> {
    match answer.body() {
        Body::Ip(content) | Body::Cp(content) | Body::Kup(content) => read_response(answer, content),
        Body::Rp(content) => match content.status.as_slice() {
            [status] => Ok(read_revocation(status)),
            all => Err(Fault::request(format!("rp has {} statuses instead of one", all.len()))),
        },
        Body::PkiConf => Ok(Answer::Confirmed),
        Body::PollRep(entries) => match entries.as_slice() {
            [entry] => Ok(Answer::PollAgain { after: u64::try_from(entry.check_after).unwrap_or(0) }),
            all => Err(Fault::request(format!("pollRep has {} entries instead of one", all.len()))),
        },
        Body::Genp(infos) => Ok(Answer::Support(infos.clone())),
        // RFC 9483 section 4.4: an error with `waiting` delays what has no status of its own.
        body if is_waiting_error(body) => Ok(Answer::Waiting { cert_req_id: -1 }),
        Body::Error(content) => Ok(Answer::Error(content.clone())),
        other => Err(Fault::request(format!("{} is not an answer", other.kind()))),
    }
}

/// What a genp answers to this question (RFC 9483 section 4.3).
///
/// # Errors
/// badRequest for another body, for more or fewer answers than one and for one to another
/// question; by [`Reply::read`].
pub fn read_reply(question: &Question, answer: &Message) -> Result<Reply, Fault> {
    let Body::Genp(infos) = answer.body() else {
        return Err(Fault::request(format!("genm was answered by {}", answer.body().kind())));
    };
    match infos.as_slice() {
        [info] if info.oid == question.answered_by() => Reply::read(info, answer.limits()),
        [info] => Err(Fault::request(format!("genp answers {}, which was not asked for", info.oid))),
        all => Err(Fault::request(format!("genp has {} entries instead of one", all.len()))),
    }
}

fn read_response(answer: &Message, content: &CertRepMessage) -> Result<Answer, Fault> {
    let [response] = content.responses.as_slice() else {
        return Err(Fault::request(format!("{} responses instead of one", content.responses.len())));
    };
    // RFC 9483 sections 4.1.1 and 4.1.4: 0, or -1 for a p10cr.
    if !matches!(response.cert_req_id, 0 | -1) {
        return Err(Fault::request(format!("certReqId is {}", response.cert_req_id)));
    }
    match response.status.status {
        Status::Waiting => Ok(Answer::Waiting { cert_req_id: response.cert_req_id }),
        Status::Rejection => Ok(Answer::Rejected(response.status.clone())),
        Status::Accepted | Status::GrantedWithMods => {
            Ok(Answer::Issued(Box::new(read_issued(answer, content, response)?)))
        }
        other => Err(Fault::request(format!("the status {other:?} answers no request"))),
    }
}

fn read_issued(answer: &Message, content: &CertRepMessage, response: &CertResponse) -> Result<Issued, Fault> {
    let pair = response.pair.as_ref().ok_or_else(|| Fault::format("granted, but there is no certificate"))?;
    let CertOrEncCert::Certificate(der) = &pair.certificate else {
        // Only the holder of the key can read it; nobody on the way can check what it says.
        return Err(Fault::request("granted, but the certificate is encrypted"));
    };
    let changed = response.status.status == Status::GrantedWithMods;
    Ok(Issued {
        certificate: Certificate::parse(der)?,
        cert_req_id: response.cert_req_id,
        ca_pubs: content.ca_pubs.clone(),
        extra_certs: answer.extra_certs().to_vec(),
        implicit_confirm: answer.header().implicit_confirm(),
        confirm_wait_time: answer.header().confirm_wait_time()?,
        private_key: pair.private_key.clone(),
        with_mods: changed.then(|| response.status.text.clone()),
    })
}

fn read_revocation(status: &StatusInfo) -> Answer {
    match status.status {
        Status::Accepted | Status::GrantedWithMods | Status::RevocationWarning | Status::RevocationNotification => {
            Answer::Revoked
        }
        Status::Waiting => Answer::Waiting { cert_req_id: -1 },
        Status::Rejection | Status::KeyUpdateWarning => Answer::Rejected(status.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confirm::PollRep;
    use crate::revocation::RevRepContent;
    use crate::sample::{self, Key};
    use crate::status::FailureInfo;
    use crate::{asn1, body, header};

    fn cp(response: CertResponse) -> Result<Answer, Fault> {
        read(&sample::message(body::cp(&CertRepMessage::one(response))))
    }

    #[test]
    fn a_certificate_comes_with_all_that_was_said_about_it() {
        let certificate = sample::certificate(&Key::new(), "CN=device", None);
        let der = certificate.der().to_vec();
        let status = StatusInfo::granted_with_mods("shorter");
        let mut content = CertRepMessage::one(CertResponse::issued(0, status, der.clone()));
        content.ca_pubs = vec![der.clone()];
        let mut draft = sample::draft(body::ip(&content));
        draft.general_info = vec![
            header::InfoTypeAndValue::implicit_confirm(),
            header::InfoTypeAndValue::confirm_wait_time(Millis(5000)),
        ];
        let message = sample::read(&draft.unprotected(std::slice::from_ref(&der)));
        let Ok(Answer::Issued(issued)) = read(&message) else { panic!("no certificate") };
        assert_eq!(issued.certificate, certificate);
        assert_eq!((issued.ca_pubs, issued.extra_certs), (vec![der.clone()], vec![der.clone()]));
        assert!(issued.implicit_confirm);
        assert_eq!(issued.confirm_wait_time, Some(Millis(5000)));
        assert_eq!(issued.with_mods, Some(vec!["shorter".to_owned()]));
        let plain = cp(CertResponse::issued(-1, StatusInfo::accepted(), der));
        assert!(matches!(plain, Ok(Answer::Issued(issued)) if issued.with_mods.is_none()));
    }

    #[test]
    fn a_private_key_is_handed_on_and_an_encrypted_certificate_is_not() {
        let element = asn1::sequence(&[&asn1::bit_string(&[1])]);
        let encrypted = EncryptedKey::parse(asn1::Element::only(&element, "test").unwrap()).unwrap();
        let der = sample::certificate(&Key::new(), "CN=device", None).der().to_vec();
        let mut response = CertResponse::issued(0, StatusInfo::accepted(), der);
        let pair = response.pair.as_mut().unwrap();
        pair.private_key = Some(encrypted.clone());
        let Ok(Answer::Issued(issued)) = cp(response.clone()) else { panic!("no certificate") };
        assert_eq!(issued.private_key, Some(encrypted.clone()));
        response.pair.as_mut().unwrap().certificate = CertOrEncCert::Encrypted(encrypted);
        assert_eq!(cp(response).unwrap_err().failure, FailureInfo::BAD_REQUEST);
    }

    #[test]
    fn what_is_not_there_yet_is_waited_for() {
        let waiting = cp(CertResponse::waiting(-1));
        assert!(matches!(waiting, Ok(Answer::Waiting { cert_req_id: -1 })));
        let later = sample::message(body::error(&StatusInfo::waiting().into()));
        assert!(matches!(read(&later), Ok(Answer::Waiting { cert_req_id: -1 })));
        let entry = PollRep { cert_req_id: 0, check_after: 30, reason: vec!["busy".to_owned()] };
        let again = sample::message(body::poll_rep(&[entry]));
        assert!(matches!(read(&again), Ok(Answer::PollAgain { after: 30 })));
    }

    #[test]
    fn refusals_are_told_apart() {
        let fault = Fault::new(FailureInfo::BAD_POP, "no");
        let rejected = cp(CertResponse::rejected(0, &fault));
        assert!(matches!(rejected, Ok(Answer::Rejected(info)) if info == StatusInfo::from(&fault)));
        let error = sample::message(body::error(&(&fault).into()));
        assert!(matches!(read(&error), Ok(Answer::Error(content)) if content.status.failure.is_some()));
        let rp = |status| read(&sample::message(body::rp(&RevRepContent::one(status))));
        assert!(matches!(rp(StatusInfo::accepted()), Ok(Answer::Revoked)));
        assert!(matches!(rp(StatusInfo::from(&fault)), Ok(Answer::Rejected(_))));
        assert!(matches!(read(&sample::message(body::pki_conf())), Ok(Answer::Confirmed)));
    }

    #[test]
    fn a_question_has_one_answer() {
        let check = |body| read_reply(&Question::RootCaCert(None), &sample::message(body));
        let nothing = Reply::RootCaKeyUpdate(None).encode();
        assert!(matches!(check(body::genp(std::slice::from_ref(&nothing))), Ok(Reply::RootCaKeyUpdate(None))));
        assert!(check(body::genp(&[nothing.clone(), nothing])).is_err());
        assert!(check(body::genp(&[])).is_err());
        assert!(check(body::genp(&[Reply::CaCerts(Vec::new()).encode()])).is_err());
        assert!(check(body::pki_conf()).is_err());
    }

    #[test]
    fn answers_that_make_no_sense_are_refused() {
        assert!(cp(CertResponse::plain(0, StatusInfo::accepted())).is_err());
        assert!(cp(CertResponse::waiting(1)).is_err());
        assert!(read(&sample::message(body::cp(&CertRepMessage::default()))).is_err());
        assert!(read(&sample::message(body::rp(&RevRepContent::default()))).is_err());
        let twice =
            RevRepContent { status: vec![StatusInfo::accepted(), StatusInfo::accepted()], ..RevRepContent::default() };
        assert!(read(&sample::message(body::rp(&twice))).is_err());
        assert!(read(&sample::ir(&Key::new())).is_err());
    }
}
