//! PKCS #11 URIs (RFC 7512), as far as they name a key: path attributes that restrict the token and the object.

/// What a URI asks for. Absent means any (RFC 7512 section 2.5).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Uri {
    pub(super) token: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) class: Option<Class>,
}

/// The object classes that a key reference may name (RFC 7512 table 2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Private,
    Secret,
}

/// Why a text is no URI of a key. The texts never repeat a value: it may be a PIN.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum UriFault {
    #[error("a PKCS#11 URI begins with pkcs11:")]
    Scheme,
    #[error("a part of the PKCS#11 URI has no =")]
    NoValue,
    #[error("{0} stands twice in the PKCS#11 URI")]
    Twice(String),
    #[error("the value of {0} in the PKCS#11 URI has a character that must be percent-encoded")]
    Character(String),
    #[error("the value of {0} in the PKCS#11 URI has a % without two hexadecimal digits")]
    Percent(String),
    #[error("the value of {0} in the PKCS#11 URI is not UTF-8")]
    Utf8(String),
    #[error("the value of {0} in the PKCS#11 URI is empty or longer than PKCS#11 allows")]
    Length(String),
    #[error("{0} is not supported in a PKCS#11 URI: {1}")]
    Unsupported(String, &'static str),
}

impl Uri {
    /// Reads a URI (RFC 7512 section 2.3).
    pub(super) fn parse(text: &str) -> Result<Self, UriFault> {
        let rest = match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
            _ => return Err(UriFault::Scheme),
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        let mut seen = Vec::new();
        for part in path.split(';').filter(|_| !path.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(UriFault::NoValue)?;
            // RFC 7512 section 2.3: each attribute at most once in the path.
            if seen.contains(&name) {
                return Err(UriFault::Twice(shown(name)));
            }
            seen.push(name);
            uri.set(name, value)?;
        }
        for part in query.split('&').filter(|_| !query.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(UriFault::NoValue)?;
            check_query(name, value)?;
        }
        Ok(uri)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), UriFault> {
        let bytes = decoded(name, value, PATH_RESERVED)?;
        match name {
            "token" => self.token = Some(text(name, bytes, 32)?),
            "manufacturer" => self.manufacturer = Some(text(name, bytes, 32)?),
            "model" => self.model = Some(text(name, bytes, 16)?),
            "serial" => self.serial = Some(text(name, bytes, 16)?),
            "object" => self.object = Some(text(name, bytes, LABEL_LIMIT)?),
            "id" if bytes.is_empty() || bytes.len() > ID_LIMIT => {
                return Err(UriFault::Length(shown(name)));
            }
            "id" => self.id = Some(bytes),
            "type" => {
                self.class = Some(match bytes.as_slice() {
                    b"private" => Class::Private,
                    b"secret-key" => Class::Secret,
                    _ => {
                        return Err(UriFault::Unsupported(shown(name), "only private and secret-key are keys"));
                    }
                });
            }
            "slot-id" | "slot-description" | "slot-manufacturer" => {
                return Err(UriFault::Unsupported(
                    shown(name),
                    "slots are renumbered; name the token by token= or serial=",
                ));
            }
            // RFC 7512 section 2.5: an unrecognized path attribute matches nothing.
            _ => return Err(UriFault::Unsupported(shown(name), "it would match no key")),
        }
        Ok(())
    }
}

/// The query names PINs and modules, which have keys of their own in the configuration; what is not recognized is
/// passed over (RFC 7512 section 2.5).
fn check_query(name: &str, value: &str) -> Result<(), UriFault> {
    match name {
        "pin-value" | "pin-source" => Err(UriFault::Unsupported(shown(name), "use pin_file or pin_credential")),
        "module-name" | "module-path" => Err(UriFault::Unsupported(shown(name), "use module")),
        _ => decoded(name, value, QUERY_RESERVED).map(drop),
    }
}

/// Percent-decodes a value; every octet that the grammar does not allow is refused.
fn decoded(name: &str, value: &str, reserved: &[u8]) -> Result<Vec<u8>, UriFault> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut octets = value.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'%' => {
                let digits = [octets.next(), octets.next()].map(|digit| digit.and_then(hex_digit));
                let [Some(high), Some(low)] = digits else {
                    return Err(UriFault::Percent(shown(name)));
                };
                decoded.push(high << 4 | low);
            }
            _ if octet.is_ascii_alphanumeric() || UNRESERVED.contains(&octet) || reserved.contains(&octet) => {
                decoded.push(octet);
            }
            _ => return Err(UriFault::Character(shown(name))),
        }
    }
    Ok(decoded)
}

fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// RFC 7512 section 2.3: a value that PKCS#11 would not accept makes the URI invalid.
fn text(name: &str, bytes: Vec<u8>, limit: usize) -> Result<String, UriFault> {
    if bytes.is_empty() || bytes.len() > limit {
        return Err(UriFault::Length(shown(name)));
    }
    String::from_utf8(bytes).map_err(|_| UriFault::Utf8(shown(name)))
}

/// An attribute name, safe to show.
fn shown(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(32).collect()
}

const SCHEME: &str = "pkcs11:";
const UNRESERVED: &[u8] = b"-._~";
const PATH_RESERVED: &[u8] = b":[]@!$'()*+,=&";
/// Without the `|` of the RFC, which no URI may have (erratum 4813).
const QUERY_RESERVED: &[u8] = b":[]@!$'()*+,=/?";
const LABEL_LIMIT: usize = 255;
const ID_LIMIT: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_named_by_token_object_and_id() {
        let uri = Uri::parse("pkcs11:token=The%20RA;serial=1f;object=ra-signing;id=%01%Ff;type=private").unwrap();
        assert_eq!(uri.token.as_deref(), Some("The RA"));
        assert_eq!(uri.serial.as_deref(), Some("1f"));
        assert_eq!(uri.object.as_deref(), Some("ra-signing"));
        assert_eq!(uri.id.as_deref(), Some([1, 255].as_slice()));
        assert_eq!(uri.class, Some(Class::Private));
    }

    #[test]
    fn an_empty_path_restricts_nothing() {
        assert_eq!(Uri::parse("pkcs11:"), Ok(Uri::default()));
        assert_eq!(Uri::parse("PKCS11:?"), Ok(Uri::default()));
    }

    #[test]
    fn reserved_characters_of_the_path_stand_for_themselves() {
        let uri = Uri::parse("pkcs11:object=a:[]@!$'()*+,=&-._~b").unwrap();
        assert_eq!(uri.object.as_deref(), Some("a:[]@!$'()*+,=&-._~b"));
    }

    #[test]
    fn a_broken_percent_sign_is_refused() {
        for text in ["pkcs11:id=%zz", "pkcs11:id=%1", "pkcs11:id=%", "pkcs11:id=%+1", "pkcs11:object=%é1"] {
            assert!(matches!(Uri::parse(text), Err(UriFault::Percent(_))), "{text}");
        }
    }

    #[test]
    fn characters_that_must_be_encoded_are_refused() {
        for text in ["pkcs11:object=a/b", "pkcs11:object=a#b", "pkcs11:object=a b", "pkcs11:object=é", "pkcs11:?x=a|b"]
        {
            assert!(matches!(Uri::parse(text), Err(UriFault::Character(_))), "{text}");
        }
    }

    #[test]
    fn an_attribute_stands_at_most_once() {
        assert_eq!(Uri::parse("pkcs11:id=%01;id=%01"), Err(UriFault::Twice("id".into())));
    }

    #[test]
    fn what_has_no_value_or_no_scheme_is_refused() {
        assert_eq!(Uri::parse("pkcs11:object"), Err(UriFault::NoValue));
        assert_eq!(Uri::parse("pkcs11:object=a;"), Err(UriFault::NoValue));
        assert_eq!(Uri::parse("pkcs12:object=a"), Err(UriFault::Scheme));
        assert_eq!(Uri::parse("pkcs"), Err(UriFault::Scheme));
        assert_eq!(Uri::parse(""), Err(UriFault::Scheme));
    }

    #[test]
    fn a_slot_number_names_no_key() {
        assert!(matches!(Uri::parse("pkcs11:slot-id=1;object=a"), Err(UriFault::Unsupported(..))));
    }

    #[test]
    fn an_unknown_path_attribute_matches_nothing_and_an_unknown_query_attribute_is_passed_over() {
        assert!(matches!(Uri::parse("pkcs11:vendor=1"), Err(UriFault::Unsupported(..))));
        assert!(matches!(Uri::parse("pkcs11:type=cert"), Err(UriFault::Unsupported(..))));
        assert!(Uri::parse("pkcs11:object=a?vendor=1&vendor=2").is_ok());
    }

    #[test]
    fn a_pin_in_the_uri_is_refused_and_not_shown() {
        let fault = Uri::parse("pkcs11:object=a?pin-value=geheim").unwrap_err().to_string();
        assert!(fault.contains("pin_file") && !fault.contains("geheim"), "{fault}");
    }

    #[test]
    fn values_that_pkcs11_cannot_hold_are_refused() {
        let long = format!("pkcs11:token={}", "a".repeat(33));
        for text in [long.as_str(), "pkcs11:serial=12345678901234567", "pkcs11:token=", "pkcs11:id="] {
            assert!(matches!(Uri::parse(text), Err(UriFault::Length(_))), "{text}");
        }
        assert!(matches!(Uri::parse("pkcs11:token=%ff"), Err(UriFault::Utf8(_))));
    }

    proptest! {
        #[test]
        fn any_id_survives_percent_encoding(id in proptest::collection::vec(any::<u8>(), 1..64)) {
            let encoded = id.iter().fold(String::new(), |text, octet| text + &format!("%{octet:02x}"));
            prop_assert_eq!(Uri::parse(&format!("pkcs11:id={encoded}")).unwrap().id, Some(id));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = Uri::parse(&text);
            let _ = Uri::parse(&format!("pkcs11:{text}"));
        }
    }
}
