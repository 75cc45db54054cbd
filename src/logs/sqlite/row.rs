//! The cells of a row.

use std::borrow::Cow;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum SqliteValue<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

impl<'a> SqliteValue<'a> {
    /// A text or a blob as text.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }

    /// A number, or a number written as text.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Text(_) => crate::logs::number::parse(&self.text()?),
            _ => None,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => self.number().and_then(crate::logs::number::to_step),
        }
    }
}

/// A row: its cells by column name.
#[derive(Debug)]
pub struct SqliteRow<'a> {
    columns: &'a [String],
    id_column: Option<usize>,
    id: i64,
    cells: Vec<SqliteValue<'a>>,
}

impl<'a> SqliteRow<'a> {
    pub(super) fn new(
        columns: &'a [String],
        id_column: Option<usize>,
        id: i64,
        cells: Vec<SqliteValue<'a>>,
    ) -> Self {
        Self { columns, id_column, id, cells }
    }

    /// The cell of a column; null if the row or the table does not have it.
    #[must_use]
    pub fn get(&self, column: &str) -> SqliteValue<'a> {
        let Some(index) = self.columns.iter().position(|name| name == column) else {
            return SqliteValue::Null;
        };
        if self.id_column == Some(index) {
            return SqliteValue::Int(self.id);
        }
        self.cells.get(index).cloned().unwrap_or(SqliteValue::Null)
    }
}

/// The cells of a record, up to the first malformed one.
pub(super) fn cells(record: &[u8]) -> Vec<SqliteValue<'_>> {
    let mut header = record;
    let Some(length) = varint(&mut header) else { return Vec::new() };
    let length = length as usize;
    let taken = record.len() - header.len();
    let Some(mut types) = record.get(taken..length) else { return Vec::new() };
    let mut body = &record[length..];
    let mut cells = Vec::new();
    while let Some(kind) = varint(&mut types) {
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind as usize,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => break,
            _ => ((kind - 12) / 2) as usize,
        };
        let Some((bytes, rest)) = body.split_at_checked(size) else { break };
        body = rest;
        cells.push(match kind {
            0 => SqliteValue::Null,
            8 => SqliteValue::Int(0),
            9 => SqliteValue::Int(1),
            1..=6 => SqliteValue::Int(signed(bytes)),
            7 => SqliteValue::Real(f64::from_be_bytes(bytes.try_into().unwrap_or_default())),
            _ if kind % 2 == 0 => SqliteValue::Blob(bytes),
            _ => SqliteValue::Text(bytes),
        });
    }
    cells
}

/// A big-endian number of one to eight bytes in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let first = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(first, |value: i64, &byte| value << 8 | i64::from(byte))
}

/// SQLite's varint: seven bits per byte, most significant first; the ninth byte has eight.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for index in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read() {
        assert_eq!(signed(&[0xff]), -1);
        assert_eq!(signed(&[0x7f, 0xff]), 32_767);
        assert_eq!(signed(&[0x80, 0, 0, 0, 0, 0]), -(1 << 47));
        assert_eq!(varint(&mut &[0xff; 9][..]), Some(u64::MAX));
        assert_eq!(varint(&mut &[0x81, 0x00][..]), Some(128));
        assert_eq!(
            cells(&[4, 1, 9, 15, 0xfe, b'a']),
            [SqliteValue::Int(-2), SqliteValue::Int(1), SqliteValue::Text(b"a")]
        );
    }
}
