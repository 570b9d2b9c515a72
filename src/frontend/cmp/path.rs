//! Where a message was sent, and what may be sent there (RFC 9811 section 3.4, RFC 9483 section 6.1).

use std::collections::BTreeMap;

use certs::ObjectIdentifier;
use cmp::{Body, BodyKind, Fault, Limits, Message, oid};
use serde::Deserialize;

use crate::case::Exchange;

/// `[cmp]`: what the door offers besides what the RFCs fix.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CmpDoorConfig {
    /// Further paths, for clients that are set to them; each is one place, without operations below it.
    pub paths: BTreeMap<String, FurtherPath>,
}

/// A path that is not below `/.well-known/cmp`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherPath {
    /// The profile of what is sent there; none for the default one.
    pub profile: Option<String>,
}

impl CmpDoorConfig {
    /// The first path that cannot be one, with what is wrong with it.
    #[must_use]
    pub fn fault(&self) -> Option<(&str, String)> {
        let mut seen = Vec::new();
        for path in self.paths.keys() {
            if let Err(text) = check_path(path) {
                return Some((path, text));
            }
            let place = bare(path);
            if seen.contains(&place) {
                return Some((path, format!("'{place}' and '{place}/' are one place; name it once")));
            }
            seen.push(place);
        }
        None
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else { return Err("a path begins with '/'".to_owned()) };
    // RFC 3986 section 3.3: the unreserved characters need no decoding, so that a path is compared as it is sent.
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let mut segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
    let first = segments.clone().next().unwrap_or_default();
    if path.len() > LONGEST || segments.any(|segment| matches!(segment, "" | "." | "..") || !segment.bytes().all(plain))
    {
        return Err(format!("segments of letters, digits and -._~ after single slashes, {LONGEST} octets at most"));
    }
    if HOUSE.contains(&first) {
        return Err(format!("'/{first}' is the house's own; choose another path"));
    }
    Ok(())
}

/// Where a message was sent.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) profile: Option<String>,
    pub(super) operation: Option<&'static Operation>,
}

/// An operation label and what belongs to it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Operation {
    label: &'static str,
    /// The kinds of body that begin it.
    begins: &'static [BodyKind],
    /// Of a genm: what it asks for.
    asks: &'static [ObjectIdentifier],
}

impl Place {
    /// The place of a path; none where there is no such place.
    pub(super) fn find(path: &str, further: &CmpDoorConfig) -> Option<Self> {
        let known = further.paths.iter().find(|(known, _)| bare(known) == bare(path));
        if let Some((_, found)) = known {
            return Some(Self { profile: found.profile.clone(), operation: None });
        }
        let rest = path.strip_prefix(WELL_KNOWN)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
        let (profile, operation) = match segments.next() {
            Some("p") => (Some(segments.next()?.to_owned()), segments.next()),
            other => (None, other),
        };
        let operation = match operation {
            None => None,
            Some(label) => Some(OPERATIONS.iter().find(|operation| operation.label == label)?),
        };
        segments.next().is_none().then_some(Self { profile, operation })
    }

    /// The routes that lead to this door.
    pub(super) fn routes(further: &CmpDoorConfig) -> Vec<String> {
        let own = [WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/"), format!("{WELL_KNOWN}/{{*rest}}")];
        let further = further.paths.keys().flat_map(|path| [bare(path).to_owned(), format!("{}/", bare(path))]);
        own.into_iter().chain(further).collect()
    }
}

impl Operation {
    /// Whether a message may be sent there: what begins the operation, what continues it, and one of these nested.
    pub(super) fn takes(&self, message: &Message) -> bool {
        self.takes_within(message, DEEPEST)
    }

    /// Whether a transaction that began with this kind of body may be continued there.
    pub(super) fn began(&self, kind: BodyKind) -> bool {
        // What comes in a batch is an operation of its own within it.
        self.begins.contains(&BodyKind::Nested) || self.begins.contains(&kind)
    }

    fn takes_within(&self, message: &Message, depth: u32) -> bool {
        match message.body() {
            // RFC 9483 section 6.1: the label is that of the operation, whatever its variant.
            Body::Genm(asked) => !asked.is_empty() && asked.iter().all(|info| self.asks.contains(&info.oid)),
            Body::PollReq(_) => true,
            Body::CertConf(_) => self.begins.iter().any(|kind| kind.is_enrolment() || *kind == BodyKind::Nested),
            Body::Nested(_) if self.begins.contains(&BodyKind::Nested) => true,
            // RFC 9483 section 6.1: for a single nested message the label is that of the message within.
            Body::Nested(inner) => match (inner.as_slice(), depth.checked_sub(1)) {
                // What does not read is told so by who looks at it.
                ([one], Some(depth)) => {
                    Message::parse(one, &Limits::default()).map_or(true, |message| self.takes_within(&message, depth))
                }
                _ => false,
            },
            body => self.begins.contains(&body.kind()),
        }
    }
}

/// RFC 9483 section 6.1: what is sent to a label is that operation.
pub(super) fn check_place(operation: Option<&Operation>, message: &Message) -> Result<(), Fault> {
    match operation {
        Some(operation) if !operation.takes(message) => {
            Err(Fault::request(format!("{} is not what /{} is for", message.body().kind(), operation.label)))
        }
        _ => Ok(()),
    }
}

/// RFC 9483 section 6.1: certConf and pollReq "SHALL be sent to the same endpoint".
pub(super) fn check_continued(operation: Option<&Operation>, exchange: &Exchange) -> Result<(), Fault> {
    let begun = exchange.body.and_then(|tag| BodyKind::from_tag(u32::from(tag)));
    match (operation, begun) {
        (Some(operation), Some(kind)) if !operation.began(kind) => Err(Fault::request(format!(
            "the transaction began with {kind}, which is not what /{} is for",
            operation.label
        ))),
        _ => Ok(()),
    }
}

/// Messages that are pushed and never answered by a message (RFC 9811 section 3.5).
pub(super) const fn is_announcement(kind: BodyKind) -> bool {
    matches!(kind, BodyKind::Ckuann | BodyKind::Cann | BodyKind::Rann | BodyKind::Crlann)
}

/// A path with or without a slash at its end is one place.
fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

const fn begun_by(label: &'static str, begins: &'static [BodyKind]) -> Operation {
    Operation { label, begins, asks: &[] }
}

const fn asking(label: &'static str, asks: &'static [ObjectIdentifier]) -> Operation {
    Operation { label, begins: &[BodyKind::Genm], asks }
}

/// RFC 9811 section 3.4.
const WELL_KNOWN: &str = "/.well-known/cmp";

/// The first segments of all paths that the house has or will have (DESIGN 3).
const HOUSE: [&str; 11] =
    [".well-known", "scep", "api", "crl", "ca", "metrics", "livez", "readyz", "static", "console", ""];

/// Long enough for any product's default.
const LONGEST: usize = 128;

/// As deep as messages are nested here.
const DEEPEST: u32 = 4;

/// RFC 9483 section 6.1, table 1. Earlier drafts had `p10` for `pkcs10`.
const OPERATIONS: [Operation; 11] = [
    begun_by("initialization", &[BodyKind::Ir]),
    begun_by("certification", &[BodyKind::Cr, BodyKind::Ir]),
    begun_by("keyupdate", &[BodyKind::Kur]),
    begun_by("pkcs10", &[BodyKind::P10cr]),
    begun_by("p10", &[BodyKind::P10cr]),
    begun_by("revocation", &[BodyKind::Rr]),
    asking("getcacerts", &[oid::CA_CERTS]),
    asking("getrootupdate", &[oid::ROOT_CA_CERT]),
    asking("getcertreqtemplate", &[oid::CERT_REQ_TEMPLATE]),
    // RFC 9483 section 4.3.4: currentCRL instead, where no specific one is asked for.
    asking("getcrls", &[oid::CRL_STATUS_LIST, oid::CURRENT_CRL]),
    begun_by("nested", &[BodyKind::Nested]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use certs::Name;
    use cmp::{InfoTypeAndValue, body, client};

    fn message(body: Vec<u8>) -> Message {
        let nobody = Name::empty();
        let octets = client::first(&nobody, &nobody, [1; 16], [2; 16], body).unprotected(&[]);
        Message::parse(&octets, &Limits::default()).unwrap()
    }

    fn further(paths: &[(&str, Option<&str>)]) -> CmpDoorConfig {
        let further = |profile: Option<&str>| FurtherPath { profile: profile.map(str::to_owned) };
        CmpDoorConfig { paths: paths.iter().map(|(path, profile)| ((*path).to_owned(), further(*profile))).collect() }
    }

    fn operation(label: &str) -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.label == label).unwrap()
    }

    #[test]
    fn a_path_names_profile_and_operation() {
        let none = CmpDoorConfig::default();
        let path = |text: &str| {
            Place::find(text, &none).map(|place| (place.profile, place.operation.map(|found| found.label)))
        };
        assert_eq!(path("/.well-known/cmp"), Some((None, None)));
        assert_eq!(path("/.well-known/cmp/"), Some((None, None)));
        assert_eq!(path("/.well-known/cmp/pkcs10"), Some((None, Some("pkcs10"))));
        assert_eq!(path("/.well-known/cmp/p/strict"), Some((Some("strict".into()), None)));
        assert_eq!(path("/.well-known/cmp/p/strict/revocation"), Some((Some("strict".into()), Some("revocation"))));
        assert_eq!(path("/.well-known/cmp/unheard"), None);
        assert_eq!(path("/.well-known/cmpx"), None);
        assert_eq!(path("/.well-known/cmp/p"), None);
        assert_eq!(path("/.well-known/cmp/p/strict/pkcs10/more"), None);
    }

    #[test]
    fn a_further_path_is_a_place_with_and_without_a_slash_at_its_end() {
        let further = further(&[("/pkix/", Some("strict")), ("/ejbca/publicweb/cmp/devices", None)]);
        for path in ["/pkix", "/pkix/"] {
            let place = Place::find(path, &further).unwrap();
            assert_eq!((place.profile.as_deref(), place.operation), (Some("strict"), None));
        }
        let place = Place::find("/ejbca/publicweb/cmp/devices", &further).unwrap();
        assert_eq!((place.profile, place.operation), (None, None));
        assert_eq!(Place::find("/pkix/initialization", &further), None);
        assert_eq!(Place::find("/ejbca/publicweb/cmp/other", &further), None);
    }

    #[test]
    fn a_further_path_is_plain_and_not_the_houses_own() {
        for good in ["/pkix/", "/cmp", "/ejbca/publicweb/cmp/ALIAS-1"] {
            assert_eq!(further(&[(good, None)]).fault(), None, "{good}");
        }
        let bad = [
            "pkix",
            "/",
            "//",
            "/a//b",
            "/a/../b",
            "/a b",
            "/a%20b",
            "/{a}",
            "/a?b",
            "/.well-known/cmp/x",
            "/scep/pkiclient.exe",
            "/api",
            "/crl/x",
            "/ca",
        ];
        for bad in bad {
            assert_eq!(further(&[(bad, None)]).fault().map(|(path, _)| path.to_owned()), Some(bad.to_owned()));
        }
        assert!(further(&[("/pkix", None), ("/pkix/", None)]).fault().is_some());
    }

    #[test]
    fn an_operation_takes_what_belongs_to_it_and_nothing_else() {
        let rr = message(body::rr(&cmp::RevDetails::compose(&Name::empty(), &[5], None)));
        let poll = message(body::poll_req(&[-1]));
        let confirm = message(body::cert_conf(&[]));
        let p10cr = message(body::p10cr(&[0x30, 0]));
        let revocation = operation("revocation");
        assert!(revocation.takes(&rr));
        assert!(revocation.takes(&poll));
        assert!(!revocation.takes(&confirm), "rr has no certConf");
        assert!(!revocation.takes(&p10cr));
        for label in ["pkcs10", "p10"] {
            assert!(operation(label).takes(&p10cr) && operation(label).takes(&confirm));
            assert!(!operation(label).takes(&rr));
        }
        assert!(operation("certification").began(BodyKind::Ir));
        assert!(!operation("keyupdate").began(BodyKind::Ir));
    }

    #[test]
    fn a_general_message_has_a_label_for_each_question() {
        let genm = |oids: &[ObjectIdentifier]| {
            let infos: Vec<_> = oids.iter().map(|oid| InfoTypeAndValue { oid: *oid, value: None }).collect();
            message(body::genm(&infos))
        };
        assert!(operation("getcacerts").takes(&genm(&[oid::CA_CERTS])));
        assert!(!operation("getcacerts").takes(&genm(&[oid::ROOT_CA_CERT])));
        assert!(!operation("getcacerts").takes(&genm(&[oid::CA_CERTS, oid::ROOT_CA_CERT])));
        assert!(!operation("getcacerts").takes(&genm(&[])));
        assert!(operation("getrootupdate").takes(&genm(&[oid::ROOT_CA_CERT])));
        assert!(operation("getcertreqtemplate").takes(&genm(&[oid::CERT_REQ_TEMPLATE])));
        assert!(operation("getcrls").takes(&genm(&[oid::CRL_STATUS_LIST])));
        assert!(operation("getcrls").takes(&genm(&[oid::CURRENT_CRL])));
        assert!(!operation("initialization").takes(&genm(&[oid::CA_CERTS])));
        assert!(!operation("getcacerts").takes(&message(body::cert_conf(&[]))));
    }

    #[test]
    fn one_nested_message_has_the_label_of_what_is_in_it() {
        let p10cr = message(body::p10cr(&[0x30, 0])).der().to_vec();
        let one = message(body::nested(std::slice::from_ref(&p10cr)));
        let two = message(body::nested(&[p10cr.clone(), p10cr]));
        let deep = message(body::nested(&[one.der().to_vec()]));
        assert!(operation("pkcs10").takes(&one) && operation("pkcs10").takes(&deep));
        assert!(!operation("revocation").takes(&one) && !operation("revocation").takes(&deep));
        assert!(!operation("pkcs10").takes(&two));
        assert!(operation("nested").takes(&two));
    }
}
