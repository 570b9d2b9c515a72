//! The canonical bytes of a leaf. They are hashed into the tree, so that they can never change: another form is another
//! version beside this one.
//!
//! ```text
//! Leaf ::= SEQUENCE {
//!     version  INTEGER (1),
//!     id       OCTET STRING (SIZE (16)),
//!     at       INTEGER,                      -- UTC milliseconds since 1970
//!     node     UTF8String,
//!     kind     UTF8String,
//!     actor    UTF8String,
//!     case     OCTET STRING (SIZE (16)) OPTIONAL,
//!     facts    SEQUENCE OF SEQUENCE { name UTF8String, value Value } }
//!
//! Value ::= CHOICE {                         -- IMPLICIT tags
//!     plain       [0] UTF8String,
//!     hash        [1] OCTET STRING (SIZE (32)),
//!     commitment  [2] OCTET STRING (SIZE (32)) }   -- SHA-256(salt || value)
//! ```

use der::asn1::OctetString;
use der::{Decode, Encode, Sequence};

use super::leaf::{FactValue, Leaf};

/// The canonical bytes of a leaf, read back.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub struct Canonical {
    version: u8,
    id: OctetString,
    at: i64,
    node: String,
    kind: String,
    actor: String,
    case: Option<OctetString>,
    facts: Vec<CanonicalFact>,
}

#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct CanonicalFact {
    name: String,
    value: CanonicalValue,
}

#[expect(clippy::unnested_or_patterns, reason = "written by the derive of Choice")]
mod value {
    use der::Choice;
    use der::asn1::OctetString;

    #[derive(Choice, Clone, Debug, Eq, PartialEq)]
    pub(super) enum CanonicalValue {
        #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
        Plain(String),
        #[asn1(context_specific = "1", tag_mode = "IMPLICIT")]
        Hash(OctetString),
        #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
        Commitment(OctetString),
    }
}
use value::CanonicalValue;

/// Bytes that are not the canonical bytes of any leaf.
#[derive(Debug, thiserror::Error)]
#[error("these are not the canonical bytes of a leaf: {0}")]
pub struct Damaged(String);

impl Canonical {
    /// Reads canonical bytes.
    pub fn parse(octets: &[u8]) -> Result<Self, Damaged> {
        let leaf = Self::from_der(octets).map_err(|fault| Damaged(fault.to_string()))?;
        if leaf.version != VERSION {
            return Err(Damaged(format!("version {}", leaf.version)));
        }
        // The lengths are part of the form, see above; the derive does not know them.
        let identifiers = std::iter::once(&leaf.id).chain(&leaf.case);
        let whole = identifiers.map(OctetString::as_bytes).all(|octets| octets.len() == IDENTIFIER)
            && leaf.facts.iter().all(|fact| fact.value.has_its_length());
        if whole { Ok(leaf) } else { Err(Damaged("an identifier or a hash of another length".to_owned())) }
    }

    /// The identifier's octets.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        self.id.as_bytes()
    }

    /// When it happened, UTC milliseconds.
    #[must_use]
    pub const fn at(&self) -> i64 {
        self.at
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Who did it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Whether this salt and value stand behind the commitment of this name at this place. A salt of another length never does: the hash covers
    /// salt and value without a mark between them, so that octets could be moved from one to the other.
    #[must_use]
    pub fn commits_to(&self, position: usize, name: &str, salt: &[u8], value: &str) -> bool {
        match self.facts.get(position).filter(|fact| fact.name == name).map(|fact| &fact.value) {
            Some(CanonicalValue::Commitment(hash)) => salt.len() == SALT && hash.as_bytes() == commitment(salt, value),
            _ => false,
        }
    }
}

impl CanonicalValue {
    fn has_its_length(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Hash(hash) | Self::Commitment(hash) => hash.as_bytes().len() == HASH,
        }
    }
}

/// Infallible: DER encoding fails only beyond 256 MiB, and a leaf's texts are bounded by what was received.
#[expect(clippy::expect_used, reason = "a leaf is bounded far below what DER can hold")]
pub(super) fn encode(leaf: &Leaf) -> Vec<u8> {
    let octets = |octets: &[u8]| OctetString::new(octets).expect("within the length that DER can hold");
    let facts = leaf.facts.iter().map(|fact| CanonicalFact {
        name: fact.name.to_owned(),
        value: match &fact.value {
            FactValue::Plain(text) => CanonicalValue::Plain(text.clone()),
            FactValue::Hash(hash) => CanonicalValue::Hash(octets(hash)),
            FactValue::Personal { salt, value } => CanonicalValue::Commitment(octets(&commitment(salt, value))),
        },
    });
    let canonical = Canonical {
        version: VERSION,
        id: octets(leaf.id.as_bytes()),
        at: leaf.at.0,
        node: leaf.node.clone(),
        kind: leaf.kind.name().to_owned(),
        actor: leaf.actor.clone(),
        case: leaf.case.map(|case| octets(case.as_bytes())),
        facts: facts.collect(),
    };
    canonical.to_der().expect("within the length that DER can hold")
}

fn commitment(salt: &[u8], value: &str) -> [u8; 32] {
    super::tree::sha256(&[salt, value.as_bytes()])
}

const VERSION: u8 = 1;
const IDENTIFIER: usize = 16;
const SALT: usize = 16;
const HASH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::LeafKind;
    use crate::case::{CaseId, LeafId, Millis};

    fn leaf() -> Leaf {
        Leaf {
            id: LeafId::from_octets([1; 16]),
            at: Millis(1_795_395_432_007),
            node: "n1".to_owned(),
            kind: LeafKind::Decision,
            actor: "code:00".to_owned(),
            case: Some(CaseId::from_octets([2; 16])),
            facts: Vec::new(),
        }
        .plain("verdict", "pass")
        .hash("rule_set", [3; 32])
        .fact("address", FactValue::Personal { salt: [4; 16], value: "192.0.2.7".to_owned() })
    }

    /// Made by another program from the ASN.1 above. If this test fails, the log of every office is broken: mend the code, not the test.
    #[test]
    fn the_canonical_bytes_never_change() {
        // The last line ends with SHA-256(16 octets 04 || "192.0.2.7").
        let expected = [
            "3081b4",
            "020101",
            "041001010101010101010101010101010101",
            "020601a205e82e47",
            "0c026e31",
            "0c086465636973696f6e",
            "0c07636f64653a3030",
            "041002020202020202020202020202020202",
            "306c",
            "300f0c0776657264696374800470617373",
            "302c0c0872756c655f73657481200303030303030303030303030303030303030303030303030303030303030303",
            "302b0c076164647265737382200c1fa4c5ceb9e79542c6c4d585254572df71199531dc0fe9dd45830693d55f80",
        ]
        .concat();
        assert_eq!(hex::encode(leaf().canonical()), expected);
    }

    #[test]
    fn canonical_bytes_read_back() {
        let canonical = Canonical::parse(&leaf().canonical()).unwrap();
        assert_eq!(canonical.id(), [1; 16]);
        assert_eq!((canonical.kind(), canonical.actor(), canonical.at()), ("decision", "code:00", 1_795_395_432_007));
        assert!(canonical.commits_to(2, "address", &[4; 16], "192.0.2.7"));
        assert!(!canonical.commits_to(2, "officer", &[4; 16], "192.0.2.7"), "a value cannot be relabelled");
        assert!(!canonical.commits_to(2, "address", &[4; 16], "192.0.2.8"));
        assert!(!canonical.commits_to(0, "address", &[4; 16], "192.0.2.7"));
    }

    #[test]
    fn the_canonical_bytes_of_a_leaf_that_names_no_case_and_no_facts_never_change() {
        // Made by another program, too; the time stands before 1970, so that the sign of `at` is fixed as well.
        let leaf = Leaf {
            id: LeafId::from_octets([1; 16]),
            at: Millis(-1),
            node: String::new(),
            kind: LeafKind::ServiceStarted,
            actor: "house:x".to_owned(),
            case: None,
            facts: Vec::new(),
        };
        let expected = "30360201010410010101010101010101010101010101010201ff0c000c0f736572766963655f737461727465640c07686f7573653a783000";
        assert_eq!(hex::encode(leaf.canonical()), expected);
        assert!(Canonical::parse(&leaf.canonical()).is_ok());
    }

    #[test]
    fn octets_moved_between_salt_and_value_are_not_what_was_committed_to() {
        let canonical = Canonical::parse(&leaf().canonical()).unwrap();
        let longer = [[4; 16].as_slice(), b"1"].concat();
        assert!(!canonical.commits_to(2, "address", &longer, "92.0.2.7"));
        assert!(!canonical.commits_to(2, "address", &[4; 15], "\u{4}192.0.2.7"));
    }

    #[test]
    fn identifiers_and_hashes_of_another_length_are_not_read() {
        let short = |octets: &[u8]| OctetString::new(octets).unwrap();
        let read = |change: &dyn Fn(&mut Canonical)| {
            let mut canonical = Canonical::parse(&leaf().canonical()).unwrap();
            change(&mut canonical);
            Canonical::parse(&canonical.to_der().unwrap())
        };
        assert!(read(&|_| ()).is_ok());
        assert!(read(&|leaf| leaf.id = short(&[1; 15])).is_err());
        assert!(read(&|leaf| leaf.case = Some(short(&[2; 17]))).is_err());
        assert!(read(&|leaf| leaf.facts[1].value = CanonicalValue::Hash(short(&[3; 31]))).is_err());
        assert!(read(&|leaf| leaf.facts[2].value = CanonicalValue::Commitment(short(&[]))).is_err());
    }

    #[test]
    fn octets_after_the_leaf_are_not_read() {
        assert!(Canonical::parse(&[leaf().canonical().as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn another_version_is_not_read() {
        let mut octets = leaf().canonical();
        octets[5] = 2;
        assert!(Canonical::parse(&octets).is_err());
    }
}
