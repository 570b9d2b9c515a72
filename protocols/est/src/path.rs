use std::fmt;

/// What can be asked of an EST server (RFC 7030 section 3.2.2, figure 5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// The certificates of the authority (RFC 7030 section 4.1).
    CaCerts,
    /// A first certificate (section 4.2.1).
    SimpleEnroll,
    /// Renewal or a new key (section 4.2.2).
    SimpleReenroll,
    /// What a request should look like (section 4.5).
    CsrAttrs,
    /// Full CMC (section 4.3); optional, known but not served here.
    FullCmc,
    /// A key made by the server (section 4.4); optional, known but not served here.
    ServerKeyGen,
}

impl Operation {
    /// Reads a path segment. Paths are compared with case (RFC 3986 section 6.2.2.1).
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        ALL.into_iter().find(|operation| operation.name() == segment)
    }

    /// The path segment.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CaCerts => "cacerts",
            Self::SimpleEnroll => "simpleenroll",
            Self::SimpleReenroll => "simplereenroll",
            Self::CsrAttrs => "csrattrs",
            Self::FullCmc => "fullcmc",
            Self::ServerKeyGen => "serverkeygen",
        }
    }

    /// The one HTTP method that the operation takes (RFC 7030 sections 4.1.2, 4.2, 4.3.1, 4.4.1, 4.5.1).
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::CaCerts | Self::CsrAttrs => "GET",
            Self::SimpleEnroll | Self::SimpleReenroll | Self::FullCmc | Self::ServerKeyGen => "POST",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A request path: `/.well-known/est/[LABEL/]OPERATION` (RFC 7030 section 3.2.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// Which of several services is meant; with us the name of a profile. Percent-decoded.
    pub label: Option<String>,
    /// What is asked.
    pub operation: Operation,
}

/// Why a path is not one of ours. All of them are a 404.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// Not below the well-known place.
    #[error("the path does not start with /.well-known/est/")]
    NotEst,
    /// The last segment is no operation.
    #[error("there is no EST operation of this name")]
    UnknownOperation,
    /// More than a label and an operation.
    #[error("the path has too many segments; one label may stand before the operation")]
    TooManySegments,
    /// The label has no characters.
    #[error("the label is empty")]
    LabelEmpty,
    /// The label is longer than we take.
    #[error("the label is longer than 128 characters")]
    LabelTooLong,
    /// RFC 7030 section 3.2.2: a label must not be an operation path segment.
    #[error("the label is the name of an operation")]
    LabelIsOperation,
    /// The label has characters that a path segment cannot hold.
    #[error("the label has characters that are not allowed")]
    LabelMalformed,
}

impl Path {
    /// Reads the path of a request (without query).
    ///
    /// # Errors
    /// When it is not the path of an EST operation, or its label breaks a rule.
    pub fn parse(path: &str) -> Result<Self, PathFault> {
        let rest = path.strip_prefix(PREFIX).ok_or(PathFault::NotEst)?;
        let segments: Vec<&str> = rest.splitn(3, '/').collect();
        let (label, operation) = match segments.as_slice() {
            [operation] => (None, *operation),
            [label, operation] => (Some(*label), *operation),
            _ => return Err(PathFault::TooManySegments),
        };
        let label = label.map(decode_label).transpose()?;
        let operation = Operation::parse(operation).ok_or(PathFault::UnknownOperation)?;
        Ok(Self { label, operation })
    }
}

/// Whether a name can be a label; for the configuration, whose profiles' names are labels.
///
/// # Errors
/// Says which rule it breaks.
pub fn check_label(label: &str) -> Result<(), PathFault> {
    if label.is_empty() {
        return Err(PathFault::LabelEmpty);
    }
    if label.chars().count() > LABEL_LIMIT {
        return Err(PathFault::LabelTooLong);
    }
    // RFC 7030 section 3.2.2: "To avoid conflict, the CA label MUST NOT be the same as any defined operation path segment."
    if RESERVED.contains(&label) || Operation::parse(label).is_some() {
        return Err(PathFault::LabelIsOperation);
    }
    if label == "." || label == ".." || label.chars().any(|c| c == '/' || c == '\\' || c.is_control()) {
        return Err(PathFault::LabelMalformed);
    }
    Ok(())
}

fn decode_label(segment: &str) -> Result<String, PathFault> {
    let mut bytes = Vec::new();
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = rest.next().and_then(hex_digit).ok_or(PathFault::LabelMalformed)?;
            let low = rest.next().and_then(hex_digit).ok_or(PathFault::LabelMalformed)?;
            bytes.push(high << 4 | low);
        } else if byte.is_ascii_alphanumeric() || PCHAR_MARKS.contains(&byte) {
            bytes.push(byte);
        } else {
            return Err(PathFault::LabelMalformed);
        }
    }
    let label = String::from_utf8(bytes).map_err(|_| PathFault::LabelMalformed)?;
    check_label(&label)?;
    Ok(label)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

const PREFIX: &str = "/.well-known/est/";

/// The RFC sets no limit; 128 is what libest takes and its tests expect.
const LABEL_LIMIT: usize = 128;

/// What RFC 3986 section 3.3 allows in a segment besides letters, digits and percent-encodings.
const PCHAR_MARKS: &[u8] = b"-._~!$&'()*+,;=:@";

/// Operations of RFC 8295, which we may serve one day, are no labels either.
const RESERVED: [&str; 6] = ["pal", "eecerts", "crls", "symmetrickeys", "firmware", "tamp"];

const ALL: [Operation; 6] = [
    Operation::CaCerts,
    Operation::SimpleEnroll,
    Operation::SimpleReenroll,
    Operation::CsrAttrs,
    Operation::FullCmc,
    Operation::ServerKeyGen,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn label_of(path: &str) -> Result<Option<String>, PathFault> {
        Path::parse(path).map(|path| path.label)
    }

    #[test]
    fn every_operation_is_found_by_its_name_without_a_label() {
        for operation in ALL {
            let path = Path::parse(&format!("/.well-known/est/{operation}"));
            assert_eq!(path, Ok(Path { label: None, operation }));
        }
    }

    #[test]
    fn a_label_stands_before_the_operation() {
        let path = Path::parse("/.well-known/est/devices/simpleenroll");
        assert_eq!(path, Ok(Path { label: Some("devices".into()), operation: Operation::SimpleEnroll }));
    }

    #[test]
    fn all_characters_of_a_segment_are_legal_in_a_label() {
        let label = "aZ09-._~!$&'()*+,;=:@";
        assert_eq!(label_of(&format!("/.well-known/est/{label}/cacerts")), Ok(Some(label.to_owned())));
        assert_eq!(label_of("/.well-known/est/a%20b%c3%A9/cacerts"), Ok(Some("a b\u{e9}".to_owned())));
    }

    #[test]
    fn a_label_may_have_128_characters_and_not_129() {
        assert!(label_of(&format!("/.well-known/est/{}/cacerts", "a".repeat(128))).is_ok());
        let longer = format!("/.well-known/est/{}/cacerts", "a".repeat(129));
        assert_eq!(label_of(&longer), Err(PathFault::LabelTooLong));
    }

    #[test]
    fn a_label_is_not_the_name_of_an_operation() {
        assert_eq!(label_of("/.well-known/est/cacerts/cacerts"), Err(PathFault::LabelIsOperation));
        assert_eq!(label_of("/.well-known/est/fullcmc/cacerts"), Err(PathFault::LabelIsOperation));
        assert_eq!(label_of("/.well-known/est/crls/cacerts"), Err(PathFault::LabelIsOperation));
        assert_eq!(label_of("/.well-known/est/cacert%73/cacerts"), Err(PathFault::LabelIsOperation));
        assert!(label_of("/.well-known/est/cacerts2/cacerts").is_ok());
    }

    #[test]
    fn two_labels_are_refused() {
        assert_eq!(label_of("/.well-known/est/a/b/cacerts"), Err(PathFault::TooManySegments));
        assert_eq!(label_of("/.well-known/est/a/cacerts/"), Err(PathFault::TooManySegments));
        assert_eq!(label_of("/.well-known/est/a/b/c/d/cacerts"), Err(PathFault::TooManySegments));
    }

    #[test]
    fn labels_that_could_confuse_a_path_are_refused() {
        for label in ["..", ".", "a%2Fb", "a%5cb", "a%00", "%", "%4", "%zz", "%ff", "a b", "a\"b"] {
            assert_eq!(
                label_of(&format!("/.well-known/est/{label}/cacerts")),
                Err(PathFault::LabelMalformed),
                "{label}"
            );
        }
        assert_eq!(label_of("/.well-known/est//cacerts"), Err(PathFault::LabelEmpty));
    }

    #[test]
    fn unknown_operations_are_refused_with_and_without_a_label() {
        for path in ["", "unknown", "CACERTS", "label/unknown", "devices/"] {
            assert_eq!(label_of(&format!("/.well-known/est/{path}")), Err(PathFault::UnknownOperation), "{path}");
        }
        assert_eq!(label_of("/.well-known/est"), Err(PathFault::NotEst));
        assert_eq!(label_of("/est/cacerts"), Err(PathFault::NotEst));
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "\\PC*") {
            let _ = Path::parse(&path);
            let _ = Path::parse(&format!("{PREFIX}{path}/cacerts"));
        }
    }
}
