/// A `Content-Type` header, read without regard to case (RFC 9110 section 8.3.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContentType {
    media_type: String,
    parameters: Vec<(String, String)>,
}

impl ContentType {
    /// Reads a header's value; `None` when it is not a media type.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = Parts { rest: value };
        let media_type = parts.until_semicolon()?.trim().to_ascii_lowercase();
        let (kind, subtype) = media_type.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        while let Some(part) = parts.until_semicolon() {
            let part = part.trim();
            if part.is_empty() {
                continue; // RFC 9110 section 5.6.6 allows empty parameters
            }
            let (name, value) = part.split_once('=')?;
            if !is_token(name) {
                return None;
            }
            parameters.push((name.to_ascii_lowercase(), unquote(value)?));
        }
        Some(Self { media_type, parameters })
    }

    /// Whether it is this media type, whatever the parameters.
    #[must_use]
    pub fn is(&self, media_type: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Whether a request body may be read as PKCS#10 (RFC 7030 section 4.2.1): `application/pkcs10`, in any case, with any parameters.
#[must_use]
pub fn is_request(content_type: &str) -> bool {
    ContentType::parse(content_type).is_some_and(|found| found.is(CONTENT_TYPE_REQUEST))
}

struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// The text up to the next semicolon that is not in a quoted string.
    fn until_semicolon(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.find(|c| {
            let ends = c == ';' && !quoted;
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            ends
        });
        let (part, rest) = match end {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, ""),
        };
        self.rest = rest;
        Some(part)
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn unquote(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return is_token(value).then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut characters = inner.strip_suffix('"')?.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '"' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

/// The body of `/simpleenroll` and `/simplereenroll` (RFC 7030 section 4.2.1).
pub const CONTENT_TYPE_REQUEST: &str = "application/pkcs10";

/// The answer to `/simpleenroll` and `/simplereenroll` (RFC 7030 section 4.2.3). libest refuses it without the parameter.
pub const CERTS_ONLY: &str = "application/pkcs7-mime; smime-type=certs-only";

/// The answer to `/cacerts` (RFC 7030 section 4.1.3).
pub const CONTENT_TYPE_CA_CERTS: &str = "application/pkcs7-mime";

/// The answer to `/csrattrs` (RFC 7030 section 4.5.2).
pub const CONTENT_TYPE_CSR_ATTRS: &str = "application/csrattrs";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_parameters_do_not_matter_for_a_request() {
        for value in [
            "application/pkcs10",
            "Application/PKCS10",
            " application/pkcs10 ;charset=utf-8",
            "application/pkcs10; smime-type=\"a;b\\\"c\"; ",
        ] {
            assert!(is_request(value), "{value}");
        }
    }

    #[test]
    fn other_media_types_are_no_request() {
        for value in [
            "",
            "application/pkcs7-mime",
            "application/x-www-form-urlencoded",
            "application/pkcs10x",
            "pkcs10",
            "application/pkcs10; x",
            "a/b/c",
            "application/ pkcs10",
        ] {
            assert!(!is_request(value), "{value}");
        }
    }

    #[test]
    fn parameters_are_found_by_name_in_any_case() {
        let found = ContentType::parse("application/pkcs7-mime; SMIME-Type=\"certs-only\"");
        assert_eq!(found.as_ref().and_then(|found| found.parameter("smime-type")), Some("certs-only"));
        assert_eq!(found.as_ref().and_then(|found| found.parameter("name")), None);
        assert!(ContentType::parse(CERTS_ONLY).is_some_and(|found| found.is(CONTENT_TYPE_CA_CERTS)));
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "\\PC*", parameter in "\\PC*") {
            let _ = ContentType::parse(&value);
            let _ = ContentType::parse(&format!("a/b;{parameter}"));
        }
    }
}
