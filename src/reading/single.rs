//! One digit in a picture.

use super::{Images, ReadingError, Scan, best_digits, read_picture, surest, verdict};
use crate::model::{Answer, Model};
use crate::picture::Picture;
use crate::protocol::{ReadDigit, Reading};

/// An answer that the outputs speak for less than this is unsure.
const SURE: f32 = 0.6;
/// Digits lower than this fraction of the highest are not counted.
const LOW: f32 = 0.5;
/// What is wider than this many times its height is no single digit.
const WIDE: f32 = 1.3;

/// Whether a digit that was read may well be another one, or none.
#[must_use]
pub fn is_unsure(digit: &ReadDigit) -> bool {
    digit.strength < SURE
}

/// What a picture shows that is to show one digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// What the model says of it, without taking it for nothing.
    pub answer: Answer,
    /// The digit as the network saw it, row by row; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    /// How many digits the picture shows; the answer is that of the clearest.
    pub digits: usize,
    /// Whether the answer may well be wrong.
    pub unsure: bool,
}

/// Recognizes the digit of a picture; it is found as by [`super::read`]. A picture that has the
/// size of the network's input was prepared by somebody else and is taken as it is.
///
/// # Errors
/// Where it holds more pieces of ink than a page of writing.
pub fn recognize(model: &Model, scan: &Scan) -> Result<Recognition, ReadingError> {
    if let Some(prepared) = scan.prepared(model.image) {
        return Ok(answered(model, prepared.ink.clone(), 1));
    }
    let found = scan.extractions.iter().map(|extraction| {
        let one = in_picture(model, &extraction.picture)?;
        Ok((one.answer.strength, one))
    });
    let blank = || answered(model, vec![0; model.image.0 * model.image.1], 1);
    Ok(surest(found)?.unwrap_or_else(blank))
}

fn in_picture(model: &Model, picture: &Picture) -> Result<Recognition, ReadingError> {
    let reading = read_picture(model, picture)?;
    let clearest = best_digits(&reading).max_by(|a, b| weight(a).total_cmp(&weight(b)));
    let one = clearest.map(|digit| digit.pixels.clone());
    let count = count(&reading, picture);
    if let (Some(pixels), true) = (&one, count > 1 || best_digits(&reading).count() == 1) {
        return Ok(answered(model, pixels.clone(), count));
    }
    // Either all ink is one digit, or some of it is dirt.
    let whole = answered(model, picture.normalized(model.image.0, model.image.1), 1);
    let piece = one.map(|pixels| answered(model, pixels, 1));
    Ok(match piece {
        Some(piece) if piece.answer.strength > whole.answer.strength => piece,
        _ => whole,
    })
}

/// Large digits are what a picture shows.
fn weight(digit: &ReadDigit) -> f32 {
    digit.strength * digit.height as f32
}

/// Digits that are beyond doubt, where there are several.
fn count(reading: &Reading, picture: &Picture) -> usize {
    let highest = best_digits(reading).map(|digit| digit.height).max().unwrap_or(0) as f32;
    let high = || best_digits(reading).filter(|digit| digit.height as f32 >= LOW * highest);
    let clear = high().filter(|digit| digit.strength >= SURE).count();
    let (_, _, width, height) = picture.bounds();
    let one_cannot_be = width as f32 > WIDE * height as f32 || reading.lines.len() > 1;
    if clear > 1 && 2 * clear > high().count() && one_cannot_be { clear } else { 1 }
}

/// What the model says of one digit.
fn answered(model: &Model, pixels: Vec<u8>, digits: usize) -> Recognition {
    let (width, height) = model.image;
    let images = Images { width, height, channels: 1, pixels, labels: vec![0] };
    Recognition { digits, ..recognize_image(model, images) }
}

/// What the model says of one image that is of its size and number of channels.
///
/// # Panics
/// Where there is no image, or one of another size.
#[must_use]
pub fn recognize_image(model: &Model, images: Images) -> Recognition {
    let mut answer = model.answer(&images).swap_remove(0);
    let something = verdict(model, &answer);
    let (index, name, strength) =
        (something.answer, something.name.to_string(), something.strength);
    let unsure = strength < SURE;
    (answer.answer, answer.name, answer.strength) = (index, name, strength);
    Recognition { answer, pixels: images.pixels, digits: 1, unsure }
}
