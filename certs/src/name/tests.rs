use super::*;
use crate::walk::{BMP_STRING, IA5_STRING, PRINTABLE_STRING, TELETEX_STRING, UTF8_STRING};

fn one(oid: ObjectIdentifier, tag: u8, value: &[u8]) -> Result<Name, Fault> {
    let attribute = write::sequence(&[&write::oid(oid), &write::wrap(tag, &[value])]);
    Name::parse(&write::sequence(&[&write::set_of(SET, vec![attribute])]))
}

fn common_name(tag: u8, value: &[u8]) -> Name {
    one(oid::COMMON_NAME, tag, value).unwrap()
}

#[test]
fn a_name_reads_as_it_is_written() {
    for text in [
        "CN=device 7,OU=Works,O=Example\\, Inc.,C=DE",
        "CN=a+serialNumber=12,DC=example,DC=org",
        "CN=\\#strange \\\\ \\\"name\\\" \\+\\<\\>\\;",
        "CN=\\ spaces\\ ",
        "emailAddress=a@example.org,CN=Grüße",
        "1.2.3.4=#0c0161,CN=x",
        "",
    ] {
        assert_eq!(Name::from_text(text).unwrap().to_string(), text);
    }
}

#[test]
fn the_first_attribute_written_is_the_last_one_encoded() {
    let name = Name::from_text("CN=x,O=y").unwrap();
    let values: Vec<String> = name.attributes().into_iter().map(|a| a.value).collect();
    assert_eq!(values, ["y", "x"]);
    assert_eq!(name.common_name().as_deref(), Some("x"));
}

#[test]
fn space_around_separators_does_not_count() {
    assert_eq!(Name::from_text(" CN = x , O = y ").unwrap(), Name::from_text("CN=x,O=y").unwrap());
}

#[test]
fn countries_and_mail_addresses_have_their_own_string_types() {
    let name = Name::from_text("C=DE").unwrap();
    assert_eq!(name, one(oid::COUNTRY, PRINTABLE_STRING, b"DE").unwrap());
    let name = Name::from_text("emailAddress=a@b").unwrap();
    assert_eq!(name, one(oid::EMAIL_ADDRESS, IA5_STRING, b"a@b").unwrap());
}

#[test]
fn text_that_is_no_name_is_refused() {
    for text in
        ["CN", "=x", "CN=", "CN=x,", "nonsense=x", "CN=\\q", "CN=#0", "C=Germany", "C=ä", "CN=\\ff", "CN=x,,O=y"]
    {
        assert!(Name::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn case_space_and_string_type_do_not_tell_names_apart() {
    let name = common_name(UTF8_STRING, b"Device  Seven ");
    assert!(name.matches(&common_name(PRINTABLE_STRING, b" device seven")));
    assert!(name.matches(&common_name(BMP_STRING, b"\0D\0E\0V\0I\0C\0E\0 \0S\0E\0V\0E\0N")));
    assert!(!name.matches(&common_name(UTF8_STRING, b"Deviceseven")));
    assert!(!name.matches(&one(oid::ORGANIZATION, UTF8_STRING, b"Device Seven").unwrap()));
}

#[test]
fn order_counts_between_relative_names_but_not_within_one() {
    let name = |text| Name::from_text(text).unwrap();
    assert!(name("CN=a+O=b").matches(&name("O=b+CN=a")));
    assert!(!name("CN=a,O=b").matches(&name("O=b,CN=a")));
    assert!(!name("CN=a+O=b").matches(&name("CN=a,O=b")));
}

#[test]
fn equality_is_of_bytes_and_matching_is_of_names() {
    let (a, b) = (common_name(UTF8_STRING, b"x"), common_name(PRINTABLE_STRING, b"x"));
    assert_ne!(a, b);
    assert!(a.matches(&b));
    assert_eq!(a.canonical(), b.canonical());
}

#[test]
fn latin_1_is_read() {
    assert_eq!(common_name(TELETEX_STRING, b"Gr\xfc\xdfe").common_name().as_deref(), Some("Grüße"));
}

#[test]
fn text_in_a_wrong_encoding_is_refused() {
    assert!(one(oid::COMMON_NAME, UTF8_STRING, b"\xff").is_err());
    assert!(one(oid::COMMON_NAME, PRINTABLE_STRING, b"\xe4").is_err());
    assert!(one(oid::COMMON_NAME, BMP_STRING, b"\0a\0").is_err());
}

#[test]
fn control_characters_are_told_and_never_shown() {
    for bad in ["a\0b", "a\nb", "a\u{202e}b"] {
        let name = common_name(UTF8_STRING, bad.as_bytes());
        assert_eq!(name.unsafe_text().as_deref(), Some(bad));
        assert!(!name.to_string().chars().any(text::is_unsafe));
    }
    assert_eq!(common_name(UTF8_STRING, b"plain").unsafe_text(), None);
}

#[test]
fn a_name_has_at_most_64_attributes() {
    let text = |count: usize| vec!["CN=x"; count].join(",");
    assert!(Name::from_text(&text(64)).is_ok());
    assert!(matches!(Name::from_text(&text(65)), Err(Fault::TooLarge { limit: 64, .. })));
}

#[test]
fn a_name_has_at_most_8_kib() {
    let long = "x".repeat(SIZE_LIMIT);
    assert!(matches!(one(oid::COMMON_NAME, UTF8_STRING, long.as_bytes()), Err(Fault::TooLarge { limit: 8192, .. })));
}

#[test]
fn an_empty_relative_name_is_refused() {
    assert!(Name::parse(&[0x30, 2, 0x31, 0]).is_err());
    assert!(Name::parse(&[0x30, 0]).unwrap().is_empty());
    assert!(Name::parse(&[0x30, 0, 0]).is_err());
}
