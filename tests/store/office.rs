//! An office to remember: a store in a directory of its own, and rows to put in.

use std::sync::atomic::{AtomicU64, Ordering};

use daftar::audit::{Leaf, LeafKind};
use daftar::case::{
    CaseId, CertificateId, CodeId, CredentialId, Door, Exchange, ExchangeId, ExchangeState, Family, Kind, LeafId,
    MessageId, Millis, Random, RequestForm, Requester, State, SubmissionId,
};
use daftar::store::{
    CertificateStatus, Config, Leg, NewCase, NewCertificate, NewCode, NewMessage, NewSubmission, Row, Store, Unit,
};

use crate::place::Place;

/// Different octets each time, the same in each run.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, octets: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        octets.fill(0);
        let end = octets.len().min(8);
        octets[..end].copy_from_slice(&number[8 - end..]);
    }
}

/// A store in a place that goes with it.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) place: Place,
    pub(crate) store: Store,
    pub(crate) random: Counter,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let place = Place::new();
        let store = open(&place.config()).await;
        Self { place, store, random: Counter::default() }
    }

    /// The same records, opened once more while they are still open.
    pub(crate) async fn again(&self) -> Store {
        open(&self.place.config()).await
    }

    pub(crate) fn case(&self) -> NewCase {
        NewCase { id: CaseId::new(NOW, &self.random), ..any_case() }
    }

    pub(crate) fn exchange(&self, case: Option<CaseId>) -> Exchange {
        let mut key = [0; 32];
        self.random.fill(&mut key);
        Exchange {
            id: ExchangeId::new(NOW, &self.random),
            door: Door::Cmp,
            key,
            credential: CredentialId::house("test"),
            family: Family::Terminated,
            state: ExchangeState::Open,
            case,
            transaction: Some(vec![7; 16]),
            our_nonce: None,
            body: Some(2),
            implicit: false,
            deadline: None,
            created_at: NOW,
        }
    }

    pub(crate) fn at_the_door(&self, leg: Leg, exchange: ExchangeId, octets: &[u8]) -> NewMessage {
        NewMessage {
            id: MessageId::new(NOW, &self.random),
            leg,
            exchange: Some(exchange),
            submission: None,
            answers: None,
            transaction: None,
            hash: sha256(octets),
            octets: octets.to_vec(),
            at: NOW,
        }
    }

    pub(crate) fn upstream(&self, leg: Leg, submission: SubmissionId, octets: &[u8]) -> NewMessage {
        NewMessage { exchange: None, submission: Some(submission), ..self.at_the_door(leg, NOBODY, octets) }
    }

    pub(crate) fn submission(&self, case: CaseId) -> NewSubmission {
        let mut transaction = vec![0; 16];
        self.random.fill(&mut transaction);
        NewSubmission {
            id: SubmissionId::new(NOW, &self.random),
            case,
            authority: "demo".to_owned(),
            transaction,
            implicit: false,
            owner: "n1".to_owned(),
            lease_until: NOW.plus(1_000),
            next_attempt: NOW,
            created_at: NOW,
        }
    }

    pub(crate) fn certificate(&self, case: CaseId) -> NewCertificate {
        let mut hash = [0; 32];
        self.random.fill(&mut hash);
        NewCertificate {
            id: CertificateId::new(NOW, &self.random),
            case,
            profile: "device".to_owned(),
            issuer: vec![8],
            serial: hash.to_vec(),
            subject: hash.to_vec(),
            hash,
            key_print: [3; 32],
            der: vec![0x30, 1],
            not_after: NOW.plus(86_400_000),
            status: CertificateStatus::Issued,
            at: NOW,
        }
    }

    pub(crate) fn code(&self, uses: Option<u32>) -> NewCode {
        let mut lookup = [0; 32];
        self.random.fill(&mut lookup);
        NewCode {
            id: CodeId::new(&self.random),
            lookup,
            reference: "0123456789ab".to_owned(),
            data_key: 1,
            secret: vec![9; 40],
            profile: "device".to_owned(),
            uses,
            names: None,
            expires_at: Some(NOW.plus(60_000)),
            created_by: "house:test".to_owned(),
            created_at: NOW,
        }
    }

    pub(crate) fn leaf(&self, at: Millis) -> Leaf {
        Leaf::new(&self.random, at, "n1", LeafKind::Decision, "house:test")
    }

    /// Records a case and tells its identifier.
    pub(crate) async fn opened(&self) -> CaseId {
        let case = self.case();
        let id = case.id;
        self.store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await.unwrap();
        id
    }
}

pub(crate) async fn open(config: &Config) -> Store {
    Store::open(config).await.unwrap()
}

/// A case, but for its identifier.
pub(crate) fn any_case() -> NewCase {
    NewCase {
        id: CaseId::from_octets([0; 16]),
        kind: Kind::Issue,
        state: State::Received,
        door: Door::Est,
        profile: "device".to_owned(),
        requester: Requester { credential: CredentialId::house("test"), name: "a device".to_owned() },
        join_key: None,
        request: vec![0x30, 0],
        form: RequestForm::Pkcs10,
        key_print: Some([3; 32]),
        public_key: Some(vec![4]),
        subject: Some(vec![5]),
        alt_names: None,
        subject_text: "CN=device".to_owned(),
        about: None,
        rule_set: [6; 32],
        created_at: NOW,
    }
}

/// A leaf of this identifier.
pub(crate) fn any_leaf(id: [u8; 16]) -> Leaf {
    Leaf { id: LeafId::from_octets(id), ..Leaf::new(&Counter::default(), NOW, "n1", LeafKind::Decision, "house:test") }
}

pub(crate) const NOW: Millis = Millis(1_800_000_000_000);

/// For a log of which no checkpoint is known.
pub(crate) const NOTHING_SIGNED: std::collections::BTreeMap<u64, tlog::Hash> = std::collections::BTreeMap::new();

const NOBODY: ExchangeId = ExchangeId::from_octets([0; 16]);

pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref().try_into().unwrap()
}
