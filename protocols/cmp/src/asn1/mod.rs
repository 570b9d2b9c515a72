//! DER elements, read and written.

/// Reading.
mod read;

/// Writing.
mod write;

pub(crate) use read::{Element, Fields, parse_algorithm, parse_free_text, serial};
pub(crate) use write::{
    NULL, bit_string, context, element, exact_time, explicit, free_text, generalized_time, implicit, integer,
    object_identifier, octet_string, sequence, sequence_of, time,
};

#[cfg(test)]
mod tests {
    use super::read::parse_time;
    use super::*;
    use certs::Millis;

    #[test]
    fn integers_are_minimal_and_come_back() {
        for value in [0, 1, -1, 127, 128, -128, -129, 255, 256, 65_535, i64::MAX, i64::MIN] {
            let der = integer(value);
            assert_eq!(Element::only(&der, "test").unwrap().integer("test").unwrap(), value);
        }
        assert_eq!(integer(-1), [2, 1, 0xFF]);
        assert_eq!(integer(128), [2, 2, 0, 0x80]);
    }

    #[test]
    fn long_elements_have_long_lengths() {
        for length in [127_usize, 128, 255, 256, 65_536] {
            let der = octet_string(&vec![7; length]);
            assert_eq!(Element::only(&der, "test").unwrap().octets("test").unwrap().len(), length);
        }
    }

    #[test]
    fn times_come_back() {
        let der = generalized_time(Millis(1_795_000_000_000));
        let back = Element::only(&der, "test").unwrap().generalized_time("test").unwrap();
        assert_eq!(back.0, 1_795_000_000_000);
        assert_eq!(parse_time(b"19700101000001.25Z").unwrap().0, 1250);
        assert!(parse_time(b"197001010000Z").is_none());
        for millis in [0, 1, 250, 300, 999] {
            let time = Millis(1_795_000_000_000 + millis);
            assert_eq!(Element::only(&exact_time(time), "test").unwrap().generalized_time("test").unwrap(), time);
        }
        assert_eq!(exact_time(Millis(1250)), element(0x18, &[b"19700101000001.25Z"]));
        assert_eq!(exact_time(Millis(1000)), generalized_time(Millis(1000)));
        let utc = element(0x17, &[b"700101000001Z"]);
        assert_eq!(Element::only(&utc, "test").unwrap().time("test").unwrap().0, 1000);
    }
}
