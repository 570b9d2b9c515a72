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

use crate::tree::{Hash, sha256};

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
    facts: Vec<Fact>,
}

/// A fact of a leaf: its name, and what it says.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub struct Fact {
    name: String,
    value: Value,
}

#[expect(clippy::unnested_or_patterns, reason = "written by the derive of Choice")]
mod value {
    use der::Choice;
    use der::asn1::OctetString;

    #[derive(Choice, Clone, Debug, Eq, PartialEq)]
    pub(super) enum Value {
        #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
        Plain(String),
        #[asn1(context_specific = "1", tag_mode = "IMPLICIT")]
        Hash(OctetString),
        #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
        Commitment(OctetString),
    }
}
use value::Value;

/// Bytes that are not the canonical bytes of any leaf.
#[derive(Debug, thiserror::Error)]
#[error("these are not the canonical bytes of a leaf: {0}")]
pub struct Damaged(String);

impl Canonical {
    /// A leaf: its identifier, UTC milliseconds, the node, what happened, who did it, and the case it is about.
    #[must_use]
    pub fn new(
        id: &[u8; IDENTIFIER],
        at: i64,
        (node, kind, actor): (&str, &str, &str),
        case: Option<&[u8; IDENTIFIER]>,
        facts: Vec<Fact>,
    ) -> Self {
        let [node, kind, actor] = [node, kind, actor].map(str::to_owned);
        Self { version: VERSION, id: octets(id), at, node, kind, actor, case: case.map(|case| octets(case)), facts }
    }

    /// The bytes that are hashed into the tree.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        encoded(self)
    }

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

    /// The node that saw it.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The octets of the case's identifier, where it is about one.
    #[must_use]
    pub fn case(&self) -> Option<&[u8]> {
        self.case.as_ref().map(OctetString::as_bytes)
    }

    /// More about it.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Whether this salt and value stand behind the commitment of this name at this place. A salt of another length never does: the hash covers
    /// salt and value without a mark between them, so that octets could be moved from one to the other.
    #[must_use]
    pub fn commits_to(&self, position: usize, name: &str, salt: &[u8], value: &str) -> bool {
        match self.facts.get(position).filter(|fact| fact.name == name).map(|fact| &fact.value) {
            Some(Value::Commitment(hash)) => salt.len() == SALT && hash.as_bytes() == commitment(salt, value),
            _ => false,
        }
    }
}

impl Value {
    fn has_its_length(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Hash(hash) | Self::Commitment(hash) => hash.as_bytes().len() == HASH,
        }
    }
}

impl Fact {
    /// A text that is no personal data.
    #[must_use]
    pub fn plain(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), value: Value::Plain(text.to_owned()) }
    }

    /// A SHA-256.
    #[must_use]
    pub fn hash(name: &str, hash: &Hash) -> Self {
        Self { name: name.to_owned(), value: Value::Hash(octets(hash)) }
    }

    /// Personal data: only what commits to it stands in the leaf.
    #[must_use]
    pub fn personal(name: &str, salt: &[u8; SALT], value: &str) -> Self {
        Self { name: name.to_owned(), value: Value::Commitment(octets(&commitment(salt, value))) }
    }

    /// What it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, where it stands in the leaf.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Value::Plain(text) = &self.value { Some(text) } else { None }
    }

    /// The hash: of something, or of a salt and personal data.
    #[must_use]
    pub fn digest(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Plain(_) => None,
            Value::Hash(hash) | Value::Commitment(hash) => Some(hash.as_bytes()),
        }
    }

    /// Whether it only commits to what it says.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        matches!(self.value, Value::Commitment(_))
    }
}

/// Infallible: DER encoding fails only beyond 256 MiB, and a leaf's texts are bounded by what was received.
#[expect(clippy::expect_used, reason = "a leaf is bounded far below what DER can hold")]
fn octets(octets: &[u8]) -> OctetString {
    OctetString::new(octets).expect("within the length that DER can hold")
}

/// Infallible for the same reason.
#[expect(clippy::expect_used, reason = "a leaf is bounded far below what DER can hold")]
fn encoded(leaf: &Canonical) -> Vec<u8> {
    leaf.to_der().expect("within the length that DER can hold")
}

fn commitment(salt: &[u8], value: &str) -> Hash {
    sha256(&[salt, value.as_bytes()])
}

const VERSION: u8 = 1;
const IDENTIFIER: usize = 16;
const SALT: usize = 16;
const HASH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> Canonical {
        let facts = vec![
            Fact::plain("verdict", "pass"),
            Fact::hash("rule_set", &[3; 32]),
            Fact::personal("address", &[4; 16], "192.0.2.7"),
        ];
        Canonical::new(&[1; 16], 1_795_395_432_007, ("n1", "decision", "code:00"), Some(&[2; 16]), facts)
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
        assert_eq!(hex::encode(leaf().to_octets()), expected);
    }

    #[test]
    fn canonical_bytes_read_back() {
        let canonical = Canonical::parse(&leaf().to_octets()).unwrap();
        assert_eq!(canonical.id(), [1; 16]);
        assert_eq!((canonical.kind(), canonical.actor(), canonical.at()), ("decision", "code:00", 1_795_395_432_007));
        assert_eq!((canonical.node(), canonical.case()), ("n1", Some([2; 16].as_slice())));
        assert_eq!(canonical.facts(), leaf().facts());
        assert!(canonical.commits_to(2, "address", &[4; 16], "192.0.2.7"));
        assert!(!canonical.commits_to(2, "officer", &[4; 16], "192.0.2.7"), "a value cannot be relabelled");
        assert!(!canonical.commits_to(2, "address", &[4; 16], "192.0.2.8"));
        assert!(!canonical.commits_to(0, "address", &[4; 16], "192.0.2.7"));
    }

    #[test]
    fn the_canonical_bytes_of_a_leaf_that_names_no_case_and_no_facts_never_change() {
        // Made by another program, too; the time stands before 1970, so that the sign of `at` is fixed as well.
        let leaf = Canonical::new(&[1; 16], -1, ("", "service_started", "house:x"), None, Vec::new());
        let expected = "30360201010410010101010101010101010101010101010201ff0c000c0f736572766963655f737461727465640c07686f7573653a783000";
        assert_eq!(hex::encode(leaf.to_octets()), expected);
        assert!(Canonical::parse(&leaf.to_octets()).is_ok());
    }

    #[test]
    fn octets_moved_between_salt_and_value_are_not_what_was_committed_to() {
        let canonical = Canonical::parse(&leaf().to_octets()).unwrap();
        let longer = [[4; 16].as_slice(), b"1"].concat();
        assert!(!canonical.commits_to(2, "address", &longer, "92.0.2.7"));
        assert!(!canonical.commits_to(2, "address", &[4; 15], "\u{4}192.0.2.7"));
    }

    #[test]
    fn identifiers_and_hashes_of_another_length_are_not_read() {
        let short = |octets: &[u8]| OctetString::new(octets).unwrap();
        let read = |change: &dyn Fn(&mut Canonical)| {
            let mut canonical = Canonical::parse(&leaf().to_octets()).unwrap();
            change(&mut canonical);
            Canonical::parse(&canonical.to_der().unwrap())
        };
        assert!(read(&|_| ()).is_ok());
        assert!(read(&|leaf| leaf.id = short(&[1; 15])).is_err());
        assert!(read(&|leaf| leaf.case = Some(short(&[2; 17]))).is_err());
        assert!(read(&|leaf| leaf.facts[1].value = Value::Hash(short(&[3; 31]))).is_err());
        assert!(read(&|leaf| leaf.facts[2].value = Value::Commitment(short(&[]))).is_err());
    }

    #[test]
    fn octets_after_the_leaf_are_not_read() {
        assert!(Canonical::parse(&[leaf().to_octets().as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn another_version_is_not_read() {
        let mut octets = leaf().to_octets();
        octets[5] = 2;
        assert!(Canonical::parse(&octets).is_err());
    }
}
