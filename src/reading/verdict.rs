//! The prediction for a piece, excluding the class for pieces that are not digits.

use crate::model::{Answer, Model};
use crate::spec::Readout;

/// Name of the class for pieces that are not digits, which some models have. It is never predicted.
const NOTHING: &str = "none";

/// The prediction for a piece, and the second best.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PiecePrediction<'a> {
    pub answer: usize,
    pub name: &'a str,
    /// The output of the predicted class, from 0 to 1.
    pub strength: f32,
    pub second: Option<(&'a str, f32)>,
}

/// The class with the largest output other than [`NOTHING`]; the unchanged prediction if there is
/// not one output per class.
pub(super) fn verdict<'a>(model: &'a Model, answer: &'a Answer) -> PiecePrediction<'a> {
    let plain = || PiecePrediction {
        answer: answer.answer,
        name: &answer.name,
        strength: answer.strength,
        second: None,
    };
    if model.spec().readout != Readout::OneHot {
        return plain();
    }
    let mut classes: Vec<(usize, &str, f32)> = model
        .classes
        .iter()
        .zip(&answer.outputs)
        .enumerate()
        .map(|(class, (name, output))| (class, name.as_str(), *output as f32))
        .collect();
    classes.sort_by(|a, b| b.2.total_cmp(&a.2));
    let Some(first) = classes.iter().position(|(_, name, _)| *name != NOTHING) else {
        return plain();
    };
    let (answer, name, strength) = classes.remove(first);
    let second = classes.first().map(|(_, name, strength)| (*name, *strength));
    PiecePrediction { answer, name, strength, second }
}
