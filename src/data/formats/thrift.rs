//! Thrift's compact protocol, as needed for parquet's metadata: structures are read without a
//! schema.

/// Maximum nesting depth.
const MAX_DEPTH: usize = 24;
/// Maximum number of values of one message.
const MAX_VALUES: usize = 4_000_000;

/// A value of any type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ThriftValue {
    Bool(bool),
    Int(i64),
    Double(f64),
    Binary(Vec<u8>),
    List(Vec<ThriftValue>),
    Struct(ThriftStruct),
}

/// The fields of a structure by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ThriftStruct(Vec<(i16, ThriftValue)>);

impl ThriftStruct {
    pub fn get(&self, id: i16) -> Option<&ThriftValue> {
        self.0.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }

    pub fn int(&self, id: i16) -> Option<i64> {
        match self.get(id)? {
            ThriftValue::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub fn bool(&self, id: i16) -> Option<bool> {
        match self.get(id)? {
            ThriftValue::Bool(set) => Some(*set),
            _ => None,
        }
    }

    pub fn text(&self, id: i16) -> Option<String> {
        match self.get(id)? {
            ThriftValue::Binary(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    pub fn list(&self, id: i16) -> &[ThriftValue] {
        match self.get(id) {
            Some(ThriftValue::List(values)) => values,
            _ => &[],
        }
    }

    pub fn fields(&self, id: i16) -> Option<&ThriftStruct> {
        match self.get(id)? {
            ThriftValue::Struct(fields) => Some(fields),
            _ => None,
        }
    }
}

/// Reads one structure from the start of `bytes`; returns it and the number of bytes read.
///
/// # Errors
/// A message if it is truncated or invalid.
pub(super) fn read_struct(bytes: &[u8]) -> Result<(ThriftStruct, usize), String> {
    let mut reader = ThriftReader { bytes, at: 0, values: 0 };
    let fields = reader.fields(0)?;
    Ok((fields, reader.at))
}

struct ThriftReader<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

impl ThriftReader<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.bytes.get(self.at).copied().ok_or("its metadata ends too early")?;
        self.at += 1;
        Ok(byte)
    }

    /// A varint: an unsigned number with 7 bits per byte, least significant first.
    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("its metadata contains a number that is too long".into())
    }

    fn zigzag(&mut self) -> Result<i64, String> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn fields(&mut self, depth: usize) -> Result<ThriftStruct, String> {
        let mut fields = Vec::new();
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Ok(ThriftStruct(fields));
            }
            id = match head >> 4 {
                0 => self.zigzag()? as i16,
                step => id.wrapping_add(i16::from(step)),
            };
            let value = match kind {
                1 => ThriftValue::Bool(true),
                2 => ThriftValue::Bool(false),
                kind => self.value(kind, depth)?,
            };
            fields.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<ThriftValue, String> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err("its metadata is nested too deeply or too long".into());
        }
        match kind {
            // A boolean in a list takes a byte.
            1 | 2 => Ok(ThriftValue::Bool(self.byte()? == 1)),
            3 => Ok(ThriftValue::Int(self.byte()?.cast_signed().into())),
            4..=6 => Ok(ThriftValue::Int(self.zigzag()?)),
            7 => {
                let rest = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk);
                let number = f64::from_le_bytes(*rest.ok_or("its metadata ends too early")?);
                self.at += 8;
                Ok(ThriftValue::Double(number))
            }
            8 => {
                let length = self.varint()?;
                let end =
                    usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
                let bytes = end.and_then(|end| self.bytes.get(self.at..end));
                let bytes = bytes.ok_or("its metadata ends too early")?.to_vec();
                self.at += bytes.len();
                Ok(ThriftValue::Binary(bytes))
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                (0..count)
                    .map(|_| self.value(head & 0x0f, depth + 1))
                    .collect::<Result<_, _>>()
                    .map(ThriftValue::List)
            }
            11 => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(ThriftValue::List(Vec::new()));
                }
                let kinds = self.byte()?;
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(kinds >> 4, depth + 1)?);
                    values.push(self.value(kinds & 0x0f, depth + 1)?);
                }
                Ok(ThriftValue::List(values))
            }
            12 => Ok(ThriftValue::Struct(self.fields(depth + 1)?)),
            other => Err(format!("its metadata contains a value of the unknown type {other}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_of_every_type_are_read() {
        // 1: i32 −3, 2: true, 4: "ab", 5: [1, 2] of i32, 6: {1: i64 300}.
        let bytes =
            [0x15, 5, 0x11, 0x28, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0x1c, 0x16, 0xd8, 4, 0, 0];
        let (fields, length) = read_struct(&bytes).unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(fields.int(1), Some(-3));
        assert_eq!(fields.bool(2), Some(true));
        assert_eq!(fields.text(4).as_deref(), Some("ab"));
        assert_eq!(fields.list(5), [ThriftValue::Int(1), ThriftValue::Int(2)]);
        assert_eq!(fields.fields(6).and_then(|inner| inner.int(1)), Some(300));
        for end in 0..bytes.len() {
            assert!(read_struct(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn huge_counts_and_deep_nesting_are_errors() {
        // A list of 2³² empty structures; and nested lists.
        let many = [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let zeros = vec![0; 5_000_000];
        assert!(read_struct(&[&many[..], &zeros].concat()).is_err());
        assert!(read_struct(&[&[0x19][..], &[0x19; 100]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = read_struct(&bytes);
        }
    }
}
