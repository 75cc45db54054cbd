//! What a network says of a piece, where it must be something.

use crate::model::{Answer, Model};
use crate::spec::Readout;

/// The name of a class for what is nothing: a model that was shown pieces of digits too may have
/// it. It is never read.
const NOTHING: &str = "none";

/// The answer to a piece, and the one that comes second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict<'a> {
    pub answer: usize,
    pub name: &'a str,
    /// How strongly the outputs speak for it, from 0 to 1.
    pub strength: f32,
    pub second: Option<(&'a str, f32)>,
}

/// The largest output of a class that is something; the answer as it is where outputs are no
/// classes.
pub(super) fn verdict<'a>(model: &'a Model, answer: &'a Answer) -> Verdict<'a> {
    let plain = || Verdict {
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
    Verdict { answer, name, strength, second }
}
