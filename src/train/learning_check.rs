//! Detects a network that does not learn, after its first two epochs, with evidence and suggested
//! arguments.

use crate::data::Images;
use crate::nn::Real;
use crate::protocol::{EpochStats, LayerStats};
use crate::spec::{Readout, Spec};
use ndarray::ArrayView2;

/// The network is checked after each epoch from 1 to this one.
const LAST_EPOCH: u32 = 2;
/// A network is learning if it is better than the most frequent class by this factor.
const BETTER_THAN_CHANCE: f64 = 1.5;
/// Gradients with a smaller norm have no effect.
const NO_GRADIENT: f64 = 1e-7;
/// A layer is reported from these fractions of dead units and of saturated activations on.
const DEAD: f64 = 0.5;
const SATURATED: f64 = 0.9;
/// A class is only checked if it has this many test images.
const ENOUGH_IMAGES: usize = 20;
/// With fewer mini-batches per epoch, no progress is expected.
const FEW_BATCHES: usize = 50;

/// The basis of the check.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub spec: &'a Spec,
    /// Statistics of the epoch just evaluated.
    pub stats: &'a EpochStats,
    /// Statistics of each layer at its end.
    pub layers: &'a [LayerStats],
    pub test: &'a Images,
    /// The network's outputs for the test images, shape (test images, outputs).
    pub outputs: ArrayView2<'a, Real>,
    pub classes: &'a [String],
    /// Number of mini-batches per epoch.
    pub batches: usize,
}

impl Evidence<'_> {
    /// A warning if the network, or one of its outputs, does not learn.
    pub(super) fn warning(&self) -> Option<String> {
        let epoch = self.stats.epoch;
        if !(1..=LAST_EPOCH).contains(&epoch) {
            return None;
        }
        let is_last = epoch == LAST_EPOCH || epoch == self.spec.epochs;
        let signs = self.signs();
        let finding = match self.no_better_than_chance() {
            // After one epoch there must be a visible cause, because many networks start slowly.
            Some(finding) if is_last || !signs.is_empty() => finding,
            Some(_) => return None,
            None if is_last => self.silent_outputs()?,
            None => return None,
        };
        let findings = std::iter::once(finding).chain(signs).collect::<Vec<_>>().join("; ");
        Some(format!("epoch {epoch}: {findings}; try {}", self.remedy()))
    }

    /// The message that ends an earlier warning; `None` while its cause persists.
    pub(super) fn recovery(&self) -> Option<String> {
        if self.no_better_than_chance().or_else(|| self.silent_outputs()).is_some() {
            return None;
        }
        let every = if self.spec.readout == Readout::OneHot {
            ", and every class is predicted"
        } else {
            ""
        };
        Some(format!("epoch {}: the network is learning now{every}", self.stats.epoch))
    }

    fn no_better_than_chance(&self) -> Option<String> {
        let (accuracy, images) = match (self.stats.validation_accuracy, self.stats.test_accuracy) {
            (Some(accuracy), _) => (accuracy, "validation"),
            (None, accuracy) => (accuracy?, "test"),
        };
        let chance = self.commonest_share();
        if accuracy > BETTER_THAN_CHANCE * chance {
            return None;
        }
        Some(format!(
            "the network is not learning: {:.1}% of the {images} images are classified correctly, \
             and always predicting the most frequent class reaches {:.1}%",
            100.0 * accuracy,
            100.0 * chance
        ))
    }

    /// Number of test images with each correct prediction.
    fn counts(&self) -> Vec<usize> {
        let readout = self.spec.readout;
        let mut counts = vec![0; readout.answers(self.classes.len())];
        for &label in &self.test.labels {
            if let Some(count) = counts.get_mut(readout.answer(label) as usize) {
                *count += 1;
            }
        }
        counts
    }

    fn commonest_share(&self) -> f64 {
        let most = self.counts().into_iter().max().unwrap_or(0);
        most as f64 / self.test.len().max(1) as f64
    }

    /// Classes of the test images that the network never predicts.
    fn silent_outputs(&self) -> Option<String> {
        if self.spec.readout != Readout::OneHot {
            return None;
        }
        let counts = self.counts();
        let mut answered = vec![false; counts.len()];
        for outputs in self.outputs.rows() {
            if let Some(answered) = answered.get_mut(self.spec.readout.predict(outputs) as usize) {
                *answered = true;
            }
        }
        let silent = |index: &usize| counts[*index] >= ENOUGH_IMAGES && !answered[*index];
        let silent: Vec<usize> = (0..counts.len()).filter(silent).collect();
        let lost: usize = silent.iter().map(|index| counts[*index]).sum();
        let points = 100.0 * lost as f64 / self.test.len().max(1) as f64;
        let names: Vec<&str> = silent.iter().map(|index| self.classes[*index].as_str()).collect();
        let (classes, are) = match names[..] {
            [] => return None,
            [_] => ("class", "is"),
            _ => ("classes", "are"),
        };
        let names = names.join(", ");
        Some(format!(
            "{classes} {names} {are} never predicted, which costs {points:.0} points of accuracy"
        ))
    }

    /// Visible causes.
    fn signs(&self) -> Vec<String> {
        let mut signs = Vec::new();
        for (number, layer) in (1..).zip(self.layers) {
            if layer.weight_gradient_norm <= NO_GRADIENT && layer.bias_gradient_norm <= NO_GRADIENT
            {
                signs.push(format!("no gradient reaches trainable layer {number}"));
            }
            if layer.dead >= DEAD {
                let share = 100.0 * layer.dead;
                signs
                    .push(format!("{share:.0}% of the units of trainable layer {number} are dead"));
            }
            if layer.saturated >= SATURATED {
                let share = 100.0 * layer.saturated;
                signs.push(format!(
                    "{share:.0}% of the activations of trainable layer {number} are saturated"
                ));
            }
        }
        if self.batches < FEW_BATCHES {
            let count = self.batches;
            signs.push(format!("only {count} mini-batches per epoch"));
        }
        signs
    }

    /// The arguments that restore the usual recipe for the network; if the recipe is the usual one,
    /// arguments that avoid lost outputs.
    fn remedy(&self) -> String {
        let usual = self.spec.as_chosen();
        let mut arguments = Vec::new();
        if usual.cost != self.spec.cost {
            arguments.push(format!("--cost {}", name(&usual.cost)));
        }
        if usual.init != self.spec.init {
            arguments.push(format!("--init {}", name(&usual.init)));
        }
        if self.batches < FEW_BATCHES && usual.batch < self.spec.batch {
            arguments.push(format!("--batch {}", usual.batch));
        }
        let factor = self.spec.eta / usual.eta;
        if !(1.0 / 3.0..=3.0).contains(&factor) {
            arguments.push(format!("--eta {}", usual.eta));
        }
        if arguments.is_empty() {
            return "--init scaled --cost cross-entropy --eta 0.5".into();
        }
        arguments.join(" ")
    }
}

/// A value as written in spec files.
fn name(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Cost, Init};
    use crate::spec::testing::{dataset, spec};
    use ndarray::Array2;

    /// Outputs that predict these classes in turn.
    fn outputs(answers: &[usize]) -> Array2<Real> {
        let test = dataset().test;
        let answer = |row: usize| answers[row % answers.len()];
        Array2::from_shape_fn((test.len(), 3), |(row, class)| {
            Real::from(u8::from(answer(row) == class))
        })
    }

    fn stats(epoch: u32, accuracy: f64, layer: LayerStats) -> EpochStats {
        let layers = vec![layer.clone(), layer];
        EpochStats { epoch, validation_accuracy: Some(accuracy), layers, ..EpochStats::default() }
    }

    fn healthy() -> LayerStats {
        LayerStats { bias_gradient_norm: 0.1, weight_gradient_norm: 0.1, ..LayerStats::default() }
    }

    /// The warning and the end of one.
    fn messages(
        spec: &Spec,
        stats: &EpochStats,
        answers: &[usize],
        batches: usize,
    ) -> [Option<String>; 2] {
        let (data, outputs) = (dataset(), outputs(answers));
        let (test, classes) = (&data.test, &data.classes[..]);
        let (layers, outputs) = (&stats.layers[..], outputs.view());
        let evidence = Evidence { spec, stats, layers, test, outputs, classes, batches };
        [evidence.warning(), evidence.recovery()]
    }

    fn warning(
        spec: &Spec,
        stats: &EpochStats,
        answers: &[usize],
        batches: usize,
    ) -> Option<String> {
        let [warning, _] = messages(spec, stats, answers, batches);
        warning
    }

    #[test]
    fn a_network_that_learns_gives_no_warning() {
        for epoch in 0..5 {
            let stats = stats(epoch, 0.9, healthy());
            assert_eq!(warning(&spec(), &stats, &[0, 1, 2], 100), None);
        }
    }

    #[test]
    fn chance_accuracy_is_reported_after_two_epochs() {
        let slow = |epoch| stats(epoch, 0.35, healthy());
        assert_eq!(warning(&spec(), &slow(1), &[0, 1, 2], 100), None, "it may start slowly");
        let text = warning(&spec(), &slow(2), &[0, 1, 2], 100).unwrap();
        assert!(text.contains("not learning") && text.contains("35.0%"), "{text}");
        assert!(text.contains("33.3%") && text.contains("try --"), "{text}");
        assert_eq!(warning(&spec(), &slow(3), &[0, 1, 2], 100), None, "one warning is enough");
        let short = Spec { epochs: 1, ..spec() };
        assert!(warning(&short, &slow(1), &[0, 1, 2], 100).is_some(), "there is no second epoch");
    }

    #[test]
    fn a_visible_cause_is_reported_after_one_epoch_with_a_remedy() {
        let unusual = Spec {
            activation: Activation::Relu,
            output: Some(Activation::Sigmoid),
            cost: Cost::Quadratic,
            init: Init::Large,
            eta: 3.0,
            ..spec()
        };
        let dead = LayerStats { dead: 1.0, ..LayerStats::default() };
        let text = warning(&unusual, &stats(1, 0.33, dead), &[0], 100).unwrap();
        for part in [
            "no gradient reaches trainable layer 1",
            "100% of the units of trainable layer 2 are dead",
            "--cost log-likelihood",
            "--init scaled",
            "--eta 0.1",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let saturated = LayerStats { saturated: 0.97, ..healthy() };
        let hot = Spec { eta: 100.0, ..spec() };
        let text = warning(&hot, &stats(1, 0.33, saturated), &[0], 100).unwrap();
        assert!(text.contains("97% of the activations") && text.ends_with("try --eta 3"), "{text}");
        let large = Spec { batch: 120, ..spec() };
        let text = warning(&large, &stats(1, 0.33, healthy()), &[0], 1).unwrap();
        assert!(text.contains("only 1 mini-batches") && text.ends_with("try --batch 10"), "{text}");
    }

    #[test]
    fn classes_that_are_never_predicted_are_reported_with_their_cost() {
        let text = warning(&spec(), &stats(2, 0.66, healthy()), &[0, 1], 100).unwrap();
        assert!(
            text.contains("class bottom is never predicted, which costs 33 points of accuracy"),
            "{text}"
        );
        assert!(text.contains("--init scaled --cost cross-entropy"), "{text}");
        assert_eq!(warning(&spec(), &stats(1, 0.66, healthy()), &[0, 1], 100), None);
    }

    #[test]
    fn the_end_of_a_warning_is_reported_once_every_class_is_predicted() {
        let recovery = |accuracy, answers: &[usize]| {
            let stats = stats(5, accuracy, healthy());
            let [_, recovery] = messages(&spec(), &stats, answers, 100);
            recovery
        };
        assert_eq!(recovery(0.35, &[0, 1, 2]), None, "not better than chance");
        assert_eq!(recovery(0.66, &[0, 1]), None, "a class is never predicted");
        let text = recovery(0.9, &[0, 1, 2]).unwrap();
        assert_eq!(text, "epoch 5: the network is learning now, and every class is predicted");
    }
}
