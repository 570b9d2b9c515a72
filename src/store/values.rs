//! What is bound to a statement, for either engine. A statement is written once, with SQLite's placeholders `?` and `?1`.

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A value where it stands; none is NULL. That NULLs have a type spares PostgreSQL guessing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    Number(Option<i64>),
    Text(Option<&'v str>),
    Octets(Option<&'v [u8]>),
}

/// A value that was copied to be bound later.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Number(Option<i64>),
    Text(Option<String>),
    Octets(Option<Vec<u8>>),
}

impl Value<'_> {
    pub(super) fn keep(&self) -> Kept {
        match self {
            Self::Number(number) => Kept::Number(*number),
            Self::Text(text) => Kept::Text(text.map(str::to_owned)),
            Self::Octets(octets) => Kept::Octets(octets.map(<[u8]>::to_vec)),
        }
    }

    /// PostgreSQL's type.
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Number(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Octets(_) => Type::BYTEA,
        }
    }
}

impl Kept {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text.as_deref()),
            Self::Octets(octets) => Value::Octets(octets.as_deref()),
        }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(Some(number)) => ValueRef::Integer(*number),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Octets(Some(octets)) => ValueRef::Blob(octets),
            Self::Number(None) | Self::Text(None) | Self::Octets(None) => ValueRef::Null,
        }))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Number(number) => number.to_sql(kind, out),
            // PostgreSQL's texts hold no NUL, and a requester's may.
            Self::Text(Some(text)) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Octets(octets) => octets.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

/// What can be bound.
pub(super) trait Bind {
    /// What stands for none of it.
    const NULL: Value<'static>;

    fn bind(&self) -> Value<'_>;
}

impl Bind for i64 {
    const NULL: Value<'static> = Value::Number(None);

    fn bind(&self) -> Value<'_> {
        Value::Number(Some(*self))
    }
}

impl Bind for u32 {
    const NULL: Value<'static> = Value::Number(None);

    fn bind(&self) -> Value<'_> {
        Value::Number(Some((*self).into()))
    }
}

impl Bind for u8 {
    const NULL: Value<'static> = Value::Number(None);

    fn bind(&self) -> Value<'_> {
        Value::Number(Some((*self).into()))
    }
}

impl Bind for bool {
    const NULL: Value<'static> = Value::Number(None);

    fn bind(&self) -> Value<'_> {
        Value::Number(Some((*self).into()))
    }
}

impl Bind for str {
    const NULL: Value<'static> = Value::Text(None);

    fn bind(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl Bind for String {
    const NULL: Value<'static> = Value::Text(None);

    fn bind(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl Bind for [u8] {
    const NULL: Value<'static> = Value::Octets(None);

    fn bind(&self) -> Value<'_> {
        Value::Octets(Some(self))
    }
}

impl<const N: usize> Bind for [u8; N] {
    const NULL: Value<'static> = Value::Octets(None);

    fn bind(&self) -> Value<'_> {
        Value::Octets(Some(self))
    }
}

impl Bind for Vec<u8> {
    const NULL: Value<'static> = Value::Octets(None);

    fn bind(&self) -> Value<'_> {
        Value::Octets(Some(self))
    }
}

impl<T: Bind + ?Sized> Bind for &T {
    const NULL: Value<'static> = T::NULL;

    fn bind(&self) -> Value<'_> {
        (**self).bind()
    }
}

impl<T: Bind> Bind for Option<T> {
    const NULL: Value<'static> = T::NULL;

    fn bind(&self) -> Value<'_> {
        self.as_ref().map_or(T::NULL, T::bind)
    }
}

/// What is bound, in the order of the placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::values::Bind::bind(&$value)),*]
    };
}
pub(super) use values;

/// A statement with PostgreSQL's placeholders. No literal in this room holds a question mark.
pub(super) fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut pieces = sql.split('?');
    text.push_str(pieces.next().unwrap_or_default());
    for (place, piece) in pieces.enumerate() {
        text.push('$');
        if !piece.starts_with(|sign: char| sign.is_ascii_digit()) {
            text.push_str(&(place + 1).to_string());
        }
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_have_numbers() {
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
        assert_eq!(numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
        assert_eq!(numbered("a = ?2 OR b = ?1 OR c = ?12"), "a = $2 OR b = $1 OR c = $12");
    }

    #[test]
    fn what_is_none_has_a_type() {
        let [number, text, octets] = *values![None::<u32>, None::<&String>, None::<&[u8; 16]>];
        assert_eq!([number.kind(), text.kind(), octets.kind()], [Type::INT8, Type::TEXT, Type::BYTEA]);
    }
}
