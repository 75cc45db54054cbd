//! Decides what a picture shows: chooses among the interpretations of its ink, and between a single
//! digit and several, by the network's confidence. Shared by `predict` and `read`.

use super::score::{PieceShape, score};
use super::verdict::{PiecePrediction, verdict};
use super::{CONFIDENT, ReadingError, best_digits, confidence, is_unsure, read_picture};
use crate::data::{Extraction, Images, Scan};
use crate::model::Model;
use crate::picture::Picture;
use crate::protocol::{ReadDigit, ReadLine, Reading, Segmentation};

/// Digits whose height is below this fraction of the tallest are treated as dirt.
const LOW: f32 = 0.5;
/// Ink wider than this many times its height may be several digits.
const WIDE: f32 = 1.3;
/// Ink wider than this many times its height is several digits if its strength as a single digit is
/// below 0.5.
const WIDER: f32 = 1.6;
/// Ink on one line that is wider than `SQUARE` times its height is several digits if none of them
/// is dirt, the strength of each is at least `CLEAR`, and its strength as a single digit is below
/// 0.3.
const CLEAR: f32 = 0.75;
const SQUARE: f32 = 0.8;
/// Ink is a single digit if its strength as one is at least `STRONG`, and the confidence of the
/// reading as several is below `DOUBTFUL`.
const STRONG: f32 = 0.9;
const DOUBTFUL: f32 = 0.8;
/// Weight of every interpretation but the first.
const SECOND: f32 = 0.97;
/// Weight of ink inside a larger interpretation, such as the hole of a zero.
const INSIDE: f32 = 0.85;
/// Ink counts as inside other ink if it covers less than this fraction of the other's box.
const SMALLER: f32 = 0.6;

/// What a picture shows.
#[derive(Clone, Debug)]
pub(super) struct Interpretation {
    /// Its lines of digits; for a single digit, one line.
    pub reading: Reading,
    /// The single digit, or the most confident of several; `None` if there is no ink.
    pub digit: Option<ReadDigit>,
    /// Number of digits.
    pub digits: usize,
    /// Confidence from 0 to 1.
    confidence: f32,
}

/// The best interpretation of a picture.
///
/// # Errors
/// If no interpretation can be read.
pub(super) fn interpret(
    model: &Model,
    scan: &Scan,
) -> Result<Option<Interpretation>, ReadingError> {
    let mut best: Option<(f32, Interpretation)> = None;
    let mut error = None;
    for (index, extraction) in scan.extractions.iter().enumerate() {
        let mut found = match of_picture(model, &extraction.picture) {
            Ok(found) => found,
            Err(other) => {
                error = error.or(Some(other));
                continue;
            }
        };
        found.reading.shrunk *= extraction.shrunk as u32;
        found.reading.straightened = extraction.straightening.map(|back| back.coefficients());
        let mut weight = if index == 0 { 1.0 } else { SECOND };
        if scan.extractions.iter().any(|other| is_inside(extraction, other)) {
            weight *= INSIDE;
        }
        let confidence = weight * found.confidence;
        // A line read with confidence needs no comparison.
        let settled = index == 0 && found.digits > 1 && found.confidence >= CONFIDENT;
        if best.as_ref().is_none_or(|(most, _)| confidence > *most) {
            best = Some((confidence, found));
        }
        if settled {
            break;
        }
    }
    match (best, error) {
        (None, Some(error)) => Err(error),
        (best, _) => Ok(best.map(|(_, found)| found)),
    }
}

/// Whether ink is inside other ink and much smaller.
fn is_inside(ink: &Extraction, other: &Extraction) -> bool {
    if ink.straightening.is_some() != other.straightening.is_some() {
        return false;
    }
    let bounds = |extraction: &Extraction| {
        let (left, top, width, height) = extraction.picture.bounds();
        let by = extraction.shrunk;
        [left, top, left + width, top + height].map(|at| (at * by) as f32)
    };
    let (own, outer) = (bounds(ink), bounds(other));
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left) * (bottom - top);
    let slack = 0.02 * ((outer[2] - outer[0]) + (outer[3] - outer[1]));
    own[0] >= outer[0] - slack
        && own[1] >= outer[1] - slack
        && own[2] <= outer[2] + slack
        && own[3] <= outer[3] + slack
        && area(own) < SMALLER * area(outer)
}

/// Decides between one digit and several.
fn of_picture(model: &Model, picture: &Picture) -> Result<Interpretation, ReadingError> {
    let reading = read_picture(model, picture)?;
    let whole = whole(model, picture, reading.shrunk);
    let all: Vec<&ReadDigit> = best_digits(&reading).collect();
    let highest = all.iter().map(|digit| digit.height).max().unwrap_or(0) as f32;
    let high: Vec<&ReadDigit> =
        all.iter().copied().filter(|digit| digit.height as f32 >= LOW * highest).collect();
    let clear = high.iter().filter(|digit| !is_unsure(digit)).count();
    let confidence = confidence(&reading);
    let wide = whole.width as f32 / whole.height.max(1) as f32;
    let one_line = reading.lines.len() == 1;
    let several = high.len() > 1
        && !(whole.strength >= STRONG && confidence < DOUBTFUL)
        && (clear > 1 && 2 * clear > high.len() && (wide > WIDE || !one_line)
            || wide > WIDER && whole.strength < 0.5
            || high.len() == all.len()
                && high.iter().all(|digit| digit.strength >= CLEAR)
                && whole.strength < 0.3
                && one_line
                && wide > SQUARE);
    if several {
        let weight = |digit: &ReadDigit| digit.strength * digit.height as f32;
        let clearest = high.into_iter().max_by(|a, b| weight(a).total_cmp(&weight(b)));
        let digit = clearest.cloned();
        return Ok(Interpretation { digit, digits: clear.max(2), confidence, reading });
    }
    // Either all ink is one digit, or one of the pieces is and the others are dirt.
    let size = |digit: &ReadDigit| (digit.width + digit.height) as f32;
    let total: f32 = all.iter().map(|digit| size(digit)).sum();
    let weighted = |digit: &ReadDigit| digit.strength * (size(digit) / total.max(1.0)).sqrt();
    let piece = all.iter().copied().max_by(|a, b| weighted(a).total_cmp(&weighted(b)));
    let (digit, confidence) = match piece {
        Some(piece) if weighted(piece) >= whole.strength => (piece.clone(), weighted(piece)),
        _ => (whole.clone(), whole.strength),
    };
    let is_piece = all.len() == 1 && *all[0] == digit;
    let reading = if is_piece || picture.is_blank() { reading } else { alone(reading, &digit) };
    Ok(Interpretation { reading, digit: Some(digit), digits: 1, confidence })
}

/// Reads all ink of a picture as one digit.
fn whole(model: &Model, picture: &Picture, shrunk: u32) -> ReadDigit {
    let (width, height) = model.image;
    let pixels = picture.normalized(width, height);
    let images = Images { width, height, channels: 1, pixels, labels: vec![0] };
    let answer = model.answer(&images).swap_remove(0);
    let PiecePrediction { answer: prediction, name, strength, second } = verdict(model, &answer);
    let (left, top, wide, high) = picture.bounds();
    let shape = PieceShape { width: wide as f32 / high.max(1) as f32, height: 1.0, parted: 0.0 };
    let scaled = |at: usize| (at as u32).div_euclid(shrunk.max(1));
    ReadDigit {
        left: scaled(left),
        top: scaled(top),
        width: scaled(wide).max(1),
        height: scaled(high).max(1),
        prediction: prediction as u32,
        name: name.into(),
        strength,
        second: second.map(|(name, strength)| (name.into(), strength)),
        votes: answer.votes.iter().map(|&vote| vote as u32).collect(),
        score: score(strength, &answer.outputs, shape),
        pixels: images.pixels,
    }
}

/// The reading of a single digit, followed by the other segmentations of its line.
fn alone(reading: Reading, digit: &ReadDigit) -> Reading {
    let one = Segmentation { score: digit.score, digits: vec![digit.clone()], cuts: Vec::new() };
    let line = match &reading.lines[..] {
        [line] => {
            let others = line.segmentations.iter().cloned();
            ReadLine { segmentations: [one].into_iter().chain(others).collect(), ..line.clone() }
        }
        _ => ReadLine {
            left: digit.left,
            top: digit.top,
            width: digit.width,
            height: digit.height,
            tried: 0,
            segmentations: vec![one],
        },
    };
    Reading { lines: vec![line], ..reading }
}
