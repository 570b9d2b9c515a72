use crate::Fault;
use crate::walk::{
    BMP_STRING, IA5_STRING, Item, NUMERIC_STRING, PRINTABLE_STRING, TELETEX_STRING, UTF8_STRING, VISIBLE_STRING,
};

/// The text of a string of whatever type; `None` when the item is no string.
pub(crate) fn read(item: &Item<'_>) -> Result<Option<String>, Fault> {
    let text = match item.tag {
        UTF8_STRING => String::from_utf8(item.content.to_vec()).ok(),
        PRINTABLE_STRING | IA5_STRING | NUMERIC_STRING | VISIBLE_STRING => ascii(item.content),
        // T.61 has no usable tables; who writes it today means Latin-1.
        TELETEX_STRING => Some(item.content.iter().copied().map(char::from).collect()),
        BMP_STRING => big_endian_utf16(item.content),
        _ => return Ok(None),
    };
    text.map(Some).ok_or_else(|| item.fault("a text is not in the encoding that its type says"))
}

/// The text of octets that must be ASCII.
pub(crate) fn ascii(octets: &[u8]) -> Option<String> {
    if octets.is_ascii() { String::from_utf8(octets.to_vec()).ok() } else { None }
}

/// Characters that make a text look like another one, or do things to a terminal.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn big_endian_utf16(octets: &[u8]) -> Option<String> {
    let (pairs, rest) = octets.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}
