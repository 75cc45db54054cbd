//! A picture of two lines and a plausible reading.

use super::{label, pixels};
use nntop::protocol::{ReadDigit, ReadLine, Reading, Segmentation};

/// Width and height of a digit's image in pixels.
const SIDE: u32 = 28;
/// Columns from one digit to the next, so that neighbours overlap.
const STEP: u32 = 22;
/// Number of digits of the two lines.
const DIGITS: [u32; 2] = [5, 3];

pub fn reading() -> Reading {
    let (width, height) = (STEP * DIGITS[0] + 10, 2 * SIDE);
    let mut ink = vec![0_u8; (width * height) as usize];
    for (line, count) in (0..).zip(DIGITS) {
        for at in 0..count {
            for (index, pixel) in (0..).zip(pixels(image(line, at))) {
                let (row, column) = (line * SIDE + index / SIDE, at * STEP + index % SIDE);
                let under = &mut ink[(row * width + column) as usize];
                *under = pixel.max(*under);
            }
        }
    }
    let lines = (0..).zip(DIGITS).map(|(line, count)| read_line(line, count)).collect();
    Reading { width, height, ink, shrunk: 1, straightened: None, seen: [SIDE, SIDE], lines }
}

fn image(line: u32, at: u32) -> u32 {
    10 * line + at
}

fn read_line(line: u32, count: u32) -> ReadLine {
    let all: Vec<ReadDigit> = (0..count).map(|at| digit(line, at, 0.98, -0.05)).collect();
    let mut joined = all.clone();
    joined.truncate(count as usize - 2);
    joined.push(ReadDigit { width: 2 * STEP, ..digit(line, count - 2, 0.41, -3.71) });
    ReadLine {
        left: 0,
        top: line * SIDE,
        width: STEP * count + 6,
        height: SIDE,
        tried: 2 * count,
        segmentations: vec![segmentation(all), segmentation(joined)],
    }
}

fn segmentation(digits: Vec<ReadDigit>) -> Segmentation {
    let leaning = |digit: &ReadDigit| (0..SIDE).map(|row| digit.left + 3 - row / 10).collect();
    Segmentation {
        score: digits.iter().map(|digit| digit.score).sum(),
        cuts: digits.iter().skip(1).map(leaning).collect(),
        digits,
    }
}

fn digit(line: u32, at: u32, strength: f32, score: f64) -> ReadDigit {
    ReadDigit {
        left: at * STEP,
        top: line * SIDE,
        width: STEP,
        height: SIDE,
        pixels: pixels(image(line, at)),
        prediction: label(image(line, at)),
        name: label(image(line, at)).to_string(),
        strength,
        second: Some((((label(image(line, at)) + 3) % 10).to_string(), (1.0 - strength) / 2.0)),
        votes: Vec::new(),
        score,
    }
}
