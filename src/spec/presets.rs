//! Recipes beyond the book, each found by measurement: a row a preset.

use super::{Expansion, Optimizer, Schedule, Spec};
use crate::nn::{Activation, Cost, Init};

/// A recipe with a name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// As `--preset` takes it.
    pub name: &'static str,
    /// What it is good for.
    pub about: &'static str,
    /// Networks to train; where there are several, they vote.
    pub networks: u32,
    pub spec: fn() -> Spec,
}

/// Every preset.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "fast99",
        about: "99% of the test images in the shortest time",
        networks: 1,
        spec: fast,
    },
    Preset {
        name: "best",
        about: "six networks that vote, trained on distorted digits: the most accurate that an \
                hour of two cores allows",
        networks: 6,
        spec: best,
    },
];

/// The preset of a name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Rectified linear maps, Adam, and a learning rate that falls to 0 in a straight line.
fn annealed(layers: &str) -> Spec {
    Spec {
        layers: layers.into(),
        activation: Activation::Relu,
        cost: Cost::LogLikelihood,
        init: Init::Scaled,
        optimizer: Optimizer::Adam,
        schedule: Schedule::Linear,
        ..Spec::default()
    }
}

/// Normalized behind each pooling, where there are few values left, the network knows after one
/// epoch what took it three.
fn fast() -> Spec {
    let layers = "conv16x5-pool2-norm-conv32x5-pool2-norm-dense64-softmax10";
    Spec { batch: 16, eta: 0.003, epochs: 2, ..annealed(layers) }
}

/// Two convolutions of 3×3 before each pooling see as far as one of 5×5 and learned more from each
/// image. Every digit is moved, scaled, turned and bent anew each time: nothing to learn by heart.
/// All that was chosen on the validation images, which are learned from in the end.
fn best() -> Spec {
    let layers = "conv32x3-conv32x3-pool2-conv64x3-conv64x3-pool2-dense256-drop0.5-softmax10";
    Spec {
        batch: 50,
        eta: 0.001,
        epochs: 28,
        expand: vec![
            Expansion::Rotation(12.0),
            Expansion::Scaling(0.1),
            Expansion::Translation(2.0),
            Expansion::Elastic { alpha: 20.0, sigma: 4.0 },
        ],
        all_images: true,
        test_time_shifts: true,
        ..annealed(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use std::collections::BTreeSet;

    #[test]
    fn every_preset_can_be_trained_on_mnist() {
        for Preset { name, spec, networks, .. } in PRESETS {
            assert_eq!(spec().validate_for(&Dataset::embedded_outline()), Ok(()), "{name}");
            assert_eq!(spec().validate(), Ok(()), "{name}");
            assert!(*networks > 0 && preset(name).is_some());
        }
        let names: BTreeSet<_> = PRESETS.iter().map(|preset| preset.name).collect();
        assert_eq!(names.len(), PRESETS.len());
    }
}
