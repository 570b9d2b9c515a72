//! HTTP Digest with SHA-256 (RFC 7616): an enrolment code is shown without being sent.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::{Method, Uri};
use zeroize::Zeroizing;

use super::Asked;
use super::identify::Sent;
use crate::registrar::{MacProof, Registrar};

/// What a requester sent, before its secret is known.
pub(super) struct Digest {
    pub(super) nonce: String,
    pub(super) count: u32,
    user: String,
    /// What the secret's hash is followed by (RFC 7616 section 3.4.1).
    rest: String,
    response: Vec<u8>,
}

impl Digest {
    /// Reads the parameters of the header (RFC 7616 section 3.4).
    pub(super) fn read(text: &str, method: &Method, uri: &Uri) -> Result<Self, &'static str> {
        let parameters =
            parameters(text).ok_or("the parameters of the Digest cannot be read (RFC 7616 section 3.4)")?;
        let value = |name: &str| parameters.get(name).map(String::as_str).ok_or("a parameter of the Digest is missing");
        // Without it MD5 is meant (RFC 7616 section 3.3).
        if !parameters.get("algorithm").is_some_and(|algorithm| algorithm.eq_ignore_ascii_case("SHA-256")) {
            return Err("the algorithm of the Digest must be SHA-256");
        }
        if parameters.get("userhash").is_some_and(|hashed| !hashed.eq_ignore_ascii_case("false")) {
            return Err("the user name of the Digest must not be hashed");
        }
        if value("realm")? != REALM || value("qop")? != "auth" {
            return Err("realm and qop of the Digest must be those of the challenge");
        }
        // RFC 7616 section 3.4.6: what is proven for one resource is good for no other.
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        if value("uri")? != target {
            return Err("the uri of the Digest is not the one asked for");
        }
        let (nonce, counted, ours) = (value("nonce")?, value("nc")?, value("cnonce")?);
        let count = u32::from_str_radix(counted, 16).ok().filter(|_| counted.len() == 8);
        let response = hex::decode(value("response")?).ok().filter(|response| response.len() == 32);
        let (Some(count), Some(response)) = (count, response) else {
            return Err("nc or response of the Digest has a wrong length");
        };
        let about = hashed(&format!("{method}:{target}"));
        Ok(Self {
            nonce: nonce.to_owned(),
            count,
            user: value("username")?.to_owned(),
            rest: format!("{nonce}:{counted}:{ours}:auth:{about}"),
            response,
        })
    }
}

impl MacProof for Digest {
    fn reference(&self) -> &[u8] {
        self.user.as_bytes()
    }

    fn iterations(&self) -> u32 {
        0
    }

    fn verify(&self, secret: &[u8]) -> bool {
        verify_slices_are_equal(&expected(&self.user, REALM, secret, &self.rest), &self.response).is_ok()
    }
}

/// RFC 7616 section 3.4.1.
fn expected(user: &str, realm: &str, secret: &[u8], rest: &str) -> Vec<u8> {
    let known = Zeroizing::new([user.as_bytes(), b":", realm.as_bytes(), b":", secret].concat());
    let known = Zeroizing::new(hex::encode(digest(&SHA256, &known)));
    let whole = Zeroizing::new([known.as_bytes(), b":", rest.as_bytes()].concat());
    digest(&SHA256, &whole).as_ref().to_vec()
}

/// RFC 7616 section 3.3.
pub(super) fn challenge(nonce: &str, stale: bool) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    format!("Digest realm=\"{REALM}\", qop=\"auth\", algorithm=SHA-256, nonce=\"{nonce}\", charset=UTF-8{stale}")
}

/// Whether a request was refused for its nonce, so that the same secret may be tried again with another (RFC 7616 section 3.3).
pub(super) fn is_stale(asked: &Asked, registrar: &Registrar) -> bool {
    asked.overtaken.load(Ordering::Relaxed)
        || matches!(Sent::read(asked), Ok(Sent::Digest(sent)) if asked.nonces.live(&sent.nonce, registrar).is_none())
}

fn hashed(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// RFC 9110 section 11.2: `name=token` and `name="text"`, with commas between; each name once.
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = after.strip_prefix('"').map_or_else(|| token(after), unquoted)?;
        if found.insert(name.trim().to_ascii_lowercase(), value).is_some() {
            return None;
        }
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(found)
}

/// The token up to the next comma, and what stands behind it.
fn token(text: &str) -> Option<(String, &str)> {
    let (token, after) = text.split_at(text.find(',').unwrap_or(text.len()));
    let token = token.trim();
    let whole = !token.is_empty() && !token.contains(['"', '\\', ' ', '\t']);
    whole.then(|| (token.to_owned(), after))
}

/// The text up to the closing quote, and what stands behind it.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(place + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

const REALM: &str = "EST";

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(secret: &str) -> String {
        let rest = format!("00ff:00000001:xyz:auth:{}", hashed("POST:/est/simpleenroll"));
        let response = hex::encode(expected("ab\"c", REALM, secret.as_bytes(), &rest));
        format!(
            "username=\"ab\\\"c\", realm=\"EST\", nonce=\"00ff\", uri=\"/est/simpleenroll\", cnonce=\"xyz\", nc=00000001, \
             qop=auth, response=\"{response}\", algorithm=SHA-256"
        )
    }

    fn read(text: &str) -> Result<Digest, &'static str> {
        Digest::read(text, &Method::POST, &Uri::from_static("/est/simpleenroll"))
    }

    #[test]
    fn the_secret_is_proven_without_being_sent() {
        let digest = read(&sent("s3cret")).unwrap();
        assert_eq!((digest.reference(), digest.count), (&b"ab\"c"[..], 1));
        assert!(digest.verify(b"s3cret") && !digest.verify(b"secret"));
    }

    /// RFC 7616 section 3.9.1, with its realm, which is not ours.
    #[test]
    fn the_example_of_the_rfc_has_the_response_that_it_says() {
        let about = hashed("GET:/dir/index.html");
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let ours = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let rest = format!("{nonce}:00000001:{ours}:auth:{about}");
        let response = expected("Mufasa", "http-auth@example.org", b"Circle of Life", &rest);
        assert_eq!(hex::encode(response), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }

    #[test]
    fn what_is_not_as_the_challenge_wants_it_is_refused() {
        let good = sent("s3cret");
        for (from, to, words) in [
            ("algorithm=SHA-256", "algorithm=MD5", "SHA-256"),
            (", algorithm=SHA-256", "", "SHA-256"),
            ("algorithm=SHA-256", "algorithm=SHA-256, userhash=true", "hashed"),
            ("realm=\"EST\"", "realm=\"other\"", "realm"),
            ("qop=auth", "qop=auth-int", "qop"),
            (", qop=auth", "", "missing"),
            ("uri=\"/est/simpleenroll\"", "uri=\"/est/simplereenroll\"", "uri"),
            ("nc=00000001", "nc=1", "nc"),
            ("nc=00000001", "nc=00000001, nc=00000002", "read"),
            (", cnonce=\"xyz\"", "", "missing"),
            ("username=\"ab", "username=ab", "read"),
        ] {
            let text = good.replace(from, to);
            assert_ne!(text, good);
            let fault = read(&text).err().unwrap_or_else(|| panic!("taken: {text}"));
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn another_method_or_resource_has_another_digest() {
        let other = Digest::read(&sent("s3cret"), &Method::GET, &Uri::from_static("/est/simpleenroll")).unwrap();
        assert!(!other.verify(b"s3cret"));
    }

    #[test]
    fn a_challenge_says_stale_only_where_it_is() {
        assert!(challenge("00", true).ends_with(", stale=true"));
        assert!(!challenge("00", false).contains("stale"));
    }
}
