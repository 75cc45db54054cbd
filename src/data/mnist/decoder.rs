//! Decoder of the images that `data/mnist.py` packs. Pixels are entropy-coded with rANS (J. Duda,
//! "Asymmetric numeral systems", arXiv:1311.2540). The frequencies of a pixel's values depend on
//! its context: the classes of the values of the pixels left, above and above right. That takes 9%
//! fewer bytes than brotli.

use super::{PIXELS, SIDE};
use brotli_decompressor::Decompressor;
use std::io::{self, Read};

/// The frequencies of a context add up to `1 << BITS`.
const BITS: u32 = 10;
/// Number of symbols per context: the values of a pixel, or the lengths of a run of zeros.
const SYMBOLS: usize = 256;
/// Number of contexts of pixels; those of runs follow.
const PIXEL_CONTEXTS: usize = 8 * 8 * 3;
/// Number of rows of an image that share the contexts of runs.
const ROWS_PER_CONTEXT: usize = 4;
/// Number of such groups of rows per image.
const ROW_GROUPS: usize = SIDE / ROWS_PER_CONTEXT;
/// Number of all contexts. A run of zeros has one per group of rows and maximum length (1 to 28).
const CONTEXTS: usize = PIXEL_CONTEXTS + SIDE * ROW_GROUPS;

/// Class of a neighbour's value, one of eight.
const fn class_of_8(value: u8) -> usize {
    match value {
        0 => 0,
        1..32 => 1,
        32..96 => 2,
        96..160 => 3,
        160..224 => 4,
        224..252 => 5,
        252..254 => 6,
        _ => 7,
    }
}

/// Class of a neighbour's value, one of three.
const fn class_of_3(value: u8) -> usize {
    match value {
        0 => 0,
        1..252 => 1,
        _ => 2,
    }
}

/// The neighbours of a pixel that determine its context.
#[derive(Clone, Copy)]
enum Neighbour {
    Left,
    Above,
    AboveRight,
}

/// What each value of a neighbour adds to the context of a pixel.
const LEFT: [u8; 256] = contributions(Neighbour::Left);
const ABOVE: [u8; 256] = contributions(Neighbour::Above);
const ABOVE_RIGHT: [u8; 256] = contributions(Neighbour::AboveRight);

const fn contributions(neighbour: Neighbour) -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < table.len() {
        let contribution = match neighbour {
            Neighbour::Left => class_of_8(value as u8) * 8 * 3,
            Neighbour::Above => class_of_8(value as u8) * 3,
            Neighbour::AboveRight => class_of_3(value as u8),
        };
        table[value] = contribution as u8;
        value += 1;
    }
    table
}

/// The interval of a symbol among the `1 << BITS` slots of its context.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    start: u16,
    width: u16,
}

/// The frequencies of all symbols, prepared for decoding. Takes 0.8 MB, which fits
/// into the L2 cache.
#[derive(Debug)]
pub(super) struct Frequencies {
    /// The symbol of each slot: CONTEXTS × `1 << BITS`.
    symbols: Vec<u8>,
    /// CONTEXTS × SYMBOLS.
    intervals: Vec<Interval>,
}

impl Frequencies {
    /// Reads `frequencies.br`: CONTEXTS × SYMBOLS numbers of 16 bits, little-endian, compressed with
    /// brotli. A context is unused, or its frequencies add up to `1 << BITS`.
    ///
    /// # Errors
    /// If the file is damaged.
    pub(super) fn read(packed: &[u8]) -> io::Result<Self> {
        let mut bytes = vec![0; CONTEXTS * SYMBOLS * 2];
        Decompressor::new(packed, 1 << 16).read_exact(&mut bytes)?;
        let mut symbols = vec![0; CONTEXTS << BITS];
        let mut intervals = vec![Interval::default(); CONTEXTS * SYMBOLS];
        let contexts = bytes.chunks_exact(SYMBOLS * 2).zip(symbols.chunks_exact_mut(1 << BITS));
        for ((bytes, slots), intervals) in contexts.zip(intervals.chunks_exact_mut(SYMBOLS)) {
            let mut start = 0;
            for (symbol, width) in bytes.chunks_exact(2).enumerate() {
                let width = u16::from_le_bytes([width[0], width[1]]);
                let end = usize::from(start) + usize::from(width);
                let slots = slots.get_mut(usize::from(start)..end);
                slots.ok_or(io::ErrorKind::InvalidData)?.fill(symbol as u8);
                intervals[symbol] = Interval { start, width };
                start += width;
            }
        }
        Ok(Self { symbols, intervals })
    }
}

/// Decodes the symbols of one stream, from its start.
struct Symbols<'a> {
    frequencies: &'a Frequencies,
    /// 16-bit words, little-endian.
    stream: &'a [u8],
    /// Offset of the next word, in bytes.
    at: usize,
    state: u32,
}

impl<'a> Symbols<'a> {
    fn new(frequencies: &'a Frequencies, stream: &'a [u8]) -> Self {
        let mut symbols = Self { frequencies, stream, at: 4, state: 0 };
        symbols.state = symbols.word(0) << 16 | symbols.word(2);
        symbols
    }

    /// The word at an offset; 0 after the end, so that a damaged stream gives wrong pixels instead
    /// of a panic.
    fn word(&self, at: usize) -> u32 {
        let word = self.stream.get(at..at + 2);
        word.map_or(0, |word| u32::from(u16::from_le_bytes([word[0], word[1]])))
    }

    fn next(&mut self, context: usize) -> u8 {
        let slot = self.state & ((1 << BITS) - 1);
        let symbol = self.frequencies.symbols[(context << BITS) + slot as usize];
        let interval = self.frequencies.intervals[context * SYMBOLS + usize::from(symbol)];
        let (start, width) = (u32::from(interval.start), u32::from(interval.width));
        let state = width.wrapping_mul(self.state >> BITS).wrapping_add(slot).wrapping_sub(start);
        // The word is read unconditionally: a branch on whether it is needed would be mispredicted.
        let (word, low) = (self.word(self.at), state < 1 << 16);
        self.state = if low { state << 16 | word } else { state };
        self.at += 2 * usize::from(low);
        symbol
    }
}

/// Decodes the first images of a stream: whole images of 28×28 pixels, as many as `pixels` holds.
pub(super) fn decode(frequencies: &Frequencies, stream: &[u8], pixels: &mut [u8]) {
    let mut symbols = Symbols::new(frequencies, stream);
    for image in pixels.chunks_exact_mut(PIXELS) {
        let mut above = [0; SIDE];
        for (y, row) in image.chunks_exact_mut(SIDE).enumerate() {
            decode_row(&mut symbols, y / ROWS_PER_CONTEXT, &above, row);
            above.copy_from_slice(row);
        }
    }
}

/// Decodes a row of pixels. A run of zeros is one symbol where the pixel left and the three above
/// are zero; every other pixel is a symbol of its own. `row` must be filled with zeros.
fn decode_row(symbols: &mut Symbols<'_>, group: usize, above: &[u8; SIDE], row: &mut [u8]) {
    let ink = above.iter().rev().fold(0_u32, |ink, &value| ink << 1 | u32::from(value > 0));
    // A bit for each pixel that touches ink in the row above; the bit after the last one ends every
    // run.
    let near_ink = ink | ink << 1 | ink >> 1 | 1 << SIDE;
    let (mut x, mut left) = (0, 0_u8);
    while x < SIDE {
        let limit = (near_ink >> x).trailing_zeros() as usize;
        if left == 0 && limit > 0 {
            let limit = limit.min(SIDE - x);
            let context = PIXEL_CONTEXTS + (limit - 1) * ROW_GROUPS + group;
            let run = usize::from(symbols.next(context));
            x += run;
            if run >= limit {
                continue;
            }
        }
        let above_right = above.get(x + 1).copied().unwrap_or_default();
        let context = LEFT[usize::from(left)]
            + ABOVE[usize::from(above[x])]
            + ABOVE_RIGHT[usize::from(above_right)];
        left = symbols.next(usize::from(context));
        row[x] = left;
        x += 1;
    }
}
