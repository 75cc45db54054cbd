//! The meaning of outputs: targets from labels, predictions from outputs.

use crate::nn::Real;
use crate::protocol::NO_PREDICTION;
use ndarray::{ArrayView1, ArrayViewMut1};
use serde::{Deserialize, Serialize};

/// The meaning of the output activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// One output per class; the largest is the prediction.
    #[default]
    OneHot,
    /// The label in binary, one output per bit, lowest bit first (the question of section 1.4).
    Binary,
    /// One output: whether the image is of this class; at least 0.5 means yes (section 1.2).
    Is(u8),
}

impl Readout {
    /// The number of outputs for this number of classes.
    #[must_use]
    pub fn outputs(self, classes: usize) -> usize {
        match self {
            Self::OneHot => classes,
            Self::Binary => {
                (usize::BITS - classes.saturating_sub(1).leading_zeros()).max(1) as usize
            }
            Self::Is(_) => 1,
        }
    }

    /// The number of possible predictions for this number of classes.
    #[must_use]
    pub fn answers(self, classes: usize) -> usize {
        match self {
            Self::OneHot => classes,
            Self::Binary => 1 << self.outputs(classes),
            Self::Is(_) => 2,
        }
    }

    /// The name of every prediction, derived from the class names.
    #[must_use]
    pub fn names(self, classes: &[String]) -> Vec<String> {
        match self {
            Self::OneHot => classes.to_vec(),
            Self::Binary => {
                let spare = (classes.len()..self.answers(classes.len())).map(|n| format!("({n})"));
                classes.iter().cloned().chain(spare).collect()
            }
            Self::Is(class) => {
                let name = classes.get(usize::from(class)).map_or("?", String::as_str);
                vec![format!("not {name}"), name.to_owned()]
            }
        }
    }

    /// Writes the target of a label to `y`, shape (outputs).
    pub fn target(self, label: u8, mut y: ArrayViewMut1<Real>) {
        let bit = |set: bool| Real::from(u8::from(set));
        match self {
            Self::OneHot => {
                y.fill(0.0);
                y[usize::from(label)] = 1.0;
            }
            Self::Binary => {
                y.iter_mut().enumerate().for_each(|(i, y)| *y = bit(label >> i & 1 == 1));
            }
            Self::Is(class) => y.fill(bit(label == class)),
        }
    }

    /// The prediction for outputs `a` of shape (outputs): a class for `OneHot` (the first maximum),
    /// the number whose bits are the outputs ≥ 0.5 for `Binary` (possibly beyond the classes), 1
    /// (yes) or 0 (no) for `Is`. [`NO_PREDICTION`] if an output is NaN.
    #[must_use]
    pub fn predict(self, a: ArrayView1<Real>) -> u32 {
        if a.iter().any(|a| a.is_nan()) {
            return NO_PREDICTION;
        }
        match self {
            Self::OneHot => {
                let mut best = 0;
                for (index, &value) in a.iter().enumerate() {
                    if value > a[best] {
                        best = index;
                    }
                }
                best as u32
            }
            Self::Binary => {
                a.iter().enumerate().fold(0, |sum, (i, &a)| sum | u32::from(a >= 0.5) << i)
            }
            Self::Is(_) => u32::from(a[0] >= 0.5),
        }
    }

    /// The correct prediction for a label, comparable with [`Readout::predict`].
    #[must_use]
    pub fn answer(self, label: u8) -> u32 {
        match self {
            Self::OneHot | Self::Binary => u32::from(label),
            Self::Is(class) => u32::from(label == class),
        }
    }

    /// The confidence of outputs `a` in a prediction, from 0 to 1 if outputs are: the output of the
    /// class, the least certain bit, or the single output.
    #[must_use]
    pub fn strength(self, a: ArrayView1<Real>, answer: u32) -> f32 {
        let side = |a: Real, set: bool| if set { a } else { 1.0 - a };
        let strength = match self {
            Self::OneHot => a.get(answer as usize).copied().unwrap_or(0.0),
            Self::Binary => {
                let bits = a.iter().enumerate().map(|(i, &a)| side(a, answer >> i & 1 == 1));
                bits.fold(Real::INFINITY, Real::min)
            }
            Self::Is(_) => side(a[0], answer == 1),
        };
        to_f32(strength)
    }
}

/// Converts a number for front ends.
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
pub(crate) fn to_f32(value: Real) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};
    use proptest::prelude::*;

    #[test]
    fn ten_classes_need_ten_four_or_one_outputs() {
        assert_eq!(Readout::OneHot.outputs(10), 10);
        assert_eq!(Readout::Binary.outputs(10), 4);
        assert_eq!(Readout::Binary.outputs(16), 4);
        assert_eq!(Readout::Binary.outputs(17), 5);
        assert_eq!(Readout::Binary.outputs(1), 1);
        assert_eq!(Readout::Is(9).outputs(10), 1);
    }

    #[test]
    fn the_lowest_bit_comes_first() {
        let mut y = Array1::zeros(4);
        Readout::Binary.target(6, y.view_mut());
        assert_eq!(y, array![0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn an_output_of_half_means_yes() {
        assert_eq!(Readout::Is(9).predict(array![0.5].view()), 1);
        assert_eq!(Readout::Is(9).predict(array![0.49].view()), 0);
    }

    #[test]
    fn nan_outputs_give_no_prediction() {
        for a in [array![Real::NAN, Real::NAN], array![1.0, Real::NAN], array![Real::NAN, 1.0]] {
            for readout in [Readout::OneHot, Readout::Binary, Readout::Is(0)] {
                assert_eq!(readout.predict(a.view()), NO_PREDICTION);
            }
        }
    }

    proptest! {
        #[test]
        fn a_perfect_output_predicts_its_label(label in 0_u8..10, class in 0_u8..10) {
            for readout in [Readout::OneHot, Readout::Binary, Readout::Is(class)] {
                let mut y = Array1::zeros(readout.outputs(10));
                readout.target(label, y.view_mut());
                prop_assert_eq!(readout.predict(y.view()), readout.answer(label));
                prop_assert!((readout.strength(y.view(), readout.answer(label)) - 1.0).abs() < 1e-6);
            }
        }
    }
}
