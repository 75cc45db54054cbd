//! Presets: named recipes that go beyond the book, chosen by experiment.

use super::{Expansion, Optimizer, Schedule, Spec};
use crate::nn::{Activation, Cost, Init};

/// A named recipe.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name for `--preset`.
    pub name: &'static str,
    /// What it is good for.
    pub about: &'static str,
    /// Number of networks to train; several form an ensemble.
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
        about: "six networks that vote, trained on distorted digits: the most accurate that can \
                be trained in an hour on two cores",
        networks: 6,
        spec: best,
    },
];

/// The preset with this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Rectified linear units, Adam, and a learning rate that decreases linearly to 0.
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

/// Batch normalization after each pooling, where few values are left, lets the network learn in one
/// epoch what would take three.
fn fast() -> Spec {
    let layers = "conv16x5-pool2-norm-conv32x5-pool2-norm-dense64-softmax10";
    Spec { batch: 16, eta: 0.003, epochs: 2, ..annealed(layers) }
}

/// Two 3×3 convolutions before each pooling have the receptive field of a 5×5 convolution and
/// learned more from each image. Every digit is shifted, scaled, rotated and distorted differently
/// in each epoch, which prevents memorization. The recipe was chosen on the validation images,
/// which are then used for training, too.
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
    fn every_preset_is_valid_for_mnist() {
        for Preset { name, spec, networks, .. } in PRESETS {
            assert_eq!(spec().validate_for(&Dataset::embedded_outline()), Ok(()), "{name}");
            assert_eq!(spec().validate(), Ok(()), "{name}");
            assert!(*networks > 0 && preset(name).is_some());
        }
        let names: BTreeSet<_> = PRESETS.iter().map(|preset| preset.name).collect();
        assert_eq!(names.len(), PRESETS.len());
    }
}
