//! The table `rate_limit`: what was drawn from limits by the minute, at all nodes together.
//!
//! A file has one node, which counts by itself; there is no such table in it.

use super::values::values;
use super::{Backend, Error, Store};

/// A limit of somebody, and how much of it is drawn: so much a minute, and as much at once.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'d> {
    /// Whose, and of what.
    pub name: &'d str,
    /// How much there is in a minute.
    pub per_minute: u32,
    /// How much is drawn. The last of it may be owed: what is begun is not split. Nothing, to look whether there is any.
    pub amount: u32,
}

impl Store {
    /// Draws from a limit that other nodes draw from, too. With a file there are none, and this draws nothing.
    ///
    /// # Errors
    /// When the database cannot be asked; in the answer, the seconds until there is something to draw.
    pub async fn draw(&self, draw: Draw<'_>) -> Result<Result<(), u32>, Error> {
        let Backend::Postgres(postgres) = &self.backend else { return Ok(Ok(())) };
        let one = MINUTE / i64::from(draw.per_minute.max(1));
        let (cost, room) = (one * i64::from(draw.amount), MINUTE - one);
        if draw.amount > 0 {
            let drawn = postgres.find(DRAW, values![draw.name, cost, room, LONGEST], |_| Ok(())).await?;
            if drawn.is_some() {
                return Ok(Ok(()));
            }
        }
        let short = postgres.find(LOOK, values![draw.name, room, LONGEST], |row| row.value::<i64>("short")).await?;
        Ok(match short.filter(|short| *short > 0) {
            Some(short) => Err(u32::try_from(short / SECOND + 1).unwrap_or(u32::MAX)),
            // Drawn empty, and filled again meanwhile.
            None if draw.amount > 0 => Err(1),
            None => Ok(()),
        })
    }
}

macro_rules! now {
    () => {
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000000)::BIGINT"
    };
}

/// `excluded.until - ?2` is the moment. What lies beyond the longest debt is left of a clock that has stepped back.
const DRAW: &str = concat!(
    "INSERT INTO rate_limit AS kept (name, until) VALUES (?1, ",
    now!(),
    " + ?2) ON CONFLICT (name) DO UPDATE SET until = ",
    "GREATEST(LEAST(kept.until, excluded.until - ?2 + ?4), excluded.until - ?2) + ?2 ",
    "WHERE LEAST(kept.until, excluded.until - ?2 + ?4) <= excluded.until - ?2 + ?3 RETURNING name"
);

const LOOK: &str = concat!("SELECT LEAST(until - ", now!(), ", ?3) - ?2 AS short FROM rate_limit WHERE name = ?1");

/// What is paid for is forgotten.
pub(super) const FORGET: &str = concat!("DELETE FROM rate_limit WHERE until < ", now!());

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

/// The longest debt that is remembered.
const LONGEST: i64 = 10 * MINUTE;
