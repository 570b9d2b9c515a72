//! What a file is called, and how long it may grow.

/// Files with a name that is no subject, and files without an end.
pub(crate) fn breaches(files: &[(&str, usize)]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, lines) in files {
        let parts = file.split('/').map(|part| part.trim_end_matches(".rs"));
        for name in parts.filter(|part| NO_SUBJECT.contains(part)) {
            found.push(format!("{file}: {name} is no subject; a thing lives with its own"));
        }
        if *lines > END {
            found.push(format!("{file}: {lines} lines; {END} is the end"));
        }
    }
    found
}

/// Files that may have a second subject; a hint, not a fault.
pub(crate) fn long<'a>(files: &[(&'a str, usize)]) -> Vec<(&'a str, usize)> {
    files.iter().copied().filter(|(_, lines)| *lines > LONG).collect()
}

const NO_SUBJECT: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "types", "misc", "shared"];

const END: usize = 600;

/// Tests stand in the file and count; the 300 of CONVENTIONS are lines of code.
const LONG: usize = 450;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_subject_is_found() {
        for file in ["src/utils/mod.rs", "src/case/common.rs", "certs/src/helpers.rs", "protocols/cmp/src/types.rs"] {
            assert_eq!(breaches(&[(file, 1)]).len(), 1, "{file}");
        }
        assert!(breaches(&[("src/listen/content_type.rs", 1)]).is_empty());
    }

    #[test]
    fn a_file_without_an_end_is_found() {
        assert_eq!(breaches(&[("src/case/mod.rs", 601)]).len(), 1);
        assert!(breaches(&[("src/case/mod.rs", 600)]).is_empty());
        assert_eq!(long(&[("a.rs", 450), ("b.rs", 451)]), [("b.rs", 451)]);
    }
}
