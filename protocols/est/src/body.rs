use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Fault;

/// How the base64 of an answer is laid out. RFC 8951 section 3.1 lets receivers expect anything, but no one layout suits all clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// One line and a line feed: what strongSwan up to 5.9.10 needs, which takes no white space inside.
    OneLine,
    /// Lines of 64 characters, each ended by a line feed: what libest needs, which wants one within the first 1024 bytes.
    Wrapped64,
}

impl Layout {
    /// The layout that the client behind this request can read.
    ///
    /// A client that wraps its own body reads wrapped ones; it is the one to be feared to need them when the answer is long.
    #[must_use]
    pub fn choose(user_agent: Option<&str>, posted: Option<&[u8]>, der_len: usize) -> Self {
        let libest =
            user_agent.is_some_and(|agent| agent.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("libest")));
        let wraps = posted.is_some_and(|body| body.trim_ascii_end().contains(&b'\n'));
        if libest || (wraps && der_len > LONG_ANSWER) { Self::Wrapped64 } else { Self::OneLine }
    }
}

/// The text of an answer: base64 of the DER (RFC 8951 section 3), in the layout that suits the client, with a line feed at its end.
#[must_use]
pub fn encode_payload(der: &[u8], layout: Layout) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let width = match layout {
        Layout::OneLine => text.len().max(1),
        Layout::Wrapped64 => 64,
    };
    let mut lines = Vec::with_capacity(text.len() + text.len() / 64 + 1);
    for line in text.as_bytes().chunks(width) {
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    lines
}

/// The DER in a posted request. Whatever `Content-Transfer-Encoding` says is ignored (RFC 8951 section 3).
///
/// Taken are base64 with CR, LF, space and TAB anywhere (RFC 8951 section 3.1), PEM with its BEGIN and END lines, as people post
/// with curl, and plain DER. Of the DER only the first byte is looked at.
///
/// # Errors
/// When there is none of these in the body; the text says what is wrong with it.
pub fn decode_request(body: &[u8]) -> Result<Vec<u8>, Fault> {
    // No base64 of a SEQUENCE starts with "0", which is also the tag 0x30: it starts with "M".
    if body.first() == Some(&SEQUENCE) {
        return Ok(body.to_vec());
    }
    match body.windows(BEGIN.len()).position(|window| window == BEGIN) {
        Some(start) => decode_pem(body.get(start..).unwrap_or_default()),
        None => decode_payload(body),
    }
}

/// The DER in base64 with any white space: the body of an answer, for a client.
///
/// # Errors
/// When it is not base64, or not of DER.
pub fn decode_payload(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let der = decode_text(body)?;
    match der.first() {
        None => Err(Fault::Empty),
        Some(&SEQUENCE) => Ok(der),
        Some(b'M') => Err(Fault::Content("base64 again")),
        Some(b'-') => Err(Fault::Content("PEM")),
        Some(_) => Err(Fault::Content("something")),
    }
}

/// RFC 7468 sections 2 and 7. Text before the BEGIN line is explanatory and passed over.
fn decode_pem(pem: &[u8]) -> Result<Vec<u8>, Fault> {
    let unclosed = Fault::Pem("the BEGIN line has no end");
    let rest = pem.get(BEGIN.len()..).unwrap_or_default();
    let (label, rest) = split_at(rest, DASHES).ok_or(unclosed)?;
    let label = String::from_utf8_lossy(label.get(..label.len().min(40)).unwrap_or_default()).into_owned();
    // RFC 7468 section 7: NEW CERTIFICATE REQUEST is what some old programs write.
    if label != "CERTIFICATE REQUEST" && label != "NEW CERTIFICATE REQUEST" {
        return Err(Fault::PemLabel(label));
    }
    let (text, rest) = split_at(rest, END).ok_or(Fault::Pem("the END line is missing"))?;
    let (end_label, rest) = split_at(rest, DASHES).ok_or(Fault::Pem("the END line is cut off"))?;
    if end_label != label.as_bytes() {
        return Err(Fault::Pem("BEGIN and END name different things"));
    }
    if !strip(rest).is_empty() {
        return Err(Fault::Pem("there is more behind the END line; one request at a time"));
    }
    decode_payload(text)
}

fn decode_text(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = strip(text);
    let mut symbols = Vec::with_capacity(text.len());
    for (offset, byte) in text.iter().copied().enumerate() {
        match byte {
            b'\r' | b'\n' | b' ' | b'\t' => {}
            b'-' | b'_' => return Err(Fault::UrlSafe),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => symbols.push(byte),
            other => return Err(Fault::Alphabet { character: char::from(other), offset }),
        }
    }
    if symbols.is_empty() {
        return Err(Fault::Empty);
    }
    STANDARD.decode(symbols).map_err(|error| {
        Fault::Base64(match error {
            base64::DecodeError::InvalidPadding => "the padding is missing or wrong",
            base64::DecodeError::InvalidLength(_) => "it is cut off",
            base64::DecodeError::InvalidLastSymbol(..) => "its last character is wrong",
            base64::DecodeError::InvalidByte(..) => "there is padding inside",
        })
    })
}

/// Without white space at the end, nor the NUL that C programs send along (libest's own server does).
fn strip(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0));
    kept.and_then(|last| text.get(..=last)).unwrap_or_default()
}

fn split_at<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const SEQUENCE: u8 = 0x30;

/// Bytes of DER whose base64 could pass the 1024 bytes in which libest looks for a line feed.
const LONG_ANSWER: usize = 700;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn der() -> Vec<u8> {
        let mut der = vec![SEQUENCE, 0x82, 0x01, 0x00];
        der.extend(0..=255);
        der
    }

    fn wrapped(width: usize, end: &str) -> Vec<u8> {
        let text = STANDARD.encode(der());
        text.as_bytes().chunks(width).flat_map(|line| [line, end.as_bytes()].concat()).collect()
    }

    fn pem(label: &str) -> Vec<u8> {
        let mut pem = format!("-----BEGIN {label}-----\n").into_bytes();
        pem.extend(wrapped(64, "\n"));
        pem.extend(format!("-----END {label}-----\n").into_bytes());
        pem
    }

    #[test]
    fn every_layout_seen_in_the_wild_is_read() {
        let one_line = STANDARD.encode(der()).into_bytes();
        let with_nul = [one_line.as_slice(), b"\n\0"].concat();
        let with_leading = [b"\r\n \t", one_line.as_slice()].concat();
        let bodies = [one_line, with_nul, with_leading, wrapped(64, "\n"), wrapped(76, "\r\n"), wrapped(1, " \t")];
        for body in bodies {
            assert_eq!(decode_request(&body), Ok(der()));
        }
    }

    #[test]
    fn pem_is_read_with_both_labels_and_explanations() {
        assert_eq!(decode_request(&pem("CERTIFICATE REQUEST")), Ok(der()));
        assert_eq!(decode_request(&pem("NEW CERTIFICATE REQUEST")), Ok(der()));
        let explained =
            [b"Certificate Request:\n    Data:\n".as_slice(), &pem("CERTIFICATE REQUEST"), b"\r\n\0"].concat();
        assert_eq!(decode_request(&explained), Ok(der()));
    }

    #[test]
    fn der_is_read_as_it_is() {
        assert_eq!(decode_request(&der()), Ok(der()));
        assert_eq!(decode_request(&[SEQUENCE, 1, b'\n']), Ok(vec![SEQUENCE, 1, b'\n']));
    }

    #[test]
    fn an_empty_body_is_refused() {
        for body in
            [b"".as_slice(), b" \r\n", b"\0", b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----"]
        {
            assert_eq!(decode_request(body), Err(Fault::Empty));
        }
    }

    #[test]
    fn what_is_not_base64_is_refused_with_the_place() {
        assert_eq!(decode_request(b"MII*"), Err(Fault::Alphabet { character: '*', offset: 3 }));
        assert_eq!(decode_request(b"MII\0AAAA"), Err(Fault::Alphabet { character: '\0', offset: 3 }));
        assert_eq!(decode_request(b"MII-"), Err(Fault::UrlSafe));
        assert_eq!(decode_request(b"MAA"), Err(Fault::Base64("the padding is missing or wrong")));
        assert!(matches!(decode_request(b"MA=A"), Err(Fault::Base64(_))));
        assert!(matches!(decode_request(b"MAAAA"), Err(Fault::Base64(_))));
    }

    #[test]
    fn base64_of_something_else_is_refused() {
        assert_eq!(decode_request(STANDARD.encode("MIIB").as_bytes()), Err(Fault::Content("base64 again")));
        assert_eq!(decode_request(STANDARD.encode(pem("CERTIFICATE REQUEST")).as_bytes()), Err(Fault::Content("PEM")));
        assert_eq!(decode_request(b"AAAA"), Err(Fault::Content("something")));
    }

    #[test]
    fn pem_that_is_not_one_request_is_refused() {
        assert_eq!(decode_request(&pem("CERTIFICATE")), Err(Fault::PemLabel("CERTIFICATE".into())));
        let cut = pem("CERTIFICATE REQUEST");
        assert!(matches!(decode_request(&cut[..200]), Err(Fault::Pem(_))));
        assert!(matches!(decode_request(&cut[..15]), Err(Fault::Pem(_))));
        assert!(matches!(decode_request(&cut[..cut.len() - 4]), Err(Fault::Pem(_))));
        assert!(matches!(decode_request(&[cut.as_slice(), &cut].concat()), Err(Fault::Pem(_))));
        let mixed = String::from_utf8(cut).unwrap().replace("END CERT", "END NEW CERT");
        assert!(matches!(decode_request(mixed.as_bytes()), Err(Fault::Pem(_))));
    }

    #[test]
    fn an_answer_is_one_line_unless_the_client_needs_wrapping() {
        assert_eq!(Layout::choose(None, None, 3000), Layout::OneLine);
        assert_eq!(Layout::choose(Some("curl/7.88"), Some(b"MIIB\n"), 3000), Layout::OneLine);
        assert_eq!(Layout::choose(Some("libest 3.2.0p"), None, 100), Layout::Wrapped64);
        assert_eq!(Layout::choose(None, Some(b"MIIB\nAAAA\n"), 3000), Layout::Wrapped64);
        assert_eq!(Layout::choose(None, Some(b"MIIB\nAAAA\n"), 300), Layout::OneLine);
    }

    #[test]
    fn both_layouts_end_with_a_line_feed() {
        assert_eq!(encode_payload(&[0x30, 0], Layout::OneLine), b"MAA=\n");
        let long = encode_payload(&[0x30; 1000], Layout::OneLine);
        assert_eq!(long.iter().position(|byte| *byte == b'\n'), Some(long.len() - 1));
        let text = encode_payload(&[0x30; 96], Layout::Wrapped64);
        assert_eq!(text.len(), 2 * 65);
        assert!(text.chunks(65).all(|line| line.ends_with(b"\n")));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_request(&body);
            let _ = decode_request(&[BEGIN, body.as_slice()].concat());
        }

        #[test]
        fn what_is_written_is_read(content in proptest::collection::vec(any::<u8>(), 0..500), wrap: bool) {
            let der = [&[SEQUENCE], content.as_slice()].concat();
            let layout = if wrap { Layout::Wrapped64 } else { Layout::OneLine };
            prop_assert_eq!(decode_request(&encode_payload(&der, layout)), Ok(der));
        }
    }
}
