//! Converts UTF-16, as written by PowerShell's `>`.

use crate::logs::record::{LogReader, Sink};

/// Converts UTF-16 with a byte-order mark to UTF-8 for another reader.
#[derive(Debug)]
pub struct Utf16<R> {
    inner: R,
    big_endian: Option<bool>,
    /// Text not yet read by the inner reader.
    pending: Vec<u8>,
    /// The first half of a surrogate pair.
    half: Option<u16>,
}

impl<R: LogReader> Utf16<R> {
    #[must_use]
    pub fn new(inner: R) -> Self {
        Self { inner, big_endian: None, pending: Vec::new(), half: None }
    }

    fn push(&mut self, unit: u16) {
        let units = self.half.take().into_iter().chain([unit]);
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(character) => {
                    let mut buffer = [0; 4];
                    self.pending.extend(character.encode_utf8(&mut buffer).as_bytes());
                }
                Err(half) => self.half = Some(half.unpaired_surrogate()),
            }
        }
    }
}

impl<R: LogReader> LogReader for Utf16<R> {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let mut at = 0;
        for pair in bytes.chunks_exact(2) {
            let little = u16::from_le_bytes([pair[0], pair[1]]);
            at += 2;
            match self.big_endian {
                None => self.big_endian = Some(little == 0xfffe),
                Some(true) => self.push(little.swap_bytes()),
                Some(false) => self.push(little),
            }
        }
        let read = self.inner.read(&self.pending, end, sink).min(self.pending.len());
        self.pending.drain(..read);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::{assert_pieces_give_same_records, whole};
    use crate::logs::text::Text;
    use proptest::prelude::*;

    fn encode(text: &str, big: bool) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn both_byte_orders_are_read() {
        for big in [false, true] {
            let bytes = encode("step 1: loss 2.5 😀\r\n", big);
            let found = whole(Utf16::new(Text::default()), &bytes);
            assert!(found.iter().any(|record| record.contains("value: 2.5")), "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            text in "(step [0-9]: loss [0-9] [é😀]\n){0,4}",
            cut in proptest::collection::vec(0_usize..200, 0..5),
        ) {
            let bytes = encode(&text, false);
            assert_pieces_give_same_records(|| Utf16::new(Text::default()), &bytes, &cut);
        }
    }
}
