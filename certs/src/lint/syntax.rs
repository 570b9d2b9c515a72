//! Whether a text in a certificate is the host name, address or URI that it says it is.

/// RFC 5280 section 4.2.1.6: the preferred name syntax (RFC 1034 section 3.5, RFC 1123 section 2.1); a wildcard is a first label.
pub(super) fn is_host(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    plain.len() <= 253 && plain.split('.').all(label)
}

/// RFC 5280 section 4.2.1.6: a Mailbox (RFC 5321 section 4.1.2) and nothing around it. A quoted local part may hold anything.
pub(super) fn is_mailbox(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let dotted = || local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let literal = domain.starts_with('[') && domain.ends_with(']');
    (quoted || dotted()) && (literal || (is_host(domain) && !domain.starts_with("*.")))
}

/// RFC 5280 section 4.2.1.6: absolute, with a scheme and something behind it, and with a host where there is an authority.
pub(super) fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let mut letters = scheme.chars();
    let named = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    named && !rest.is_empty() && rest.chars().all(is_uri_character) && is_escaped(rest) && has_host(scheme, rest)
}

/// RFC 3986 section 2.
fn is_uri_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// RFC 3986 section 2.1: two hexadecimal digits behind each percent sign.
fn is_escaped(text: &str) -> bool {
    let escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|octet| octet.is_ascii_hexdigit());
    text.split('%').skip(1).all(escape)
}

fn has_host(scheme: &str, rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("//") else { return true };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        // RFC 4516 section 2: a directory's client may know which server is meant; RFC 8089: so does who reads files.
        return ["ldap", "ldaps", "file"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(literal) = host.strip_prefix('[') {
        return literal.split_once(']').is_some_and(|(address, port)| {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (name, port) = host.split_once(':').map_or((host, ""), |(name, port)| (name, port));
    is_port(port) && is_host(name) && !name.starts_with("*.")
}

fn is_port(port: &str) -> bool {
    port.chars().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_of_the_preferred_syntax() {
        let long = format!("{}.example", "a".repeat(64));
        for good in ["pump.plant.example", "a", "*.plant.example", "7.example", "xn--bcher-kva.example"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", " ", "a b", "a..b", ".a", "a.", "-a.example", "a-.example", "a_b.example", "a.*.b", &long] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn mailboxes_have_a_local_part_and_a_domain() {
        for good in ["a@b.example", "a.b+c@b.example", "\"a b\"@b.example", "a@[192.0.2.1]"] {
            assert!(is_mailbox(good), "{good}");
        }
        for bad in ["a", "@b.example", "a@", "a b@b.example", "A <a@b.example>", "a..b@b.example", "a@*.example"] {
            assert!(!is_mailbox(bad), "{bad}");
        }
    }

    #[test]
    fn uris_are_absolute_and_name_a_host() {
        for good in [
            "http://ca.example/ca.crl",
            "http://127.0.0.1:8080/ca.crl",
            "http://[2001:db8::1]:80/",
            "https://user@ca.example?x#y",
            "ldap:///CN=CA,DC=example?certificateRevocationList",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "http://ca.example/a%20b",
        ] {
            assert!(is_absolute_uri(good), "{good}");
        }
        for bad in [
            "ca.crl",
            "/ca.crl",
            "//ca.example/",
            "http:",
            "http://",
            "http:///ca.crl",
            "http://ca example/",
            "http://ca.example/a b",
            "http://ca.example/a%2",
            "http://ca_1.example/",
            "http://ca.example:x/",
            "1http://ca.example/",
        ] {
            assert!(!is_absolute_uri(bad), "{bad}");
        }
    }
}
