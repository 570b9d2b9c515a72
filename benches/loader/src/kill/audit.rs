use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use der::asn1::{Any, OctetString};
use der::{Decode as _, Sequence};

use super::verdict::Tally;

/// The audit log as it stands in the database.
pub(super) struct Lines {
    /// By number; those without one come first.
    pub(super) leaves: Vec<Line>,
    pub(super) nodes: Vec<Node>,
    /// The case of every decision.
    pub(super) decisions: Vec<Vec<u8>>,
}

/// A leaf.
pub(super) struct Line {
    pub(super) number: Option<i64>,
    pub(super) at: i64,
    pub(super) hash: Vec<u8>,
    pub(super) canonical: Vec<u8>,
}

/// A complete subtree.
pub(super) struct Node {
    pub(super) level: i64,
    pub(super) position: i64,
    pub(super) hash: Vec<u8>,
}

/// The canonical bytes of a leaf; read here by ourselves, as a judge does.
#[derive(Sequence)]
struct Canonical {
    version: u8,
    id: OctetString,
    at: i64,
    node: String,
    kind: String,
    actor: String,
    case: Option<OctetString>,
    facts: Any,
}

/// Whether the log is whole and has one line for each decision (DESIGN rule 7).
pub(super) fn check(log: &Lines, tally: &mut Tally) {
    tally.check("the audit log is numbered without a gap and its hashes hold", || leaves(log));
    tally.check("the audit log's tree holds (RFC 9162 section 2.1.1)", || tree(log));
    tally.check("each decision is one line of the audit log", || decisions(log));
}

fn leaves(log: &Lines) -> Result<String, String> {
    let newest = log.leaves.iter().map(|line| line.at).max().unwrap_or(0);
    let mut expected = 0;
    for line in &log.leaves {
        if line.hash != hash(&[&[0], &line.canonical]) {
            return Err(format!("the hash of leaf {:?} is wrong", line.number));
        }
        match line.number {
            None if line.at < newest - UNNUMBERED => return Err("an old leaf has no number".to_owned()),
            None => {}
            Some(number) if number == expected => expected += 1,
            Some(number) => return Err(format!("leaf {number} stands where {expected} should")),
        }
    }
    Ok(format!("{expected} leaves"))
}

fn tree(log: &Lines) -> Result<String, String> {
    let leaves = log.leaves.iter().filter_map(|line| Some(((0, line.number?), line.hash.as_slice())));
    let nodes = log.nodes.iter().map(|node| ((node.level, node.position), node.hash.as_slice()));
    let size = leaves.clone().count();
    let all: HashMap<_, _> = leaves.chain(nodes).collect();
    for node in &log.nodes {
        let child = |side| all.get(&(node.level - 1, node.position * 2 + side));
        let (Some(left), Some(right)) = (child(0), child(1)) else {
            return Err(format!("node {}/{} has no children", node.level, node.position));
        };
        if node.hash != hash(&[&[1], left, right]) {
            return Err(format!("node {}/{} is wrong", node.level, node.position));
        }
    }
    // A tree of n leaves has n - (number of ones in n) complete subtrees of two leaves or more.
    let expected = size - usize::try_from(size.count_ones()).unwrap_or(0);
    if log.nodes.len() == expected {
        Ok(format!("{expected} nodes"))
    } else {
        Err(format!("{} nodes instead of {expected}", log.nodes.len()))
    }
}

fn decisions(log: &Lines) -> Result<String, String> {
    let mut balance: HashMap<&[u8], i32> = HashMap::new();
    for case in &log.decisions {
        *balance.entry(case).or_default() += 1;
    }
    let read =
        |line: &Line| Canonical::from_der(&line.canonical).map_err(|error| format!("leaf {:?}: {error}", line.number));
    let leaves: Vec<Canonical> = log.leaves.iter().map(read).collect::<Result<_, _>>()?;
    for leaf in leaves.iter().filter(|leaf| leaf.kind == "decision") {
        let case = leaf.case.as_ref().ok_or("a decision names no case")?;
        *balance.entry(case.as_bytes()).or_default() -= 1;
    }
    let wrong = balance.values().filter(|count| **count != 0).count();
    if wrong == 0 {
        Ok(format!("{} decisions", log.decisions.len()))
    } else {
        Err(format!("{wrong} cases do not agree"))
    }
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA256, &parts.concat()).as_ref().to_vec()
}

/// DESIGN rule 7: an unnumbered leaf older than 10 s is a fault.
const UNNUMBERED: i64 = 10_000;

#[cfg(test)]
mod tests {
    use der::Encode as _;

    use super::*;

    fn log(count: i64) -> Lines {
        let canonical = |number: i64| {
            let leaf = Canonical {
                version: 1,
                id: OctetString::new([1; 16]).unwrap(),
                at: number,
                node: "node".to_owned(),
                kind: "decision".to_owned(),
                actor: "rules".to_owned(),
                case: Some(OctetString::new(number.to_be_bytes()).unwrap()),
                facts: Any::from_der(&[0x30, 0]).unwrap(),
            };
            leaf.to_der().unwrap()
        };
        let line = |number: i64| {
            let canonical = canonical(number);
            Line { number: Some(number), at: number, hash: hash(&[&[0], &canonical]), canonical }
        };
        let lines: Vec<Line> = (0..count).map(line).collect();
        let pair = |left: &[u8], right: &[u8]| hash(&[&[1], left, right]);
        let nodes = (0..count / 2).map(|position| {
            let left = usize::try_from(position * 2).unwrap();
            Node { level: 1, position, hash: pair(&lines[left].hash, &lines[left + 1].hash) }
        });
        let nodes = nodes.collect();
        Lines { decisions: (0..count).map(|number| number.to_be_bytes().to_vec()).collect(), leaves: lines, nodes }
    }

    #[test]
    fn a_whole_log_passes() {
        let log = log(3);
        assert!(leaves(&log).is_ok() && tree(&log).is_ok() && decisions(&log).is_ok());
    }

    #[test]
    fn a_gap_a_changed_leaf_and_a_changed_node_are_found() {
        let mut gap = log(3);
        gap.leaves.remove(1);
        assert!(leaves(&gap).is_err());
        let mut changed = log(3);
        changed.leaves[1].canonical[3] ^= 1;
        assert!(leaves(&changed).is_err());
        let mut changed = log(3);
        changed.nodes[0].hash[0] ^= 1;
        assert!(tree(&changed).is_err());
        let mut short = log(3);
        short.nodes.clear();
        assert!(tree(&short).is_err());
    }

    #[test]
    fn a_decision_with_two_lines_or_none_is_found() {
        let mut log = log(3);
        let case = log.decisions.pop().unwrap();
        assert!(decisions(&log).is_err());
        log.decisions.extend([case.clone(), case]);
        assert!(decisions(&log).is_err());
    }
}
