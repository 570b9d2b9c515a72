use der::pem::LineEnding;

use crate::Fault;

/// The DER of every block with this label; what stands around and other blocks are passed over (RFC 7468 section 2).
pub(crate) fn decode_all(what: &'static str, label: &str, pem: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let malformed = |detail: &str| Fault::Malformed { what, detail: detail.into() };
    let text = std::str::from_utf8(pem).map_err(|_| malformed("PEM is not UTF-8"))?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, from)) = rest.split_once(&begin) {
        let (body, behind) = from.split_once(&end).ok_or_else(|| malformed("a PEM block has no end"))?;
        let body: String = body.split_whitespace().collect();
        // Wrapped anew, so that any line length is taken.
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
        let block = format!("{begin}\n{}\n{end}\n", lines.join("\n"));
        let (_, der) = der::pem::decode_vec(block.as_bytes()).map_err(|error| malformed(&error.to_string()))?;
        blocks.push(der);
        rest = behind;
    }
    Ok(blocks)
}

/// One block, lines ended as Unix does.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    // Only a label with strange characters can fail, and ours are constants.
    der::pem::encode_string(label, LineEnding::LF, der).unwrap_or_default()
}
