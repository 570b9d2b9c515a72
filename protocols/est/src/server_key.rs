//! The answer of `/serverkeygen` (RFC 7030 section 4.4.2): a private key and its certificate, as `multipart/mixed`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::CERTS_ONLY;

/// The private key on its way.
#[derive(Debug)]
pub enum KeyPart<'a> {
    /// PKCS#8 `PrivateKeyInfo`, DER: nothing but TLS hides it.
    Plain(&'a Zeroizing<Vec<u8>>),
    /// CMS `EnvelopedData` in its `ContentInfo`, DER.
    Enveloped(&'a [u8]),
}

/// The body, and its content type. `boundary` is random: 1 to 70 letters and digits (RFC 2046 section 5.1.1).
#[must_use]
pub fn server_key_answer(key: &KeyPart<'_>, certs_only: &[u8], boundary: &str) -> (String, Zeroizing<Vec<u8>>) {
    let (content_type, key) = match key {
        KeyPart::Plain(der) => ("application/pkcs8", Zeroizing::new(STANDARD.encode(der.as_slice()))),
        KeyPart::Enveloped(der) => (ENVELOPED, Zeroizing::new(STANDARD.encode(der))),
    };
    let certificate = STANDARD.encode(certs_only);
    let mut body = Zeroizing::new(Vec::with_capacity(key.len() + certificate.len() + ROOM + 3 * boundary.len()));
    for (content_type, content) in [(content_type, key.as_str()), (CERTS_ONLY, certificate.as_str())] {
        // libest's client wants both fields in each part (est.md 1.3).
        for text in [
            "--",
            boundary,
            "\r\nContent-Type: ",
            content_type,
            "\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            content,
            "\r\n",
        ] {
            body.extend_from_slice(text.as_bytes());
        }
    }
    for text in ["--", boundary, "--\r\n"] {
        body.extend_from_slice(text.as_bytes());
    }
    (format!("multipart/mixed; boundary={boundary}"), body)
}

const ENVELOPED: &str = "application/pkcs7-mime; smime-type=server-generated-key";

/// More than the fields of all parts, so that no copy of the key is left behind when the body grows.
const ROOM: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_as_clients_read_them() {
        let key = Zeroizing::new(vec![0x30, 0]);
        let (content_type, body) = server_key_answer(&KeyPart::Plain(&key), &[0x30, 1, 0], "b0");
        assert_eq!(content_type, "multipart/mixed; boundary=b0");
        let expected = "--b0\r\nContent-Type: application/pkcs8\r\nContent-Transfer-Encoding: base64\r\n\r\nMAA=\r\n\
             --b0\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Transfer-Encoding: base64\r\n\r\nMAEA\r\n\
             --b0--\r\n";
        assert_eq!(String::from_utf8_lossy(&body), expected);
        let (_, body) = server_key_answer(&KeyPart::Enveloped(&[0x30, 0]), &[], "b0");
        assert!(String::from_utf8_lossy(&body).contains("smime-type=server-generated-key\r\n"));
    }

    #[test]
    fn the_body_does_not_grow_while_it_is_written() {
        let key = Zeroizing::new(vec![7; 3000]);
        let (_, body) = server_key_answer(&KeyPart::Plain(&key), &[7; 2000], &"b".repeat(70));
        assert!(
            body.capacity() - body.len() < ROOM && body.capacity() <= 4000 + 2668 + ROOM + 210 + 8,
            "{}",
            body.capacity()
        );
    }
}
