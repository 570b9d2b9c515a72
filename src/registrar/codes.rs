//! Enrolment codes: a reference that may be shown and a secret that may not (DESIGN rule 11).

use serde::Serialize;
use zeroize::Zeroizing;

use super::hand::Hand;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{CodeId, CredentialId, Millis};
use crate::duty::Act;
use crate::store::{NewCode, Row, Unit};

/// A code as the registrar works with it.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) id: CodeId,
    pub(super) reference: String,
    pub(super) profile: String,
    pub(super) names: Option<Vec<String>>,
    /// It opens one case and no more.
    pub(super) one_time: bool,
}

/// What a new code is for.
#[derive(Clone, Debug)]
pub struct CodeOrder {
    /// The profile it serves.
    pub profile: String,
    /// How many cases it may open; none for any number.
    pub uses: Option<u32>,
    /// The common names and alternative names it is bound to; none for what the profile allows.
    pub names: Option<Vec<String>>,
    /// After this it opens no case.
    pub expires_at: Option<Millis>,
    /// Who makes it. Whoever makes a code approves what it lets through (DESIGN rule 6).
    pub by: Hand,
}

/// A code just made. The secret is shown once.
#[derive(Debug)]
pub struct MadeCode {
    /// Its identifier.
    pub id: CodeId,
    /// The EST user name, the CMP reference.
    pub reference: String,
    /// The EST password, the CMP shared secret: 128 random bits as 32 hexadecimal digits.
    pub secret: Zeroizing<String>,
}

/// A code as it is shown: never with its secret.
#[derive(Debug, Serialize)]
pub struct CodeView {
    /// Its identifier.
    pub id: String,
    /// The EST user name, the CMP reference.
    pub reference: String,
    /// The profile it serves.
    pub profile: String,
    /// How many cases it may open; none for any number.
    pub uses: Option<u32>,
    /// How many it has opened.
    pub used: u32,
    /// How often a wrong secret was tried with it.
    pub tries: u32,
    /// After this it opens no case, UTC milliseconds.
    pub expires_at: Option<i64>,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// Who made it.
    pub created_by: String,
}

impl Registrar {
    /// The newest codes.
    pub async fn codes(&self, limit: u32) -> Result<Vec<CodeView>, Refusal> {
        let rows = self.store.codes(limit).await.map_err(Refusal::store)?;
        Ok(rows
            .into_iter()
            .map(|row| CodeView {
                id: row.id.to_string(),
                reference: row.reference,
                profile: row.profile,
                uses: row.uses,
                used: row.used,
                tries: row.tries,
                expires_at: row.expires_at.map(|at| at.0),
                withdrawn: row.withdrawn_at.is_some(),
                created_by: row.created_by,
            })
            .collect())
    }

    /// Makes an enrolment code.
    pub async fn make_code(&self, order: CodeOrder) -> Result<MadeCode, Refusal> {
        self.permit(&order.by, Act::MakeCode).await?;
        if self.rules.load().profile(&order.profile).is_none() {
            return Err(Refusal::UnknownProfile(order.profile));
        }
        let id = CodeId::new(self.random.as_ref());
        let mut reference = [0; 6];
        self.random.fill(&mut reference);
        let reference = hex::encode(reference);
        let secrets = self.secrets.secrets()?;
        let mut octets = Zeroizing::new([0; 16]);
        self.random.fill(octets.as_mut_slice());
        let secret = Zeroizing::new(hex::encode(octets.as_slice()));
        let names = order.names.as_ref().map(serde_json::to_string).transpose().map_err(Refusal::away)?;
        let now = self.now();
        let leaf = self
            .leaf_by(LeafKind::CodeCreated, &order.by)
            .plain("code", &id.to_string())
            .plain("profile", &order.profile);
        let code = NewCode {
            id,
            lookup: secrets.lookup(reference.as_bytes()),
            reference: reference.clone(),
            data_key: secrets.data_key(),
            secret: secrets.seal(secret.as_bytes(), id.as_bytes(), self.random.as_ref()),
            profile: order.profile,
            uses: order.uses,
            names,
            expires_at: order.expires_at,
            created_by: order.by.author(),
            created_at: now,
        };
        let unit = Unit::new().with(Row::AddCode(Box::new(code))).with(Row::Leaf(leaf));
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(MadeCode { id, reference, secret })
    }

    /// Withdraws a code: it opens no further case.
    pub async fn withdraw_code(&self, code: CodeId, by: &Hand) -> Result<(), Refusal> {
        self.permit(by, Act::WithdrawCode).await?;
        let leaf = self.leaf_by(LeafKind::CodeWithdrawn, by).plain("code", &code.to_string());
        let unit = Unit::new().with(Row::WithdrawCode { code, at: self.now() }).with(Row::Leaf(leaf));
        self.store.commit(unit).await.map_err(Refusal::store)
    }

    /// The code of a reference and its secret. Spent and expired codes are found, too: they still serve the case they opened.
    pub(super) async fn code_by_reference(
        &self,
        reference: &[u8],
    ) -> Result<Option<(Code, Zeroizing<Vec<u8>>)>, Refusal> {
        let secrets = self.secrets.secrets()?;
        let Some(row) = self.store.code_by_lookup(&secrets.lookup(reference)).await.map_err(Refusal::store)? else {
            return Ok(None);
        };
        let secret = secrets.open(&row.secret, row.id.as_bytes()).map_err(Refusal::store)?;
        let names = row.names.as_deref().map(serde_json::from_str).transpose().map_err(Refusal::store)?;
        let one_time = row.uses == Some(1);
        let code = Code { id: row.id, reference: row.reference, profile: row.profile, names, one_time };
        Ok(Some((code, secret)))
    }

    /// The secret behind a credential, to protect an answer where the message itself cannot be asked (a later message of
    /// the same exchange).
    pub async fn secret_of(&self, credential: &CredentialId) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
        let Some(id) = credential.as_code() else { return Ok(None) };
        let Some(row) = self.store.code_by_id(id).await.map_err(Refusal::store)? else { return Ok(None) };
        self.secrets.secrets()?.open(&row.secret, row.id.as_bytes()).map(Some).map_err(Refusal::store)
    }
}
