//! Iterates over the fields of a protobuf message, without generated code.

/// A field's payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// The payload of a length-delimited field; empty for others.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// Converts to text; invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// A `double`.
    #[must_use]
    pub fn double(self) -> Option<f64> {
        match self {
            Self::Fixed64(bytes) => Some(f64::from_le_bytes(bytes)),
            _ => None,
        }
    }

    /// A `float`.
    #[must_use]
    pub fn float(self) -> Option<f32> {
        match self {
            Self::Fixed32(bytes) => Some(f32::from_le_bytes(bytes)),
            _ => None,
        }
    }

    /// An `int32` or `int64`.
    #[must_use]
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Varint(value) => Some(value.cast_signed()),
            _ => None,
        }
    }
}

/// The fields of a message in order; ends at the first malformed one.
#[derive(Clone, Debug)]
pub struct ProtobufFields<'a> {
    bytes: &'a [u8],
    /// Whether the iteration ended at a malformed field.
    broken: bool,
}

impl<'a> ProtobufFields<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, broken: false }
    }

    /// Whether the iteration ended at a malformed field.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = varint(&mut self.bytes)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut self.bytes)?),
            1 => Field::Fixed64(take(&mut self.bytes, 8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut self.bytes)?).ok()?;
                Field::Bytes(take(&mut self.bytes, length)?)
            }
            5 => Field::Fixed32(take(&mut self.bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

impl<'a> Iterator for ProtobufFields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() || self.broken {
            return None;
        }
        let field = self.field();
        self.broken = field.is_none();
        field
    }
}

/// Reads a varint of at most 64 bits from the start.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * shift);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}
