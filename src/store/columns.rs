//! Reading rows: from columns to what they stand for.

use tokio_postgres::types::FromSql;

use super::Error;
use crate::case::Millis;

/// A row that is being read.
pub(super) enum Columns<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// What both engines read.
pub(super) trait Held: rusqlite::types::FromSql + for<'r> FromSql<'r> {}

impl<T: rusqlite::types::FromSql + for<'r> FromSql<'r>> Held for T {}

impl Columns<'_> {
    pub(super) fn value<T: Held>(&self, name: &'static str) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(name)?),
            Self::Postgres(row) => Ok(row.try_get(name)?),
        }
    }

    /// Octets that are looked at where they are.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Option<&[u8]>, Error> {
        match self {
            Self::Sqlite(row) => row.get_ref(name)?.as_blob_or_null().map_err(|_| Error::Damaged(name)),
            Self::Postgres(row) => Ok(row.try_get(name)?),
        }
    }

    /// A text that is looked at where it is.
    pub(super) fn text(&self, name: &'static str) -> Result<&str, Error> {
        match self {
            Self::Sqlite(row) => row.get_ref(name)?.as_str().map_err(|_| Error::Damaged(name)),
            Self::Postgres(row) => Ok(row.try_get(name)?),
        }
    }

    /// Whether a number stands for yes.
    pub(super) fn truth(&self, name: &'static str) -> Result<bool, Error> {
        Ok(self.value::<i64>(name)? != 0)
    }

    /// Octets of a fixed length: an identifier, a hash.
    pub(super) fn octets<const N: usize>(&self, name: &'static str) -> Result<[u8; N], Error> {
        self.maybe_octets(name)?.ok_or(Error::Damaged(name))
    }

    pub(super) fn maybe_octets<const N: usize>(&self, name: &'static str) -> Result<Option<[u8; N]>, Error> {
        let found = self.bytes(name)?;
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
        known(self.text(name)?).ok_or(Error::Damaged(name))
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
