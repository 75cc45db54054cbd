//! One digit in a picture.

use super::interpretation::interpret;
use super::{Images, ReadingError, Scan, verdict};
use crate::model::{Answer, Model};
use crate::protocol::ReadDigit;

/// An answer with an output below this is unsure.
const SURE: f32 = 0.6;

/// Whether a digit may well be another one, or none.
#[must_use]
pub fn is_unsure(digit: &ReadDigit) -> bool {
    digit.strength < SURE
}

/// What a picture shows that should show one digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// The model's answer; never the class for no digit.
    pub answer: Answer,
    /// The digit as the network saw it, row-major; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    /// Number of digits in the picture; the answer is for the clearest.
    pub digits: usize,
    /// Whether the answer may well be wrong.
    pub unsure: bool,
}

/// Recognizes the digit of a picture, which is found as by [`super::read`]. A picture that has the
/// size of the network's input is used unchanged.
///
/// # Errors
/// As [`super::read`].
pub fn recognize(model: &Model, scan: &Scan) -> Result<Recognition, ReadingError> {
    if let Some(prepared) = scan.prepared(model.image) {
        return Ok(answered(model, prepared.ink.clone(), 1));
    }
    let found = interpret(model, scan)?;
    let digits = found.as_ref().map_or(1, |found| found.digits);
    let pixels = found.and_then(|found| found.digit).map(|digit| digit.pixels);
    Ok(answered(model, pixels.unwrap_or_else(|| vec![0; model.image.0 * model.image.1]), digits))
}

/// The model's answer for one digit.
fn answered(model: &Model, pixels: Vec<u8>, digits: usize) -> Recognition {
    let (width, height) = model.image;
    let images = Images { width, height, channels: 1, pixels, labels: vec![0] };
    Recognition { digits, ..recognize_image(model, images) }
}

/// The model's answer for one image of its size and number of channels.
///
/// # Panics
/// If there is no image, or one of another size.
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
