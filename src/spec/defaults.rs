//! Defaults that depend on the network.
//!
//! Chapter 1's networks (sizes, sigmoid neurons, one hidden layer of at most 100, plain gradient
//! descent) keep the book's defaults. Other networks would not learn with them: unit Gaussian
//! weights saturate wide and deep networks, and a learning rate of 3 suits only the quadratic cost.
//! For other networks the learning rate also decreases to 0 during the run, because at a constant
//! rate the accuracy of the last epoch depends on the seed.

use super::{EarlyStopping, Optimizer, Readout, Schedule, Spec};
use crate::nn::{Activation, Architecture, Cost, Init};
use serde::{Deserialize, Serialize};

/// The largest hidden layer for which unit Gaussian weights are small enough.
const WIDEST_UNSCALED: usize = 100;

/// Mini-batch size of small networks with Adam.
const SMALL_BATCH: u32 = 4;

/// The fields with network-dependent defaults that the user specified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "one per field of the spec")]
pub struct SpecifiedFields {
    pub cost: bool,
    pub init: bool,
    pub eta: bool,
    pub batch: bool,
    pub schedule: bool,
}

impl SpecifiedFields {
    /// All fields: no defaults are chosen.
    pub const ALL: Self = Self { cost: true, init: true, eta: true, batch: true, schedule: true };

    /// Creates it from the names of the specified fields.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut given = Self::default();
        for name in names {
            match name {
                "cost" => given.cost = true,
                "init" => given.init = true,
                "eta" => given.eta = true,
                "batch" => given.batch = true,
                "schedule" => given.schedule = true,
                _ => {}
            }
        }
        given
    }
}

/// A default that was chosen for the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenDefault {
    /// The field's name in spec files.
    pub field: String,
    pub value: String,
}

impl ChosenDefault {
    fn new(field: &str, value: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.into() }
    }

    /// The equivalent command-line argument.
    fn argument(&self) -> String {
        match self.field.as_str() {
            "schedule" => "--anneal".into(),
            field => format!("--{field} {}", self.value),
        }
    }
}

/// Describes the choices in a sentence; `None` if there are none.
#[must_use]
pub fn describe_choices(chosen: &[ChosenDefault]) -> Option<String> {
    if chosen.is_empty() {
        return None;
    }
    let arguments: Vec<String> = chosen.iter().map(ChosenDefault::argument).collect();
    let arguments = arguments.join(" ");
    Some(format!("chosen for this network: {arguments}; give any of them to override it"))
}

impl Spec {
    /// Chooses the fields that were not specified to fit the network; returns those that differ
    /// from the book's defaults, or are needed beyond chapter 1. Invalid layers are left to
    /// [`Spec::validate`].
    pub fn complete(&mut self, given: SpecifiedFields) -> Vec<ChosenDefault> {
        let Ok(architecture) = self.layers.parse::<Architecture>() else { return Vec::new() };
        let usual = Self::default();
        if !given.cost {
            self.cost = usual.cost;
        }
        if !given.init {
            self.init = usual.init;
        }
        let plain = self.is_like_chapter_1(&architecture);
        let mut chosen = Vec::new();
        if !given.cost && !plain {
            self.cost = match self.readout {
                Readout::OneHot => Cost::LogLikelihood,
                // Softmax needs one output per class.
                Readout::Binary | Readout::Is(_) => Cost::CrossEntropy,
            };
            chosen.push(ChosenDefault::new("cost", name(&self.cost)));
        }
        // The activation of the hidden layers does not apply to the output layer.
        if self.activation != Activation::Sigmoid && self.output.is_none() {
            self.output = Some(Activation::Sigmoid);
        }
        let softmax = self.cost == Cost::LogLikelihood || architecture.ends_in_softmax();
        if !given.init && (!plain || softmax) {
            self.init = Init::Scaled;
            chosen.push(ChosenDefault::new("init", name(&self.init)));
        }
        if !given.eta {
            self.eta = self.usual_rate(&architecture, plain);
            // The book's rate for a network of chapter 1 is not reported.
            if !plain || (self.eta - usual.eta).abs() > f64::EPSILON {
                chosen.push(ChosenDefault::new("eta", self.eta.to_string()));
            }
        }
        if !given.schedule {
            self.schedule = usual.schedule;
            // A specified learning rate stays constant. With early stopping there is no known end
            // at which the rate could reach 0. Adam's small rate is better kept constant.
            let falls = !plain && !given.eta && self.optimizer != Optimizer::Adam;
            if falls && self.early_stopping == EarlyStopping::Never {
                self.schedule = Schedule::Linear;
                chosen.push(ChosenDefault::new("schedule", name(&self.schedule)));
            }
        }
        // Adam's step size does not depend on the batch size, so a small network needs many steps.
        if !given.batch && self.optimizer == Optimizer::Adam && fits_chapter_1(&architecture) {
            self.batch = SMALL_BATCH;
            chosen.push(ChosenDefault::new("batch", self.batch.to_string()));
        }
        chosen
    }

    /// The recipe with all defaults chosen for the same network, optimizer and data.
    #[must_use]
    pub fn as_chosen(&self) -> Self {
        let Self { cost, init, eta, batch, schedule, .. } = Self::default();
        let mut chosen = Self { cost, init, schedule, batch, eta, ..self.clone() };
        chosen.complete(SpecifiedFields::default());
        chosen
    }

    fn is_like_chapter_1(&self, architecture: &Architecture) -> bool {
        self.activation == Activation::Sigmoid
            && self.optimizer != Optimizer::Adam
            && fits_chapter_1(architecture)
    }

    /// The learning rate η that suits the optimizer, cost and initial weights.
    fn usual_rate(&self, architecture: &Architecture, plain: bool) -> f64 {
        let rate = match (self.optimizer, self.cost) {
            (Optimizer::Adam, _) => return 0.001,
            (_, Cost::Quadratic) if plain => 3.0,
            (_, Cost::CrossEntropy) if plain => 0.5,
            // Larger steps kill rectified linear units (chapter 6 uses this rate).
            (_, _) if self.activation == Activation::Relu && architecture.uses_image_shape() => {
                0.03
            }
            (_, _) if self.activation != Activation::Sigmoid => 0.1,
            // The derivative of a sigmoid is at most a quarter, so gradients are smaller.
            (_, _) => 0.3,
        };
        // The velocity accumulates 1/(1 − μ) gradients.
        let rate: f64 = rate * (1.0 - self.momentum);
        // Rounded to two digits.
        format!("{rate:.1e}").parse().unwrap_or(rate)
    }
}

/// Whether the layers are given as sizes, with at most one small hidden layer.
fn fits_chapter_1(architecture: &Architecture) -> bool {
    architecture.hidden_sizes().is_some_and(|sizes| {
        sizes.len() <= 1 && sizes.iter().all(|units| *units <= WIDEST_UNSCALED)
    })
}

/// The value as written in a spec file.
fn name(choice: &impl Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(spec: Spec, given: SpecifiedFields) -> (Spec, Vec<String>) {
        let mut spec = spec;
        let chosen = spec.complete(given);
        (
            spec,
            chosen.into_iter().map(|choice| format!("{} {}", choice.field, choice.value)).collect(),
        )
    }

    fn of_layers(layers: &str) -> (Spec, Vec<String>) {
        completed(Spec { layers: layers.into(), ..Spec::default() }, SpecifiedFields::default())
    }

    #[test]
    fn chapter_1_keeps_the_books_defaults_without_a_note() {
        for layers in ["784,30,10", "784,100,10", "784,10"] {
            let (spec, chosen) = of_layers(layers);
            assert_eq!(spec, Spec { layers: layers.into(), ..Spec::default() });
            assert!(chosen.is_empty(), "{layers}: {chosen:?}");
        }
    }

    #[test]
    fn other_networks_get_log_likelihood_scaled_weights_and_a_suitable_rate() {
        for layers in [
            "784,1000,10",
            "784,30,30,10",
            "dense30-softmax10",
            "conv20x5-pool2-dense100-softmax10",
            "rnn100-softmax10",
        ] {
            let (spec, chosen) = of_layers(layers);
            let expected = ["cost log-likelihood", "init scaled", "eta 0.3", "schedule linear"];
            assert_eq!(chosen, expected, "{layers}");
            assert_eq!((spec.cost, spec.init), (Cost::LogLikelihood, Init::Scaled));
            assert!((spec.eta - 0.3).abs() < 1e-12);
        }
        for activation in [Activation::Relu, Activation::Tanh] {
            let (_, chosen) =
                completed(Spec { activation, ..Spec::default() }, SpecifiedFields::default());
            let expected = ["cost log-likelihood", "init scaled", "eta 0.1", "schedule linear"];
            assert_eq!(chosen, expected);
        }
        let relu_maps = Spec {
            activation: Activation::Relu,
            layers: "conv20x5-pool2-softmax10".into(),
            ..Spec::default()
        };
        assert_eq!(completed(relu_maps, SpecifiedFields::default()).1[2], "eta 0.03");
    }

    #[test]
    fn the_rate_depends_on_optimizer_and_cost() {
        let adam = Spec { optimizer: Optimizer::Adam, ..Spec::default() };
        let chosen = completed(adam.clone(), SpecifiedFields::default()).1;
        assert_eq!(chosen[2..], ["eta 0.001", "batch 4"]);
        let relu = Spec { activation: Activation::Relu, ..Spec::default() };
        let eta = SpecifiedFields { eta: true, ..SpecifiedFields::default() };
        assert_eq!(
            completed(relu.clone(), eta).0.schedule,
            Schedule::Constant,
            "a given rate stays"
        );
        let early = Spec { early_stopping: EarlyStopping::NoImprovementIn(5), ..relu };
        assert_eq!(completed(early, SpecifiedFields::default()).0.schedule, Schedule::Constant);
        let momentum = Spec { optimizer: Optimizer::Momentum, momentum: 0.9, ..Spec::default() };
        assert_eq!(completed(momentum, SpecifiedFields::default()).1, ["eta 0.3"]);
        let cost = SpecifiedFields { cost: true, ..SpecifiedFields::default() };
        let cross_entropy = Spec { cost: Cost::CrossEntropy, ..Spec::default() };
        assert_eq!(completed(cross_entropy, cost).1, ["eta 0.5"], "large weights, as in chapter 3");
        let softmax = Spec { cost: Cost::LogLikelihood, ..Spec::default() };
        assert_eq!(completed(softmax, cost).1, ["init scaled", "eta 0.3"]);
    }

    #[test]
    fn specified_values_are_kept_and_hidden_activations_do_not_affect_the_output_layer() {
        let odd = Spec {
            activation: Activation::Relu,
            cost: Cost::Quadratic,
            init: Init::Large,
            eta: 100.0,
            ..Spec::default()
        };
        let (spec, chosen) = completed(odd.clone(), SpecifiedFields::ALL);
        assert!(chosen.is_empty());
        assert_eq!(spec, Spec { output: Some(Activation::Sigmoid), ..odd });
        let data = crate::data::Dataset::embedded_outline();
        let network = crate::spec::build(&spec, &data).unwrap();
        let activations: Vec<Activation> =
            network.layers.iter().map(crate::nn::Layer::activation).collect();
        assert_eq!(activations, [Activation::Relu, Activation::Sigmoid]);
        assert_eq!(spec.validate(), Ok(()));
        let cost = Spec { cost: Cost::CrossEntropy, ..spec };
        assert_eq!(cost.validate(), Ok(()), "its outputs are between 0 and 1");
    }

    #[test]
    fn chosen_defaults_do_not_depend_on_the_values_they_replace() {
        let unusual = Spec { eta: 100.0, batch: 50_000, ..Spec::default() };
        assert!((unusual.as_chosen().eta - 3.0).abs() < 1e-12);
    }
}
