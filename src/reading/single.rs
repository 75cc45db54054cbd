//! One digit in a picture.

use super::interpretation::interpret;
use super::{Images, ReadingError, Scan, verdict};
use crate::model::{Answer, Model};
use crate::protocol::ReadDigit;

/// A prediction with a lower output is unsure.
const SURE: f32 = 0.6;

/// Whether the prediction for a digit may well be wrong.
#[must_use]
pub fn is_unsure(digit: &ReadDigit) -> bool {
    digit.strength < SURE
}

/// The prediction for a picture of one digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// The model's prediction; never the class for pieces that are not digits.
    pub answer: Answer,
    /// The digit as given to the network, row-major; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    /// Number of digits in the picture; the prediction is for the most confident.
    pub digits: usize,
    /// Whether the prediction may well be wrong.
    pub unsure: bool,
}

/// Recognizes the digit of a picture, located as by [`super::read`]. A picture with the size of the
/// network's input is used unchanged.
///
/// # Errors
/// As [`super::read`].
pub fn recognize(model: &Model, scan: &Scan) -> Result<Recognition, ReadingError> {
    if let Some(prepared) = scan.prepared(model.image) {
        return Ok(predict(model, prepared.ink.clone(), 1));
    }
    let found = interpret(model, scan)?;
    let digits = found.as_ref().map_or(1, |found| found.digits);
    let pixels = found.and_then(|found| found.digit).map(|digit| digit.pixels);
    Ok(predict(model, pixels.unwrap_or_else(|| vec![0; model.image.0 * model.image.1]), digits))
}

/// Predicts one digit.
fn predict(model: &Model, pixels: Vec<u8>, digits: usize) -> Recognition {
    let (width, height) = model.image;
    let images = Images { width, height, channels: 1, pixels, labels: vec![0] };
    Recognition { digits, ..recognize_image(model, images) }
}

/// Predicts one image with the model's input size and number of channels.
///
/// # Panics
/// If there is no image, or its size is different.
#[must_use]
pub fn recognize_image(model: &Model, images: Images) -> Recognition {
    let mut answer = model.answer(&images).swap_remove(0);
    let prediction = verdict(model, &answer);
    let (index, name, strength) =
        (prediction.answer, prediction.name.to_string(), prediction.strength);
    let unsure = strength < SURE;
    (answer.answer, answer.name, answer.strength) = (index, name, strength);
    Recognition { answer, pixels: images.pixels, digits: 1, unsure }
}
