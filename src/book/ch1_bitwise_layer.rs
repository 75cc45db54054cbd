//! Section 1.4, the exercise: an additional layer with hand-set weights converts ten outputs to the
//! digit's four bits.

use super::Experiment;
use super::recipes::images;
use crate::jobs::{ExperimentError, JobContext, PlannedRun, Tolerance};
use crate::model::Model;
use crate::nn::layer::Dense;
use crate::nn::{Activation, Layer, Real};
use crate::protocol::{Cell, FigureBody};
use crate::spec::{Readout, Spec};
use ndarray::{Array1, Array2};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-bitwise-layer",
    chapter: 1,
    title: "From ten outputs to four bits, by hand",
    expected: "suitable weights exist: if the correct output is at least 0.99 and the others below \
               0.01, the bits are equally certain",
    quick_suffices: true,
    run,
};

const DIGITS: usize = 10;
const BITS: usize = 4;
/// The assumption of the exercise: the correct output is at least 0.99, the others at most 0.01.
const ASSUMED: [f64; 2] = [0.99, 0.01];
/// Under the assumption, |z| of every bit is at least 10 · 0.99 − 9 · 10 · 0.01 = 9, and
/// σ(9) = 0.9999.
const WEIGHT: f64 = 10.0;

fn bit(digit: usize, bit: usize) -> bool {
    digit >> bit & 1 == 1
}

/// The weight from a digit's output to a bit: positive if the digit has the bit, otherwise
/// negative.
fn weight(digit: usize, to: usize) -> f64 {
    if bit(digit, to) { WEIGHT } else { -WEIGHT }
}

/// The layer, shape (10, 4), lowest bit first, with biases 0.
fn layer() -> Dense {
    Dense {
        weights: Array2::from_shape_fn((DIGITS, BITS), |(digit, to)| weight(digit, to) as Real)
            .into(),
        biases: Array1::zeros(BITS),
        activation: Activation::Sigmoid,
    }
}

/// The activations of the bits for ten outputs.
fn bits(layer: &Dense, outputs: &[f64]) -> Vec<f64> {
    let x: Array1<Real> = outputs.iter().map(|&a| a as Real).collect();
    let mut z = (x.dot(&layer.weights.view()) + &layer.biases).insert_axis(ndarray::Axis(0));
    layer.activation.apply_in_place(z.view_mut());
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    z.iter().map(|&a| f64::from(a)).collect()
}

/// The smallest activation of a bit that should be 1, and the largest of one that should be 0, over
/// all outputs allowed by the assumption. z is linear in the outputs, so the extremes are at the
/// corners.
fn worst(layer: &Dense) -> [f64; 2] {
    let mut worst: [f64; 2] = [1.0, 0.0];
    for digit in 0..DIGITS {
        for corner in 0..1_u32 << DIGITS {
            let high = |other: usize| corner >> other & 1 == 1;
            let output = |other: usize| match (other == digit, high(other)) {
                (true, high) => {
                    if high {
                        1.0
                    } else {
                        ASSUMED[0]
                    }
                }
                (false, high) => {
                    if high {
                        ASSUMED[1]
                    } else {
                        0.0
                    }
                }
            };
            let outputs: Vec<f64> = (0..DIGITS).map(output).collect();
            for (to, a) in bits(layer, &outputs).into_iter().enumerate() {
                if bit(digit, to) {
                    worst[0] = worst[0].min(a);
                } else {
                    worst[1] = worst[1].max(a);
                }
            }
        }
    }
    worst
}

/// Whether ten outputs satisfy the assumption for the digit of the largest one.
fn as_assumed(outputs: &[f64]) -> bool {
    let sure = outputs.iter().filter(|&&a| a >= ASSUMED[0]).count();
    let silent = outputs.iter().filter(|&&a| a < ASSUMED[1]).count();
    sure == 1 && silent == outputs.len() - 1
}

fn table() -> FigureBody {
    let row = |to: usize| {
        let name = Cell { text: format!("bit {to} ({})", 1 << to), highlighted: false };
        let weights = (0..DIGITS).map(|digit| Cell {
            text: format!("{:+}", weight(digit, to)).replace('-', "−"),
            highlighted: bit(digit, to),
        });
        std::iter::once(name).chain(weights).collect()
    };
    let digits = (0..DIGITS).map(|digit| digit.to_string());
    FigureBody::Table {
        header: std::iter::once("from output".into()).chain(digits).collect(),
        rows: (0..BITS).map(row).collect(),
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let layer = layer();
    context.figure(
        "weights",
        "The extra layer's weights, biases 0",
        "+10 if the digit has the bit, −10 otherwise.",
        table(),
    );
    let [ones, zeros] = worst(&layer);
    let claim = "outputs as assumed, worst case: minimum activation of a bit that is 1";
    context.claim_number(claim, ASSUMED[0], ones, Tolerance::AtLeast, "");
    let claim = "outputs as assumed, worst case: maximum activation of a bit that is 0";
    context.claim_number(claim, ASSUMED[1], zeros, Tolerance::AtMost, "");
    context.handle_commands()?;

    // A trained network, and the same network followed by the layer.
    let data = images(context);
    let spec = Spec { epochs: context.budget(10, 10), seed: context.seed(), ..Spec::default() };
    let run = PlannedRun::new("ten outputs", spec).with_data(data.clone());
    let mut trained = context.train_all(vec![run], |_| None)?;
    let trained = trained.pop().ok_or_else(|| ExperimentError::Other("no network".into()))?;
    let ten = Model::of(trained.record.spec, trained.network, &data, 0);
    let mut four = ten.clone();
    let member = four.members.first_mut();
    member.network.layers.push(Layer::Dense(layer));
    member.spec.readout = Readout::Binary;
    let (by_ten, by_four) = (ten.answer(&data.test), four.answer(&data.test));
    let pairs = || by_ten.iter().zip(&by_four);
    let promised = pairs().filter(|(ten, _)| as_assumed(&ten.outputs));
    let (mut same, mut all) = (0_u32, 0_u32);
    for (ten, four) in promised {
        all += 1;
        same += u32::from(ten.answer == four.answer);
    }
    let claim = "test images with outputs as assumed whose four bits are the network's digit";
    let measured = if all > 0 { 100.0 * f64::from(same) / f64::from(all) } else { f64::NAN };
    context.claim_number(claim, 100.0, measured, Tolerance::Within(0.0), "percent");
    let agree = pairs().filter(|(ten, four)| ten.answer == four.answer).count();
    context.log(format!(
        "{all} of {} test images have outputs as assumed; of all test images, including those with \
         less certain outputs, {agree} get the same digit from the four bits",
        data.test.len()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_weights_do_not_give_certain_bits() {
        let strong = worst(&layer());
        assert!(strong[0] >= ASSUMED[0] && strong[1] <= ASSUMED[1], "{strong:?}");
        let weak = Dense { weights: (&layer().weights.view() * 0.3).into(), ..layer() };
        let weak = worst(&weak);
        assert!(weak[0] < ASSUMED[0] && weak[1] > ASSUMED[1], "{weak:?}");
    }

    #[test]
    fn the_assumption_requires_one_certain_output() {
        assert!(as_assumed(&[0.0, 0.995, 0.009]));
        assert!(!as_assumed(&[0.0, 0.98, 0.0]) && !as_assumed(&[0.5, 0.995, 0.0]));
    }
}
