//! A Full PKI Request as a server takes it, and the Full PKI Response (RFC 10002 sections 3.2 and 4.2).

use certs::{Certificate, Signer, SignerFault};

use crate::asn1;
use crate::control::{Control, IssuerAndSerial, LraPopWitness, RevokeRequest};
use crate::data::{PkiData, PkiResponse, TaggedAttribute};
use crate::proof::{IdentityProof, IdentityProofV2};
use crate::request::Wish;
use crate::signed::{self, SignedData, SignerId, SignerInfo, may_sign};
use crate::status::{FailInfo, StatusInfo};
use crate::{Fault, oid};

/// What a response repeats of its request, so that its requester knows what it is the answer to (sections 6.4 and 6.6).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Echo {
    /// transactionId: the contents octets of an INTEGER.
    pub transaction_id: Option<Vec<u8>>,
    /// senderNonce, which comes back as recipientNonce.
    pub sender_nonce: Option<Vec<u8>>,
    /// dataReturn.
    pub data_return: Option<Vec<u8>>,
}

/// A request that asks for one certificate, for what became of one, or for the end of one.
#[derive(Debug)]
pub struct FullRequest {
    message: SignedData,
    signer: SignerInfo,
    /// What the response repeats.
    pub echo: Echo,
    /// The request, with its number.
    pub wish: Option<(u32, Wish)>,
    /// pendToken of a Query Pending control, with the control's number.
    pub query: Option<(u32, Vec<u8>)>,
    /// A Revocation Request control, with its number.
    pub revoke: Option<(u32, Box<RevokeRequest>)>,
    /// What a shared secret proves.
    pub proof: Option<IdentityProof>,
    /// The number of an RA POP Witness control for the request: a registration authority says that it has checked the proof of
    /// possession (section 6.8). Who may say so, its reader knows.
    pub vouched: Option<u32>,
}

/// A request that was not taken, and what the response can repeat of it all the same.
#[derive(Debug)]
pub struct Unread {
    /// As far as it was read.
    pub echo: Echo,
    /// Why not.
    pub fault: Fault,
}

/// Whose signature is around a request.
#[derive(Clone, Debug)]
pub enum SignedBy {
    /// Of the holder of this certificate.
    Certificate(Box<Certificate>),
    /// Of the key that is to be certified (section 3.2): it proves possession and no identity.
    RequestedKey,
}

impl FullRequest {
    /// Reads a `ContentInfo` (DER).
    ///
    /// # Errors
    /// What is wrong, as the CMCFailInfo that the standard names for it.
    pub fn parse(content_info: &[u8]) -> Result<Self, Box<Unread>> {
        let mut echo = Echo::default();
        Self::read(content_info, &mut echo).map_err(|fault| Box::new(Unread { echo, fault }))
    }

    fn read(content_info: &[u8], echo: &mut Echo) -> Result<Self, Fault> {
        let message = SignedData::parse(content_info)?;
        let data = PkiData::parse(message.content_of(oid::PKI_DATA, "id-cct-PKIData")?)?;
        let controls = Controls::read(&data, echo)?;
        let signer = match message.signers.as_slice() {
            [one] => one.clone(),
            signers => return Err(Fault::integrity(format!("there are {} signers instead of one", signers.len()))),
        };
        if let Some(inner) = data.messages.first() {
            return Err(Fault::no_support("messages inside of messages are not taken here").about(&[], inner.id));
        }
        if let Some(other) = data.others.first() {
            return Err(Fault::no_support("messages of other kinds are not taken here").about(&[], other.id));
        }
        let wish = match data.requests.as_slice() {
            [] => None,
            [one] => Some((one.id, one.wish().map_err(|fault| fault.about(&[], one.id))?)),
            [_, second, ..] => {
                return Err(Fault::no_support("one request is taken in a message").about(&[], second.id));
            }
        };
        let parts = [wish.is_some(), controls.query.is_some(), controls.revoke.is_some()];
        if parts.into_iter().filter(|there| *there).count() != 1 {
            let text = "a message holds one of a request, a Query Pending control and a Revocation Request control";
            return Err(Fault::bad_request(text));
        }
        let proof = controls.proof(&data, wish.as_ref())?;
        let vouched = controls.vouched(wish.as_ref())?;
        let Controls { query, revoke, .. } = controls;
        Ok(Self { message, signer, echo: echo.clone(), wish, query, revoke, proof, vouched })
    }

    /// The certificates that came along.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        self.message.readable().collect()
    }

    /// What its signature is over: no other octets verify, however the message around them is written.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        self.signer.signed()
    }

    /// Verifies the signature around it. `known` is the certificate that its sender proved itself with elsewhere.
    ///
    /// # Errors
    /// badMessageCheck or badAlg.
    pub fn verify(&self, known: Option<&Certificate>) -> Result<SignedBy, Fault> {
        let sent = self.certificates();
        if let Some(own) = known.into_iter().chain(&sent).find(|certificate| self.signer.names(certificate)) {
            may_sign(own)?;
            self.message.verify(&self.signer, own.public_key())?;
            return Ok(SignedBy::Certificate(Box::new(own.clone())));
        }
        let (SignerId::KeyIdentifier(identifier), Some((_, wish))) = (&self.signer.id, &self.wish) else {
            return Err(Fault::integrity("the signer's certificate is not in the message"));
        };
        // Section 3.2: by the key of the request, the subjectKeyIdentifier is the one that it asks for.
        if wish.subject_key_identifier().is_none_or(|asked| asked != *identifier) {
            return Err(Fault::integrity(
                "the signer is neither a certificate in the message nor the key of its request, by the subjectKeyIdentifier in it",
            ));
        }
        self.message.verify(&self.signer, wish.public_key())?;
        Ok(SignedBy::RequestedKey)
    }
}

/// The controls of a request that are done here.
#[derive(Default)]
struct Controls {
    query: Option<(u32, Vec<u8>)>,
    revoke: Option<(u32, Box<RevokeRequest>)>,
    identification: Option<String>,
    identity: Option<(u32, IdentityProofV2)>,
    pop_link_random: Option<Vec<u8>>,
    witness: Option<(u32, LraPopWitness)>,
}

impl Controls {
    /// Section 3.2.1.1: a control that is not understood fails the whole message.
    fn read(data: &PkiData, echo: &mut Echo) -> Result<Self, Fault> {
        let mut found = Self::default();
        let mut faults = Vec::new();
        for attribute in &data.controls {
            let id = attribute.id;
            let once = match Control::parse(attribute) {
                Ok(Control::TransactionId(value)) => echo.transaction_id.replace(value).is_none(),
                Ok(Control::SenderNonce(value)) => echo.sender_nonce.replace(value).is_none(),
                Ok(Control::DataReturn(value)) => echo.data_return.replace(value).is_none(),
                Ok(Control::QueryPending(value)) => found.query.replace((id, value)).is_none(),
                Ok(Control::RevokeRequest(value)) => found.revoke.replace((id, value)).is_none(),
                Ok(Control::Identification(value)) => found.identification.replace(value).is_none(),
                Ok(Control::IdentityProofV2(value)) => found.identity.replace((id, value)).is_none(),
                Ok(Control::PopLinkRandom(value)) => found.pop_link_random.replace(value).is_none(),
                // What the first message of a transaction cannot have, and what is for people only.
                Ok(Control::RecipientNonce(_) | Control::RegInfo(_)) => true,
                Ok(Control::NotDone(text, failure)) => {
                    faults.push(Fault::new(failure, text).about(&[], id));
                    true
                }
                Ok(Control::LraPopWitness(value)) => found.witness.replace((id, value)).is_none(),
                Ok(_) => {
                    let text = format!("the control {} is not done here", attribute.oid);
                    faults.push(Fault::bad_request(text).about(&[], id));
                    true
                }
                Err(fault) => {
                    faults.push(fault);
                    true
                }
            };
            if !once {
                let text = format!("the control {} is there twice", attribute.oid);
                faults.push(Fault::bad_request(text).about(&[], id));
            }
        }
        // All of the message is looked at first, so that the answer repeats what it can.
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(found),
        }
    }

    /// Section 6.8: pkiDataBodyid 0 is this message, and messages inside of it are not taken.
    fn vouched(&self, wish: Option<&(u32, Wish)>) -> Result<Option<u32>, Fault> {
        let Some((id, witness)) = &self.witness else { return Ok(None) };
        match wish {
            Some((request, _)) if witness.message == 0 && witness.requests == [*request] => Ok(Some(*id)),
            _ => Err(Fault::bad_request("an RA POP Witness is not about the request in its message").about(&[], *id)),
        }
    }

    fn proof(&self, data: &PkiData, wish: Option<&(u32, Wish)>) -> Result<Option<IdentityProof>, Fault> {
        let Some((id, identity)) = &self.identity else {
            return match &self.pop_link_random {
                // Section 6.3.1: the link is to an identity proof.
                Some(_) => Err(Fault::bad_request("a popLinkRandom without an identityProofV2 links to nothing")),
                None => Ok(None),
            };
        };
        let requests = data.requests_der();
        let mut proof = IdentityProof::new(&[], *id, identity.clone(), self.identification.clone(), requests);
        if let (Some(random), Some((number, wish))) = (&self.pop_link_random, wish) {
            proof.link(random, &[(*number, wish)])?;
        }
        Ok(Some(proof))
    }
}

/// A Full PKI Response with one status: a `ContentInfo` (DER), signed by the key of the first of `own`. `nonce` is fresh, `certificates`
/// are those for the requester.
///
/// # Errors
/// Those of the signer.
pub async fn respond(
    echo: &Echo,
    status: &StatusInfo,
    nonce: &[u8],
    certificates: &[Vec<u8>],
    signer: &dyn Signer,
    own: &[Certificate],
) -> Result<Vec<u8>, SignerFault> {
    let mut controls = vec![(oid::STATUS_INFO_V2, status.encode())];
    if let Some(transaction) = &echo.transaction_id {
        controls.push((oid::TRANSACTION_ID, asn1::element(asn1::INTEGER, &[transaction])));
    }
    if let Some(theirs) = &echo.sender_nonce {
        controls.push((oid::SENDER_NONCE, asn1::octet_string(nonce)));
        controls.push((oid::RECIPIENT_NONCE, asn1::octet_string(theirs)));
    }
    if let Some(data) = &echo.data_return {
        controls.push((oid::DATA_RETURN, asn1::octet_string(data)));
    }
    let controls =
        controls.into_iter().zip(1..).map(|((oid, value), id)| TaggedAttribute::new(id, oid, value)).collect();
    let response = PkiResponse { controls, messages: Vec::new(), others: Vec::new() };
    let first = own.first().ok_or_else(|| SignerFault::Unavailable("its certificate is not there".to_owned()))?;
    let id =
        SignerId::IssuerAndSerial(IssuerAndSerial { issuer: first.issuer().clone(), serial: first.serial().to_vec() });
    let all: Vec<Vec<u8>> =
        own.iter().map(|certificate| certificate.der().to_vec()).chain(certificates.iter().cloned()).collect();
    signed::sign(oid::PKI_RESPONSE, &response.encode(), &all, &[], &id, signer).await
}

/// A Full PKI Request: `data` signed by this key, for clients and tests.
///
/// # Errors
/// Those of the signer.
pub async fn pki_data(
    data: &PkiData,
    certificates: &[Vec<u8>],
    id: &SignerId,
    signer: &dyn Signer,
) -> Result<Vec<u8>, SignerFault> {
    signed::sign(oid::PKI_DATA, &data.encode(), certificates, &[], id, signer).await
}

/// badIdentity: who sends is not who it says (section 6.1.4).
impl Fault {
    /// The sender is not who it says.
    pub fn bad_identity(text: impl Into<String>) -> Self {
        Self::new(FailInfo::BAD_IDENTITY, text)
    }
}
