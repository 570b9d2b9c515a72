//! Taking the answer to a batch apart (RFC 9483 section 5.2.2.2).

use crate::body::Body;
use crate::fault::Fault;
use crate::message::Message;

/// The answers within the answer to a batch.
#[derive(Debug)]
pub struct Unbundled {
    /// One for each request, in their order. `None` was lost: its requester is told systemUnavail.
    /// The protection of each, and what it says, is checked as if it had come by itself.
    pub answers: Vec<Option<Message>>,
    /// How many were dropped: not readable, or no (or a second) answer to any of the requests.
    pub extra: usize,
}

/// Matches the answers to the requests of a batch by their transactionIDs. Call it after
/// [`super::check_answer`] has let the nested answer through; after an error message instead of
/// it each request is answered by an error (RFC 9483 section 3.6.3).
///
/// Whether an answer echoes its request's nonce is for [`super::check_answer`] and
/// [`super::check_polled`] to say.
///
/// # Errors
/// badRequest when the answer is not nested.
pub fn unbundle(transactions: &[&[u8]], answer: &Message) -> Result<Unbundled, Fault> {
    let Body::Nested(inners) = answer.body() else {
        return Err(Fault::request(format!("a batch was answered by {}", answer.body().kind())));
    };
    let mut answers: Vec<Option<Message>> = transactions.iter().map(|_| None).collect();
    let mut extra = 0;
    for der in inners {
        let read = Message::parse(der, answer.limits()).ok();
        let place = read.as_ref().and_then(|inner| {
            let transaction = inner.header().transaction_id.as_deref()?;
            answers.iter_mut().zip(transactions).find(|(_, asked)| **asked == transaction).map(|(place, _)| place)
        });
        match place {
            // RFC 9483 section 5.2.2.2: "any extra messages MUST be dropped".
            None | Some(Some(_)) => extra += 1,
            Some(place) => *place = read,
        }
    }
    Ok(Unbundled { answers, extra })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, name};
    use crate::{Draft, body, client, relay};

    fn request(number: u8) -> Message {
        let mut draft = sample::draft(body::poll_req(&[0]));
        draft.transaction_id = Some(vec![number; 16]);
        draft.sender_nonce = Some(vec![number | 0x80; 16]);
        sample::read(&draft.unprotected(&[]))
    }

    fn answer(request: &Message) -> Vec<u8> {
        Draft::answering(request.header(), &name("CN=authority"), [7; 16], body::poll_rep(&[])).unprotected(&[])
    }

    #[test]
    fn answers_find_their_requests() {
        let requests = [request(1), request(2), request(3)];
        let (sender, recipient) = (name("CN=ra"), name("CN=authority"));
        let inners: Vec<&[u8]> = requests.iter().map(Message::der).collect();
        let batch = sample::read(&relay::batch(&inners, &sender, &recipient, [5; 16], [6; 16]).unprotected(&[]));
        let answers =
            [answer(&requests[2]), answer(&request(4)), vec![0x30, 0], answer(&requests[0]), answer(&requests[0])];
        let nested = Draft::answering(batch.header(), &recipient, [8; 16], body::nested(&answers));
        let nested = sample::read(&nested.unprotected(&[]));
        assert!(client::check_answer(&batch, &nested).is_ok());
        let asked: Vec<&[u8]> =
            requests.iter().map(|request| request.header().transaction_id.as_deref().unwrap()).collect();
        let found = unbundle(&asked, &nested).unwrap();
        let place = |index: usize| found.answers[index].as_ref().map(Message::der);
        assert_eq!(place(0), Some(&*answers[3]));
        assert_eq!(place(1), None);
        assert_eq!(place(2), Some(&*answers[0]));
        // Another's, what is no message, and the same again.
        assert_eq!(found.extra, 3);
        assert!(client::check_answer(&requests[0], found.answers[0].as_ref().unwrap()).is_ok());
        assert!(unbundle(&asked, &requests[0]).is_err());
    }
}
