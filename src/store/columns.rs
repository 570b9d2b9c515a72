//! Reading rows: from columns to what they stand for.

use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, Sqlite, Type};

use super::Error;
use crate::case::Millis;

/// A row that is being read.
pub(super) struct Columns<'r>(pub(super) &'r SqliteRow);

impl<'r> Columns<'r> {
    pub(super) fn value<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, name: &'static str) -> Result<T, Error> {
        Ok(self.0.try_get(name)?)
    }

    /// Octets of a fixed length: an identifier, a hash.
    pub(super) fn octets<const N: usize>(&self, name: &'static str) -> Result<[u8; N], Error> {
        self.value::<&[u8]>(name)?.try_into().map_err(|_| Error::Damaged(name))
    }

    pub(super) fn maybe_octets<const N: usize>(&self, name: &'static str) -> Result<Option<[u8; N]>, Error> {
        let found = self.value::<Option<&[u8]>>(name)?;
        found.map(|octets| octets.try_into().map_err(|_| Error::Damaged(name))).transpose()
    }

    pub(super) fn moment(&self, name: &'static str) -> Result<Millis, Error> {
        Ok(Millis(self.value(name)?))
    }

    pub(super) fn maybe_moment(&self, name: &'static str) -> Result<Option<Millis>, Error> {
        Ok(self.value::<Option<i64>>(name)?.map(Millis))
    }

    /// A word that stands for one of a few things.
    pub(super) fn named<T>(&self, name: &'static str, known: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        known(self.value(name)?).ok_or(Error::Damaged(name))
    }

    /// A number that is never negative.
    pub(super) fn count<T: TryFrom<i64>>(&self, name: &'static str) -> Result<T, Error> {
        T::try_from(self.value(name)?).map_err(|_| Error::Damaged(name))
    }

    pub(super) fn maybe_count<T: TryFrom<i64>>(&self, name: &'static str) -> Result<Option<T>, Error> {
        let found = self.value::<Option<i64>>(name)?;
        found.map(|number| T::try_from(number).map_err(|_| Error::Damaged(name))).transpose()
    }
}
