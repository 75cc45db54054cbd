//! The description of a run, sent to front ends first.

use super::{EarlyStopping, Schedule, Spec};
use crate::data::Dataset;
use crate::nn::{Layer, Network, Penalty, Shape};
use crate::protocol::{LayerInfo, RunInfo, RunKind};

/// Describes a run; `network` must be the spec's, built for `data`.
#[must_use]
pub fn describe(spec: &Spec, network: &Network, data: &Dataset) -> RunInfo {
    let layers: Vec<LayerInfo> = network.layers.iter().map(layer_info).collect();
    let available = data.train.len() as u32;
    RunInfo {
        kind: RunKind::Training,
        title: title(&spec.layers),
        network: spec.layers.clone(),
        parameters: layers.iter().map(|layer| layer.weights + layer.biases).sum(),
        layers,
        cost: name(&spec.cost),
        optimizer: name(&spec.optimizer),
        regularizer: match spec.regularizer.penalty {
            Penalty::None => "none".into(),
            penalty => name(&penalty),
        },
        schedule: schedule(spec),
        learning_rate: spec.eta,
        regularization: spec.regularizer.lambda,
        momentum: spec.momentum,
        batch_size: spec.batch,
        epochs: spec.epochs,
        seed: spec.seed,
        threads: threads(spec),
        data: data.name.clone(),
        train_size: spec.train_size.map_or(available, |size| size.min(available)),
        validation_size: data.validation.len() as u32,
        test_size: data.test.len() as u32,
        image_width: data.test.width as u32,
        image_height: data.test.height as u32,
        classes: spec.readout.names(&data.classes),
        activation: name(&spec.activation),
        init: name(&spec.init),
        dropout: spec.dropout,
        expand: spec.expand.iter().map(ToString::to_string).collect(),
        all_images: spec.all_images,
        image_channels: data.test.channels as u32,
        config: Vec::new(),
    }
}

/// A title for a network of these layers, without commas and spaces.
pub(crate) fn title(layers: &str) -> String {
    layers.replace([',', ' '], "-").replace("--", "-")
}

/// Number of threads of a run: as requested, or one per core.
pub(crate) fn threads(spec: &Spec) -> u32 {
    spec.threads.unwrap_or_else(cores)
}

/// Number of cores.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

fn layer_info(layer: &Layer) -> LayerInfo {
    let shape = |shape: Shape| [shape.maps as u32, shape.height as u32, shape.width as u32];
    let weights = layer.weights().map(|array| array.len() as u64).sum();
    LayerInfo {
        name: layer.name(),
        input: shape(layer.input()),
        output: shape(layer.output()),
        activation: name(&layer.activation()),
        weights,
        biases: layer.biases().len() as u64,
    }
}

fn schedule(spec: &Spec) -> String {
    let schedule = match spec.schedule {
        Schedule::Constant => "constant".to_owned(),
        Schedule::HalveOnPlateau { patience, stop_at } => {
            format!("η halves after {patience} epochs without improvement, down to 1/{stop_at}")
        }
        Schedule::Linear => "η decreases linearly to 0".to_owned(),
    };
    match spec.early_stopping {
        EarlyStopping::Never => schedule,
        EarlyStopping::NoImprovementIn(epochs) => {
            format!("{schedule}; stops after {epochs} epochs without improvement")
        }
    }
}

/// The name of a value in spec files.
fn name(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
