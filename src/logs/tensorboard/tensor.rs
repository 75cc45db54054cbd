//! TensorFlow's `TensorProto`, as far as summaries use it.

use crate::logs::wire::{Field, ProtobufFields, varint};
use std::borrow::Cow;

/// A tensor's values and shape.
#[derive(Debug, Default)]
pub struct TensorProto<'a> {
    dtype: i64,
    /// Sizes of its dimensions; empty for a scalar.
    pub shape: Vec<i64>,
    content: &'a [u8],
    /// The values of the typed fields, converted to numbers.
    values: Vec<f64>,
    pub strings: Vec<&'a [u8]>,
}

/// Maximum number of values in a typed field.
const MAX_VALUES: usize = 1 << 22;

impl<'a> TensorProto<'a> {
    pub fn decode(bytes: &'a [u8]) -> Self {
        let mut tensor = Self::default();
        for (number, field) in ProtobufFields::new(bytes) {
            match number {
                1 => tensor.dtype = field.int().unwrap_or(0),
                2 => tensor.shape = shape(field.bytes()),
                4 => tensor.content = field.bytes(),
                5 => tensor.fixed(field, 4, |bytes| {
                    f64::from(f32::from_le_bytes(bytes.try_into().unwrap_or_default()))
                }),
                6 => tensor.fixed(field, 8, |bytes| {
                    f64::from_le_bytes(bytes.try_into().unwrap_or_default())
                }),
                8 => tensor.strings.push(field.bytes()),
                // int_val, int64_val, half_val, bool_val, uint32_val, uint64_val
                7 | 10 | 11 | 13 | 16 | 17 => tensor.varints(field),
                _ => {}
            }
        }
        tensor
    }

    fn fixed(&mut self, field: Field<'_>, size: usize, read: impl Fn(&[u8]) -> f64) {
        match field {
            Field::Bytes(bytes) => {
                let remaining = MAX_VALUES.saturating_sub(self.values.len());
                self.values.extend(bytes.chunks_exact(size).take(remaining).map(read));
            }
            Field::Fixed32(bytes) if size == 4 => self.values.push(read(&bytes)),
            Field::Fixed64(bytes) if size == 8 => self.values.push(read(&bytes)),
            _ => {}
        }
    }

    fn varints(&mut self, field: Field<'_>) {
        let dtype = self.dtype;
        let mut push = |raw: u64| {
            self.values.push(match dtype {
                HALF => half(raw as u16),
                BFLOAT => f64::from(f32::from_bits((raw as u32) << 16)),
                UINT64 => raw as f64,
                _ => raw.cast_signed() as f64,
            });
        };
        match field {
            Field::Varint(raw) => push(raw),
            Field::Bytes(mut bytes) => {
                for _ in 0..MAX_VALUES {
                    let Some(raw) = varint(&mut bytes) else { break };
                    push(raw);
                }
            }
            _ => {}
        }
    }

    /// Whether it is a single number rather than a vector or matrix.
    pub fn is_scalar(&self) -> bool {
        self.shape.is_empty()
    }

    /// Its first number; `None` if it contains texts or nothing.
    pub fn first(&self) -> Option<f64> {
        self.numbers().first().copied()
    }

    /// All its numbers, row by row.
    pub fn numbers(&self) -> Cow<'_, [f64]> {
        if self.content.is_empty() {
            return Cow::Borrowed(&self.values);
        }
        let content = self.content;
        Cow::Owned(match self.dtype {
            1 => each(content, |b| f64::from(f32::from_le_bytes(b))),
            2 => each(content, f64::from_le_bytes),
            3 => each(content, |b| f64::from(i32::from_le_bytes(b))),
            4 | 10 => each(content, |b| f64::from(u8::from_le_bytes(b))),
            5 => each(content, |b| f64::from(i16::from_le_bytes(b))),
            6 => each(content, |b| f64::from(i8::from_le_bytes(b))),
            9 => each(content, |b| i64::from_le_bytes(b) as f64),
            BFLOAT => {
                each(content, |b| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)))
            }
            17 => each(content, |b| f64::from(u16::from_le_bytes(b))),
            HALF => each(content, |b| half(u16::from_le_bytes(b))),
            22 => each(content, |b| f64::from(u32::from_le_bytes(b))),
            UINT64 => each(content, |b| u64::from_le_bytes(b) as f64),
            _ => Vec::new(),
        })
    }
}

/// Converts contiguous numbers of `N` bytes each.
fn each<const N: usize>(content: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let chunks = content.chunks_exact(N);
    chunks.map(|chunk| read(chunk.try_into().unwrap_or([0; N]))).collect()
}

const BFLOAT: i64 = 14;
const HALF: i64 = 19;
const UINT64: i64 = 23;

/// The sizes of the dimensions of a `TensorShapeProto`.
fn shape(bytes: &[u8]) -> Vec<i64> {
    ProtobufFields::new(bytes)
        .filter(|(number, _)| *number == 2)
        .take(16)
        .map(|(_, dimension)| {
            let mut fields = ProtobufFields::new(dimension.bytes());
            fields.find(|(number, _)| *number == 1).and_then(|(_, size)| size.int()).unwrap_or(0)
        })
        .collect()
}

/// Converts IEEE half precision.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_of_every_type_are_converted() {
        let packed = |dtype: u8, content: &[u8]| {
            let mut bytes = vec![0x08, dtype, 0x12, 0, 0x22, content.len() as u8];
            bytes.extend(content);
            TensorProto::decode(&bytes).first()
        };
        assert_eq!(packed(1, &1.5_f32.to_le_bytes()), Some(1.5));
        assert_eq!(packed(2, &0.1_f64.to_le_bytes()), Some(0.1));
        assert_eq!(packed(3, &(-7_i32).to_le_bytes()), Some(-7.0));
        assert_eq!(packed(4, &[200]), Some(200.0));
        assert_eq!(packed(5, &(-300_i16).to_le_bytes()), Some(-300.0));
        assert_eq!(packed(6, &[0xff]), Some(-1.0));
        assert_eq!(packed(9, &(1_i64 << 40).to_le_bytes()), Some(2_f64.powi(40)));
        assert_eq!(packed(10, &[1]), Some(1.0));
        assert_eq!(packed(14, &[0xc0, 0x3f]), Some(1.5));
        assert_eq!(packed(19, &[0x00, 0x3e]), Some(1.5));
        assert_eq!(packed(22, &u32::MAX.to_le_bytes()), Some(f64::from(u32::MAX)));
        // half_val and a negative int_val, as varints.
        assert_eq!(
            TensorProto::decode(&[0x08, 19, 0x6a, 2, 0x80, 0x7c]).first(),
            Some(0.0).map(|_: f64| half(0x3e00))
        );
        assert_eq!(Some(half(0x0001)), Some(2_f64.powi(-24)));
        assert!(half(0x7e00).is_nan());
    }
}
