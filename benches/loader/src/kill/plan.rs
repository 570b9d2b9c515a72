use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

/// How the server ends, each time.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) kills: u32,
    pub(super) failpoints: u32,
    pub(super) seed: u64,
    pub(super) from: u32,
}

/// One ending.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// kill -9, so long after it was ready.
    After(Duration),
    /// At this point, when it gets there for the count-th time.
    At(&'static str, u64),
}

impl Plan {
    /// All endings with their numbers, the random ones among those at the points. The same seed gives the same plan, so that `from` goes on
    /// where another run left off.
    pub(super) fn endings(&self) -> impl Iterator<Item = (u32, Ending)> + '_ {
        let points = u32::try_from(POINTS.len()).unwrap_or(u32::MAX).saturating_mul(self.failpoints);
        let all = self.kills.saturating_add(points);
        (1..=all).filter(|number| *number >= self.from).map(move |number| {
            let [low, high, more, ..] = self.draw(number);
            // As evenly spread as they are many.
            let before = u64::from(number - 1) * u64::from(points) / u64::from(all);
            let with = u64::from(number) * u64::from(points) / u64::from(all);
            let point = usize::try_from(before).ok().and_then(|place| POINTS.get(place % POINTS.len()));
            match point {
                Some((point, most)) if with > before => (number, Ending::At(point, 1 + u64::from(more) % most)),
                _ => {
                    let spread = SPREAD * u32::from(u16::from_le_bytes([low, high])) / 65_536;
                    (number, Ending::After(MIN_LIFE + spread))
                }
            }
        })
    }

    fn draw(&self, number: u32) -> [u8; 32] {
        let mut drawn = [0; 32];
        let seed = [&self.seed.to_be_bytes()[..], &number.to_be_bytes()].concat();
        drawn.copy_from_slice(digest(&SHA256, &seed).as_ref());
        drawn
    }
}

/// Every point of the server (`failpoint("...")` in its sources), and up to which time it gets there it is ended.
pub(super) const POINTS: [(&str, u64); 7] = [
    ("before-commit", 40),
    ("after-commit", 40),
    ("before-send", 40),
    ("after-send", 40),
    ("after-answer", 40),
    ("after-claim", 1),
    ("after-numbering", 3),
];

/// Between the server's start and its next kill: as long as the least, and up to so much more.
pub(super) const MIN_LIFE: Duration = Duration::from_millis(400);
const SPREAD: Duration = Duration::from_millis(1200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_each_point_as_often_as_it_says_and_goes_on_where_it_ended() {
        let plan = Plan { kills: 30, failpoints: 2, seed: 7, from: 1 };
        let all: Vec<_> = plan.endings().map(|(number, ending)| format!("{number} {ending:?}")).collect();
        assert_eq!(all.len(), 44);
        for (point, _) in POINTS {
            assert_eq!(all.iter().filter(|text| text.contains(&format!("{point:?}"))).count(), 2, "{point}");
        }
        let later: Vec<_> =
            Plan { from: 20, ..plan }.endings().map(|(number, ending)| format!("{number} {ending:?}")).collect();
        assert_eq!(later, all[19..]);
        assert_eq!(Plan { kills: 3, failpoints: 0, seed: 1, from: 1 }.endings().count(), 3);
    }
}
