//! Rules for the fields of a certificate (RFC 5280 section 4.1).

use std::fmt::Write as _;

use const_oid::ObjectIdentifier;

use super::{View, only_if};
use crate::algorithm::SignatureAlgorithm;
use crate::walk::{
    BMP_STRING, GENERALIZED_TIME, IA5_STRING, Item, OID, PRINTABLE_STRING, SEQUENCE, SET, TELETEX_STRING, UTF8_STRING,
    Walk,
};
use crate::write::YEAR_2050;
use crate::{Extension, Fault, Millis, Name, oid, text};

/// X.690 section 11.5: what is the default is left out, so that there is one way to write a certificate.
pub(super) fn encoding(view: &View<'_>) -> Vec<String> {
    let written = Extension::encode_all(view.certificate.extensions());
    let differs = view.fields.extensions.is_some_and(|found| found != written);
    only_if(differs, || "its extensions are not DER: one that is not critical says so".to_owned())
}

pub(super) fn version(view: &View<'_>) -> Vec<String> {
    let version = view.fields.version + 1;
    only_if(version != 3, || format!("its version is {version}; 3 is wanted, as it must have extensions"))
}

pub(super) fn serial_number(view: &View<'_>) -> Vec<String> {
    let serial = view.fields.serial;
    let shown = hex(serial);
    let mut found = only_if(serial.first().is_some_and(|first| first & 0x80 != 0), || {
        format!("its serial number {shown} is negative; a positive one is wanted")
    });
    found.extend(only_if(serial.iter().all(|octet| *octet == 0), || "its serial number is zero".to_owned()));
    found.extend(only_if(serial.len() > SERIAL_OCTETS, || {
        format!("its serial number {shown} has {} octets; {SERIAL_OCTETS} are the most", serial.len())
    }));
    found
}

/// RFC 4055 section 5: with RSA the parameters MUST be NULL; reading takes them for present where they are left out.
pub(super) fn signature_parameters(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let identifier = view.certificate.signature_algorithm();
    let algorithm = SignatureAlgorithm::parse(identifier)?;
    let absent = matches!(algorithm, SignatureAlgorithm::RsaPkcs1(_)) && algorithm.identifier() != identifier;
    Ok(only_if(absent, || format!("the parameters of {algorithm} are left out; NULL is wanted")))
}

/// RFC 5280 section 4.1.2.6: a CA's name is written in what it issues as it is in its own certificate.
pub(super) fn issuer(view: &View<'_>) -> Vec<String> {
    let (found, wanted) = (view.certificate.issuer(), view.issuer.subject());
    let mut faults = only_if(found.is_empty(), || "its issuer is empty".to_owned());
    faults.extend(only_if(found.der() != wanted.der(), || {
        format!("its issuer '{found}' is not written as in the CA's certificate, '{wanted}'")
    }));
    faults
}

pub(super) fn validity(view: &View<'_>) -> Vec<String> {
    let (from, to) = (view.certificate.not_before(), view.certificate.not_after());
    let mut found = only_if(from > to, || format!("its validity ends at {to} before it begins at {from}"));
    for (name, item, at) in [("notBefore", &view.fields.not_before, from), ("notAfter", &view.fields.not_after, to)] {
        found.extend(time(name, item, at));
    }
    found
}

/// RFC 5280 section 4.1.2.5: through 2049 as UTCTime, which knows no later year. Seconds that are left out or have fractions, and
/// zones, do not read.
fn time(name: &str, item: &Item<'_>, at: Millis) -> Option<String> {
    (item.tag == GENERALIZED_TIME && at < YEAR_2050)
        .then(|| format!("{name} {at} is a GeneralizedTime; through 2049 it is a UTCTime"))
}

pub(super) fn subject(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let subject = view.certificate.subject();
    let nameless = subject.is_empty() && view.certificate.alt_names().is_empty();
    let mut found = only_if(nameless, || "it names nobody: neither subject nor subjectAltName".to_owned());
    found.extend(attributes(subject)?);
    Ok(found)
}

/// The types and sizes of attributes in RFC 5280 appendix A.1.
pub(super) fn attributes(subject: &Name) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    let mut names = Walk::only("the subject", subject.der(), SEQUENCE)?.inside()?;
    while !names.is_empty() {
        let mut attributes = names.take(SET)?.inside()?;
        let mut kinds = Vec::new();
        while !attributes.is_empty() {
            let mut fields = attributes.take(SEQUENCE)?.inside()?;
            let kind = fields.take(OID)?.oid()?;
            found.extend(attribute(kind, &fields.next()?)?);
            // X.501 section 9.3: the attributes of a relative name are of different types.
            found.extend(only_if(kinds.contains(&kind), || format!("a relative name of the subject has {kind} twice")));
            kinds.push(kind);
        }
    }
    Ok(found)
}

fn attribute(kind: ObjectIdentifier, item: &Item<'_>) -> Result<Vec<String>, Fault> {
    let Some((_, name, types, least, most)) = ATTRIBUTES.iter().find(|(known, ..)| *known == kind) else {
        return Ok(Vec::new());
    };
    let mut found = only_if(!types.contains(&item.tag), || {
        format!("{name} in the subject is a string of the type {:02x}, which is not among {types:02x?}", item.tag)
    });
    let value = text::read(item)?.unwrap_or_default();
    let length = value.chars().count();
    found.extend(only_if(!(*least..=*most).contains(&length), || {
        format!("{name} in the subject has {length} characters; {least} to {most} are wanted")
    }));
    let printable = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    found.extend(only_if(item.tag == PRINTABLE_STRING && !value.chars().all(printable), || {
        format!("{name} in the subject has characters that no PrintableString has")
    }));
    Ok(found)
}

pub(super) fn unique_identifiers(view: &View<'_>) -> Vec<String> {
    let wrong = view.fields.unique_identifiers;
    only_if(wrong, || "it has a unique identifier of its issuer or subject; CAs must not give any".to_owned())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

const fn known(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SERIAL_OCTETS: usize = 20;

/// DirectoryString: RFC 5280 section 4.1.2.6 wants the first two; the others are for names from before 2004, which stay as they are.
const DIRECTORY: &[u8] = &[UTF8_STRING, PRINTABLE_STRING, TELETEX_STRING, BMP_STRING];

/// Attribute, name, types, least and most characters.
type Bound = (ObjectIdentifier, &'static str, &'static [u8], usize, usize);

const ATTRIBUTES: [Bound; 14] = [
    (oid::COMMON_NAME, "commonName", DIRECTORY, 1, 64),
    (oid::SERIAL_NUMBER, "serialNumber", &[PRINTABLE_STRING], 1, 64),
    (oid::COUNTRY, "countryName", &[PRINTABLE_STRING], 2, 2),
    (known("2.5.4.7"), "localityName", DIRECTORY, 1, 128),
    (known("2.5.4.8"), "stateOrProvinceName", DIRECTORY, 1, 128),
    (oid::ORGANIZATION, "organizationName", DIRECTORY, 1, 64),
    (oid::ORGANIZATIONAL_UNIT, "organizationalUnitName", DIRECTORY, 1, 64),
    (known("2.5.4.12"), "title", DIRECTORY, 1, 64),
    (known("2.5.4.4"), "surname", DIRECTORY, 1, 32_768),
    (known("2.5.4.42"), "givenName", DIRECTORY, 1, 32_768),
    (known("2.5.4.46"), "dnQualifier", &[PRINTABLE_STRING], 1, usize::MAX),
    (known("2.5.4.65"), "pseudonym", DIRECTORY, 1, 128),
    (oid::EMAIL_ADDRESS, "emailAddress", &[IA5_STRING], 1, 255),
    (known("0.9.2342.19200300.100.1.25"), "domainComponent", &[IA5_STRING], 1, usize::MAX),
];
