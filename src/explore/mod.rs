//! Interactive demonstrations of ideas in the book. Each consists of a few sliders and a pure
//! function from their values to figures.
//!
//! A new explorable is one file with `describe` and `figures`, and one line in the table; it needs
//! no new view. Its function must take at most a few milliseconds, because it is called at every
//! move of a slider.

mod adder;
mod backprop;
mod build;
mod cheese;
mod convolution;
mod descent_line;
mod descent_plane;
mod nand;
mod overfitting;
mod sgd_path;
mod sigmoid_neuron;
mod slow_learning;
mod softmax;
mod universal;
mod universal_bars;
mod universal_error;
mod universal_inverse;
mod universal_pair;
mod universal_tower;
mod vanishing;
mod weight_init;

use crate::protocol::{Event, Explorable, Explored, Figure};
use std::sync::LazyLock;

/// The functions of an explorable.
struct ExplorableEntry {
    /// Describes it for front ends.
    describe: fn() -> Explorable,
    /// Computes its figures from the values of all sliders, which must be in range.
    figures: fn(&[f64]) -> Vec<Figure>,
}

macro_rules! entries {
    ($($module:ident)*) => {
        &[$(ExplorableEntry { describe: $module::describe, figures: $module::figures }),*]
    };
}

/// All explorables, in the book's order.
const TABLE: &[ExplorableEntry] = entries! {
    cheese
    nand
    adder
    sigmoid_neuron
    descent_line
    descent_plane
    sgd_path
    backprop
    slow_learning
    softmax
    overfitting
    weight_init
    universal_pair
    universal_bars
    universal_tower
    universal_inverse
    universal_error
    vanishing
    convolution
};

static DESCRIPTIONS: LazyLock<Vec<Explorable>> =
    LazyLock::new(|| TABLE.iter().map(|entry| (entry.describe)()).collect());

/// The descriptions of all explorables, in the book's order.
#[must_use]
pub fn list() -> &'static [Explorable] {
    &DESCRIPTIONS
}

/// The figures of an explorable for slider values, which are clamped to their ranges; missing
/// values are defaults. `None` if there is no explorable with this id.
#[must_use]
pub fn explore(id: &str, values: &[f64]) -> Option<Explored> {
    let index = list().iter().position(|explorable| explorable.id == id)?;
    let values = list()[index].fitted(values);
    let figures = (TABLE[index].figures)(&values);
    Some(Explored { id: id.into(), values, figures })
}

/// Answers `Command::Explore` with the figures, or with the list of explorables if none has the id.
#[must_use]
pub fn answer(id: &str, values: &[f64]) -> Event {
    explore(id, values)
        .map_or_else(|| Event::Explorables(list().to_vec()), |e| Event::Explored(Box::new(e)))
}

#[cfg(test)]
mod tests;
