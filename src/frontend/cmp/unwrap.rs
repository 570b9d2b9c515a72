//! Messages of registration authorities around the messages of others (RFC 9483 section 5.2.2).

use cmp::server::{self, Nested};
use cmp::{BodyKind, Fault, Message, ParseFault, body};
use futures_util::future::join_all;

use super::CmpDoor;
use super::answer::Answering;
use super::desk::{Trouble, signer_refusal};
use super::requests::incoming;
use crate::registrar::{Answered, Finished, Identified, Known, Refusal, Source};

/// A request with what came around it.
pub(super) struct Received<'m> {
    outer: &'m Message,
    inner: Option<Box<Message>>,
    /// Who wrapped it, outermost first.
    vouchers: Vec<Identified>,
}

impl<'m> Received<'m> {
    fn plain(message: &'m Message) -> Self {
        Self { outer: message, inner: None, vouchers: Vec::new() }
    }

    /// The request itself.
    pub(super) fn request(&self) -> &Message {
        self.inner.as_deref().unwrap_or(self.outer)
    }

    /// All that came, as it came.
    pub(super) fn octets(&self) -> &[u8] {
        self.outer.der()
    }

    /// The requester, with those who vouch for it.
    pub(super) fn vouched(&self, who: Identified) -> Identified {
        self.vouchers.iter().fold(who, Identified::vouched_by)
    }
}

/// What came in a message.
pub(super) enum Unwrapped<'m> {
    /// One request.
    One(Received<'m>),
    /// Some, bundled, with who bundled them.
    Batch(Box<Identified>, Vec<Result<Message, ParseFault>>),
}

impl CmpDoor {
    /// Takes off what registration authorities put around a request, each after its signature and its rights were checked
    /// (RFC 9483 section 5.2.2.1).
    pub(super) async fn unwrap<'m>(
        &self,
        source: &Source,
        message: &'m Message,
        answering: &mut Answering,
    ) -> Result<Unwrapped<'m>, Trouble> {
        let mut received = Received::plain(message);
        while received.request().body().kind() == BodyKind::Nested {
            let nested = received.request();
            let who = self.registration_authority(source, nested, answering).await?;
            match server::check_nested(nested)? {
                Nested::One(inner) => {
                    answering.turn_to(&inner);
                    received.vouchers.push(who);
                    received.inner = Some(inner);
                }
                Nested::Batch(all) if received.inner.is_none() => return Ok(Unwrapped::Batch(Box::new(who), all)),
                Nested::Batch(_) => return Err(Fault::request("a batch must not be wrapped").into()),
            }
        }
        Ok(Unwrapped::One(received))
    }

    /// Who protected a nested message: it must be trusted to (DESIGN rule 10).
    async fn registration_authority(
        &self,
        source: &Source,
        nested: &Message,
        answering: &mut Answering,
    ) -> Result<Identified, Trouble> {
        self.check_envelope(source, nested, answering).await?;
        let proof = nested.protection_kind()?;
        let who = self.identify(source, nested, &proof, answering).await?;
        // After its sender is known, so that the refusal has a protection that it can verify.
        server::check_integrity(&proof, BodyKind::Nested)?;
        if who.is_registration_authority() {
            // One whose certificate is revoked vouches for nothing.
            self.registrar.check_standing(&who).await.map_err(signer_refusal)?;
            return Ok(who);
        }
        let text = format!("'{}' is no registration authority that is trusted here for this profile", who.name());
        Err(Fault::new(cmp::FailureInfo::NOT_AUTHORIZED, text).into())
    }

    /// A batch: each message is answered as if it had come alone, and the answers go back together (RFC 9483 section
    /// 5.2.2.2). The batch itself approves nothing.
    pub(super) async fn answer_batch(
        &self,
        source: &Source,
        message: &Message,
        (who, all): (&Identified, Vec<Result<Message, ParseFault>>),
        answering: &Answering,
    ) -> Result<Answered, Trouble> {
        let transaction = message.header().transaction_id.clone().unwrap_or_default();
        let mut known = self.registrar.known(who, &transaction, message.der()).await?;
        if matches!(known, Known::Nothing) {
            let incoming = incoming(&Received::plain(message), BodyKind::Nested);
            known = match self.registrar.open_batch(who, incoming).await {
                Ok(exchange) => Known::InWork(exchange),
                // The same bytes came twice at the same time, or it is another message: the records tell now.
                Err(Refusal::TransactionInUse) => self.registrar.known(who, &transaction, message.der()).await?,
                Err(fault) => return Err(fault.into()),
            };
        }
        let exchange = match known {
            Known::Answered(octets) => return Ok(Answered { outcome: None, octets }),
            Known::Exchange(_) | Known::Nothing => return Err(Refusal::TransactionInUse.into()),
            // Its messages find their own answers.
            Known::InWork(exchange) => exchange,
        };
        let answers = join_all(all.iter().map(|inner| async move {
            match inner {
                Ok(inner) => Box::pin(self.answer_message(source, None, inner, answering.rules)).await.1,
                Err(parse) => self.unreadable(source, parse.header.as_deref(), &parse.fault).await,
            }
        }))
        .await;
        let octets: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let finished: Finished = answering.bundle(body::nested(&octets)).await?;
        self.registrar.close_batch(&exchange, &finished).await?;
        Ok(Answered { outcome: None, octets: finished.octets })
    }
}
