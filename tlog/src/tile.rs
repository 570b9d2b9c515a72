//! A log as files (C2SP tlog-tiles): tiles of up to 256 hashes, bundles of as many entries.

use std::fmt;

/// Up to 256 hashes of one level of the tree, side by side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tile {
    /// 0: the hashes of leaves. Each hash of a higher level is the root of a whole tile below.
    pub level: u8,
    /// From 0.
    pub index: u64,
    /// How many hashes it holds, 1 to 256.
    pub width: u16,
}

/// What is wrong with a bundle.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TileFault {
    /// It ends inside an entry, or is not as wide as its name says.
    #[error("the bundle holds another number of entries than its name says, or ends inside one")]
    Entries,
    /// The length of an entry is told in two octets.
    #[error("an entry of {0} octets is too long for a bundle")]
    Long(usize),
}

/// How many hashes a whole tile has.
const WHOLE: u64 = 256;

/// The tiles of a tree of this size, level by level. Those of level 0 are also the bundles of its entries.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0..8_u8).flat_map(move |level| {
        // C2SP tlog-tiles, Partial tiles: floor(s / 256^l) hashes stand in a level.
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        (0..hashes.div_ceil(WHOLE)).map(move |index| {
            let width = (hashes - index * WHOLE).min(WHOLE);
            Tile { level, index, width: u16::try_from(width).unwrap_or(u16::MAX) }
        })
    })
}

impl Tile {
    /// Where its entries stand; only a tile of level 0 has any.
    #[must_use]
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", Place(self))
    }

    /// Where its hashes stand.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, Place(self))
    }
}

/// `N[.p/W]`: groups of three digits, all but the last begin with an x.
struct Place<'t>(&'t Tile);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut groups) = (self.0.index, Vec::new());
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        for (left, group) in groups.iter().enumerate().rev() {
            if left > 0 {
                write!(f, "x{group:03}/")?;
            } else {
                write!(f, "{group:03}")?;
            }
        }
        if u64::from(self.0.width) < WHOLE {
            write!(f, ".p/{}", self.0.width)?;
        }
        Ok(())
    }
}

/// Entries as a bundle: each behind its length in two octets.
///
/// # Errors
/// [`TileFault::Long`].
pub fn bundle<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Result<Vec<u8>, TileFault> {
    let mut bundle = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| TileFault::Long(entry.len()))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// The entries of a bundle, which must be this many.
///
/// # Errors
/// [`TileFault::Entries`].
pub fn entries(mut bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, TileFault> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(TileFault::Entries)?;
        entries.push(entry);
        bundle = rest;
    }
    if bundle.is_empty() && entries.len() == usize::from(width) { Ok(entries) } else { Err(TileFault::Entries) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_standard() {
        let all: Vec<Tile> = tiles(70_000).collect();
        let level = |level| all.iter().filter(|tile| tile.level == level).map(|tile| tile.width).collect::<Vec<_>>();
        assert_eq!(level(0), [vec![256; 273], vec![112]].concat());
        assert_eq!((level(1), level(2), level(3)), (vec![256, 17], vec![1], vec![]));
        let of = |size: u64| tiles(size).map(|tile| (tile.level, tile.width)).collect::<Vec<_>>();
        assert_eq!(of(256), [(0, 256), (1, 1)]);
        assert_eq!((of(0), of(1)), (vec![], vec![(0, 1)]));
    }

    #[test]
    fn the_paths_are_those_of_the_standard() {
        let tile = |index, width| Tile { level: 3, index, width };
        assert_eq!(tile(1_234_067, 256).path(), "tile/3/x001/x234/067");
        assert_eq!(tile(5, 17).path(), "tile/3/005.p/17");
        assert_eq!(tile(1000, 1).path(), "tile/3/x001/000.p/1");
        assert_eq!(Tile { level: 0, index: 0, width: 256 }.entries_path(), "tile/entries/000");
    }

    #[test]
    fn a_bundle_reads_back_and_a_broken_one_does_not() {
        let held: [&[u8]; 3] = [b"a", b"", &[7; 300]];
        let octets = bundle(held).unwrap();
        assert_eq!(entries(&octets, 3).unwrap(), held);
        for (octets, width) in [(&octets[..], 2), (&octets[..], 4), (&octets[..octets.len() - 1], 3), (&[0][..], 0)] {
            assert_eq!(entries(octets, width), Err(TileFault::Entries));
        }
        assert_eq!(bundle([vec![0; 65_536].as_slice()]), Err(TileFault::Long(65_536)));
    }
}
