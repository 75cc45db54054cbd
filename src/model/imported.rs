//! Networks from other programs: safetensors without this program's metadata, such as a PyTorch
//! `state_dict`.
//!
//! PyTorch names tensors after modules (`0.weight`, `conv1.bias`, `bn1.running_mean`) and stores a
//! linear layer's weights as [out, in], a convolution's as [out, in, height, width]. Other facts
//! come from the metadata, if present (`layers`, `activation`, `mean`, `std`, `classes`, `size`),
//! or are assumed; assumptions are reported.

mod fill;
mod modules;

use super::load_options::{LoadOptions, parse_numbers};
use super::{Members, Model, ModelError};
use crate::nn::{Activation, Cost, Init, Real};
use crate::spec::Spec;
use crate::spec::build::skeleton;
use safetensors::SafeTensors;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as NameError, StrDeserializer};
use std::collections::HashMap;
use std::path::Path;

use fill::{fill, normalize};
use modules::{ImportedLayer, Module, NaturalOrder, identify, in_order, modules};

/// The ε of batch normalization: PyTorch's default, and that of [`crate::nn::layer::Norm`].
const EPSILON: f64 = 1e-5;
/// Keras' default ε.
const KERAS_EPSILON: f64 = 1e-3;
/// Maximum side of an image in the search for the size.
const MAX_SIDE: usize = 1024;
const ADVICE: &str = "give --layers, such as --layers conv20x5-pool2-dense100-softmax10";

/// Reads another program's network; returns the model and the assumptions, one sentence each.
pub(super) fn decode(
    file: &Path,
    tensors: &SafeTensors,
    metadata: &HashMap<String, String>,
    options: &LoadOptions,
) -> Result<(Model, Vec<String>), ModelError> {
    let modules = modules(file, tensors)?;
    let options = with_metadata(options, metadata)
        .map_err(|problem| ModelError::Broken { file: file.into(), problem })?;
    let import = |problem| ModelError::Import { file: file.into(), problem };
    build(modules, &options).map_err(import)
}

/// The user's options, completed from the file's metadata.
fn with_metadata(
    options: &LoadOptions,
    metadata: &HashMap<String, String>,
) -> Result<LoadOptions, String> {
    let mut all = options.clone();
    let text =
        |key: &str| metadata.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
    let wrong = |key: &str, text: &str| format!("its metadata contains `{key}` = `{text}`");
    all.layers = all.layers.or_else(|| text("layers").map(String::from));
    if let (None, Some(name)) = (all.activation, text("activation")) {
        all.activation = Some(activation_of(name).ok_or_else(|| wrong("activation", name))?);
    }
    for (key, numbers) in [("mean", &mut all.mean), ("std", &mut all.std)] {
        if let (true, Some(given)) = (numbers.is_empty(), text(key)) {
            let given = given.trim_matches(['[', ']', '(', ')']);
            let given = given.trim_end_matches(',');
            *numbers = parse_numbers(given).map_err(|_| wrong(key, given))?;
        }
    }
    if let (None, Some(names)) = (&all.classes, text("classes")) {
        all.classes = Some(names.split(',').map(|name| name.trim().to_owned()).collect());
    }
    if let (None, Some(size)) = (all.size, text("size")) {
        let sides =
            size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        all.size = Some(sides.ok_or_else(|| wrong("size", size))?);
    }
    Ok(all)
}

fn activation_of(name: &str) -> Option<Activation> {
    let lower = name.to_lowercase();
    let name: StrDeserializer<NameError> = lower.as_str().into_deserializer();
    Activation::deserialize(name).ok()
}

fn build(modules: Vec<Module>, options: &LoadOptions) -> Result<(Model, Vec<String>), String> {
    let mut notes = Vec::new();
    let found: Vec<ImportedLayer> = modules.into_iter().map(identify).collect::<Result<_, _>>()?;
    let mut layers = in_order(found, &mut notes)?;
    if layers.iter().all(|layer| matches!(layer, ImportedLayer::Normalization { .. })) {
        return Err("it contains no linear layer".into());
    }
    let has_convolutions =
        layers.iter().any(|layer| matches!(layer, ImportedLayer::Convolution { .. }));
    let outputs = match layers.last() {
        Some(ImportedLayer::Linear { units, .. }) => *units,
        _ => return Err("its last layer is not linear, so its outputs cannot be classes".into()),
    };
    let (activation, text) = recipe(&layers, has_convolutions, options, &mut notes)?;
    let norms = text.split('-').filter(|part| part.trim() == "norm").count();
    place_normalizations(&mut layers, norms, &mut notes)?;
    let (image, channels) = image_of(&layers, &text, options, &mut notes)?;
    let softmax = text.contains("softmax");
    let sigmoid_all = activation == Activation::Sigmoid && !softmax;
    let cost = if sigmoid_all { Cost::CrossEntropy } else { Cost::LogLikelihood };
    let classes = match &options.classes {
        Some(classes) if classes.len() == outputs => classes.clone(),
        Some(classes) => {
            return Err(format!(
                "{} classes were specified, but it has {outputs} outputs",
                classes.len()
            ));
        }
        None => {
            notes.push(format!(
                "classes are assumed to be named 0 to {}; override with --classes",
                outputs - 1
            ));
            (0..outputs).map(|class| class.to_string()).collect()
        }
    };
    let spec = Spec { layers: text, activation, cost, init: Init::Scaled, ..Spec::default() };
    let mut network =
        skeleton(&spec, image, channels, classes.len()).map_err(|error| error.to_string())?;
    let mut layers = layers.into_iter();
    let mut before = crate::spec::build::image_shape(image, channels);
    for (index, layer) in network.layers.iter_mut().enumerate() {
        fill(layer, before, &mut layers)
            .map_err(|problem| format!("layer {}: {problem}", index + 1))?;
        before = layer.output();
    }
    if let Some(left) = layers.next() {
        return Err(format!("the module {} does not belong to any of its layers", left.name()));
    }
    normalize(&mut network.layers, channels, options, &mut notes)?;
    let members = Members::one(spec, network);
    Ok((Model { members, image, channels, classes, epoch: 0 }, notes))
}

/// Activation and layers: as specified, or the usual ones.
fn recipe(
    layers: &[ImportedLayer],
    has_convolutions: bool,
    options: &LoadOptions,
    notes: &mut Vec<String>,
) -> Result<(Activation, String), String> {
    let hidden =
        layers.iter().filter(|layer| !matches!(layer, ImportedLayer::Normalization { .. })).count()
            > 1;
    let activation = options.activation.unwrap_or_else(|| {
        let assumed = if has_convolutions { Activation::Relu } else { Activation::Sigmoid };
        if hidden {
            let name = if has_convolutions { "relu" } else { "sigmoid" };
            notes.push(format!("the activation of its hidden layers is assumed to be {name}; override with --activation"));
        }
        assumed
    });
    if let Some(text) = &options.layers {
        return Ok((activation, text.clone()));
    }
    if has_convolutions {
        return Err(format!(
            "it has convolutions, but its tensors do not show where it pools; {ADVICE}"
        ));
    }
    let mut sizes = Vec::new();
    for layer in layers {
        if let ImportedLayer::Linear { inputs, units, name, .. } = layer {
            if let Some(&before) = sizes.last()
                && before != *inputs
            {
                return Err(format!(
                    "its module {name} takes {inputs} inputs, but follows {before} outputs; {ADVICE}"
                ));
            }
            if sizes.is_empty() {
                sizes.push(*inputs);
            }
            sizes.push(*units);
        }
    }
    let text: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let text = text.join(",");
    notes.push(format!(
        "its layers are {text}, according to the shapes of its tensors; override with --layers"
    ));
    Ok((activation, text))
}

/// Folds normalizations directly after a layer into it, which gives the same outputs with fewer
/// layers; a corresponding `norm` layer of the text becomes the identity. A normalization after an
/// activation is kept as the `norm` layer at its position.
fn place_normalizations(
    layers: &mut Vec<ImportedLayer>,
    norms: usize,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let count =
        layers.iter().filter(|layer| matches!(layer, ImportedLayer::Normalization { .. })).count();
    if norms != 0 && norms != count {
        return Err(format!(
            "it has {count} batch normalizations, but the layers have {norms} `norm`"
        ));
    }
    let mut folded = 0;
    let mut placed: Vec<ImportedLayer> = Vec::new();
    for layer in std::mem::take(layers) {
        let ImportedLayer::Normalization { name, factor, addend } = &layer else {
            placed.push(layer);
            continue;
        };
        let own = NaturalOrder(name.clone()).sequential_index();
        let directly = placed.last().is_some_and(|before| {
            match (own, NaturalOrder(before.name().into()).sequential_index()) {
                (Some((_, own)), Some((_, before))) => own == before + 1,
                // Names like bn1 and conv1: the usual order is convolution, normalization, relu.
                _ => true,
            }
        });
        match placed.last_mut().filter(|before| directly && before.width() == factor.len()) {
            Some(ImportedLayer::Linear { units, weights, biases, .. }) => {
                let units = *units;
                weights
                    .iter_mut()
                    .enumerate()
                    .for_each(|(at, weight)| *weight *= factor[at % units]);
                scale(biases, factor, addend);
            }
            Some(ImportedLayer::Convolution { shape, weights, biases, .. }) => {
                let size = shape[1] * shape[2] * shape[3];
                weights
                    .iter_mut()
                    .enumerate()
                    .for_each(|(at, weight)| *weight *= factor[at / size]);
                scale(biases, factor, addend);
            }
            _ if norms == 0 => {
                return Err(format!(
                    "its batch normalization {name} follows an activation; write `norm` at its position in --layers"
                ));
            }
            _ => {
                placed.push(layer);
                continue;
            }
        }
        folded += 1;
        if norms > 0 {
            // The layer `norm` of the text becomes the identity.
            let maps = factor.len();
            placed.push(ImportedLayer::Normalization {
                name: name.clone(),
                factor: vec![1.0; maps],
                addend: vec![0.0; maps],
            });
        }
    }
    if folded > 0 {
        notes.push(format!("{folded} batch normalizations were folded into the preceding layers, before the activation"));
    }
    *layers = placed;
    Ok(())
}

fn scale(biases: &mut [Real], factor: &[Real], addend: &[Real]) {
    for ((bias, factor), addend) in biases.iter_mut().zip(factor).zip(addend) {
        *bias = *bias * factor + addend;
    }
}

/// Width, height and channels of the images: as specified, or as required by the first layers.
fn image_of(
    layers: &[ImportedLayer],
    text: &str,
    options: &LoadOptions,
    notes: &mut Vec<String>,
) -> Result<((usize, usize), usize), String> {
    let first = layers.iter().find(|layer| !matches!(layer, ImportedLayer::Normalization { .. }));
    let inputs = layers.iter().find_map(|layer| match layer {
        ImportedLayer::Linear { inputs, .. } => Some(*inputs),
        _ => None,
    });
    let inputs = inputs.unwrap_or(0);
    let channels = match first {
        Some(ImportedLayer::Convolution { shape, .. }) => {
            if !matches!(shape[1], 1 | 3) {
                return Err(format!(
                    "its first convolution takes {} channels, but images have 1 or 3",
                    shape[1]
                ));
            }
            shape[1]
        }
        _ => match options.size {
            Some((width, height)) if width * height * 3 == inputs => 3,
            Some(_) => 1,
            None => {
                let (side, coloured) = (inputs.isqrt(), (inputs / 3).isqrt());
                if side * side != inputs && coloured * coloured * 3 == inputs { 3 } else { 1 }
            }
        },
    };
    if let Some(size) = options.size {
        return Ok((size, channels));
    }
    if !matches!(first, Some(ImportedLayer::Convolution { .. })) {
        let pixels = inputs / channels;
        let root = pixels.isqrt();
        let image = if root * root * channels == inputs { (root, root) } else { (pixels, 1) };
        return Ok((image, channels));
    }
    let fitting: Vec<usize> =
        (1..=MAX_SIDE).filter(|&side| values_behind(text, side) == Some(inputs)).collect();
    match fitting[..] {
        [side] => Ok(((side, side), channels)),
        [side, ..] => {
            let side = if fitting.contains(&28) { 28 } else { side };
            notes.push(format!(
                "its images are assumed to be {side}×{side} pixels; override with --size"
            ));
            Ok(((side, side), channels))
        }
        [] => Err(format!(
            "no square image size leads to a linear layer with {inputs} inputs: check that --layers has all convolutions and pools ({text})"
        )),
    }
}

/// The number of outputs of a text's convolutions and pooling layers for a square image.
fn values_behind(text: &str, side: usize) -> Option<usize> {
    let mut side = side;
    let mut maps = 0;
    for part in text.split('-').map(str::trim) {
        if let Some((count, kernel)) =
            part.strip_prefix("conv").and_then(|rest| rest.split_once('x'))
        {
            maps = count.parse().ok()?;
            side = (side + 1).checked_sub(kernel.parse().ok()?).filter(|&side| side > 0)?;
        } else if let Some(at) = part.find("pool") {
            let block: usize = part[at + 4..].parse().ok()?;
            if block == 0 || !side.is_multiple_of(block) {
                return None;
            }
            side /= block;
        } else if part.starts_with("dense") || part.starts_with("softmax") {
            break;
        }
    }
    Some(maps * side * side)
}

#[cfg(test)]
mod tests;
