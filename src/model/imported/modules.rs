//! The modules of a file: their tensors, kinds, and order.

use super::super::ModelError;
use super::super::tensors::{ModelTensor, read_tensor};
use super::{EPSILON, KERAS_EPSILON};
use crate::nn::Real;
use safetensors::SafeTensors;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of one module.
#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    name: String,
    weight: Option<ModelTensor>,
    bias: Option<ModelTensor>,
    mean: Option<ModelTensor>,
    variance: Option<ModelTensor>,
}

/// A module whose kind was recognised.
#[derive(Clone, Debug)]
pub(super) enum ImportedLayer {
    /// Weights in [in, out] order.
    Linear { name: String, inputs: usize, units: usize, weights: Vec<Real>, biases: Vec<Real> },
    /// Weights in [out, in, height, width] order.
    Convolution { name: String, shape: [usize; 4], weights: Vec<Real>, biases: Vec<Real> },
    /// Batch normalization with running statistics: factor and addend of every map.
    Normalization { name: String, factor: Vec<Real>, addend: Vec<Real> },
}

impl ImportedLayer {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Linear { name, .. }
            | Self::Convolution { name, .. }
            | Self::Normalization { name, .. } => name,
        }
    }

    /// Number of outputs, maps, or normalized values.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Linear { biases, .. } | Self::Convolution { biases, .. } => biases.len(),
            Self::Normalization { factor, .. } => factor.len(),
        }
    }
}

/// Groups the tensors by module, in natural order (`2` before `10`).
pub(super) fn modules(file: &Path, tensors: &SafeTensors) -> Result<Vec<Module>, ModelError> {
    let mut modules: BTreeMap<NaturalOrder, Module> = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let (module, part) = name.rsplit_once('.').unwrap_or(("", &name));
        let part = part.to_lowercase();
        // The number of batches seen by batch normalization does not affect outputs.
        if part == "num_batches_tracked" {
            continue;
        }
        let tensor = read_tensor(file, &name, &view)?;
        let entry = modules.entry(NaturalOrder(module.into())).or_default();
        module.clone_into(&mut entry.name);
        let place = match part.as_str() {
            "weight" | "weights" | "kernel" | "gamma" => &mut entry.weight,
            "bias" | "biases" | "beta" => &mut entry.bias,
            "running_mean" | "mean" | "moving_mean" => &mut entry.mean,
            "running_var" | "variance" | "moving_variance" => &mut entry.variance,
            _ => {
                let problem = format!(
                    "its tensor {name} belongs to an unknown kind of layer (known are linear, convolution, batch normalization)"
                );
                return Err(ModelError::Import { file: file.into(), problem });
            }
        };
        *place = Some(tensor);
    }
    Ok(modules.into_values().collect())
}

/// A name that is ordered by the values of the numbers in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NaturalOrder(pub(super) String);

impl NaturalOrder {
    /// The name split into texts and numbers.
    fn pieces(&self) -> Vec<(String, u64)> {
        let mut pieces: Vec<(String, u64)> = vec![(String::new(), 0)];
        let mut digits = false;
        for character in self.0.chars() {
            let digit = character.to_digit(10);
            if digits && digit.is_none() {
                pieces.push((String::new(), 0));
            }
            digits = digit.is_some();
            if let Some((text, number)) = pieces.last_mut() {
                match digit {
                    Some(digit) => {
                        *number = number.saturating_mul(10).saturating_add(u64::from(digit));
                    }
                    None => text.push(character),
                }
            }
        }
        pieces
    }

    /// The container and the index of a module in a `Sequential`: the last component of its name,
    /// if it is a number.
    pub(super) fn sequential_index(&self) -> Option<(String, u64)> {
        let (before, last) = self.0.rsplit_once('.').unwrap_or(("", &self.0));
        Some((before.to_owned(), last.parse().ok()?))
    }
}

impl Ord for NaturalOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.pieces().cmp(&other.pieces()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for NaturalOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Recognises the kind of a module from the shapes of its tensors.
pub(super) fn identify(module: Module) -> Result<ImportedLayer, String> {
    let Module { name, weight, bias, mean, variance } = module;
    let shown =
        |what: &str| if name.is_empty() { what.to_owned() } else { format!("{name}.{what}") };
    if let (Some(mean), Some(variance)) = (&mean, &variance) {
        let count = mean.values.len();
        let ones = vec![1.0; count];
        let zeros = vec![0.0; count];
        let gamma = weight.as_ref().map_or(&ones, |weight| &weight.values);
        let beta = bias.as_ref().map_or(&zeros, |bias| &bias.values);
        if [gamma.len(), beta.len(), variance.values.len()].iter().any(|&length| length != count) {
            return Err(format!(
                "its module {name} normalizes {count} values with statistics of other lengths"
            ));
        }
        // Files do not contain ε. Only Keras names the variance `moving_variance`.
        let keras = variance.part() == "moving_variance";
        let epsilon = if keras { KERAS_EPSILON } else { EPSILON } as Real;
        let factor: Vec<Real> = gamma
            .iter()
            .zip(&variance.values)
            .map(|(&gamma, &variance)| gamma / (variance + epsilon).sqrt())
            .collect();
        let addend =
            beta.iter().zip(&mean.values).zip(&factor).map(|((b, m), f)| b - m * f).collect();
        return Ok(ImportedLayer::Normalization { name, factor, addend });
    }
    let Some(weight) = weight else { return Err(format!("its module {name} has no weights")) };
    let biases = |units: usize| match &bias {
        None => Ok(vec![0.0; units]),
        Some(bias) if bias.values.len() == units => Ok(bias.values.clone()),
        Some(bias) => {
            Err(format!("{} has {} values for {units} units", shown("bias"), bias.values.len()))
        }
    };
    match weight.shape[..] {
        [rows, columns] => {
            // The biases determine the number of units; if both sizes are equal, the name decides.
            let units = bias.as_ref().map(|bias| bias.values.len());
            let torch = !matches!(weight.part(), "weights" | "kernel");
            let out_first = match units {
                Some(units) if rows != columns => units == rows,
                _ => torch,
            };
            let (inputs, units) = if out_first { (columns, rows) } else { (rows, columns) };
            let biases = biases(units)?;
            let weights = if out_first {
                let at = |place: usize| weight.values[place % units * inputs + place / units];
                (0..inputs * units).map(at).collect()
            } else {
                weight.values
            };
            Ok(ImportedLayer::Linear { name, inputs, units, weights, biases })
        }
        [units, inputs, height, width] => {
            // Keras' kernels are [height, width, in, out].
            let last_out =
                bias.as_ref().is_some_and(|bias| bias.values.len() == width) && units == inputs;
            let (shape, weights) = if last_out {
                let [h, w, i, o] = [units, inputs, height, width];
                let at = |place: usize| {
                    let (out, rest) = (place / (i * h * w), place % (i * h * w));
                    let (map, pixel) = (rest / (h * w), rest % (h * w));
                    weight.values[(pixel * i + map) * o + out]
                };
                ([o, i, h, w], (0..weight.values.len()).map(at).collect())
            } else {
                ([units, inputs, height, width], weight.values.clone())
            };
            let biases = biases(shape[0])?;
            if shape[2] != shape[3] {
                return Err(format!(
                    "{} has kernels of {}×{}; only square ones are supported",
                    shown("weight"),
                    shape[2],
                    shape[3]
                ));
            }
            Ok(ImportedLayer::Convolution { name, shape, weights, biases })
        }
        _ => Err(format!(
            "its tensor {} has the shape {:?}; linear layers have 2 dimensions, convolutions of images 4",
            shown("weight"),
            weight.shape
        )),
    }
}

/// Sorts modules by the order in which an image passes through them. Names in a `Sequential` are
/// numbered in that order; otherwise convolutions come before linear layers, and both are chained
/// by size.
pub(super) fn in_order(
    found: Vec<ImportedLayer>,
    notes: &mut Vec<String>,
) -> Result<Vec<ImportedLayer>, String> {
    let numbered: Option<Vec<(String, u64)>> =
        found.iter().map(|layer| NaturalOrder(layer.name().into()).sequential_index()).collect();
    let one_sequence =
        numbered.is_some_and(|places| places.windows(2).all(|pair| pair[0].0 == pair[1].0));
    if one_sequence {
        return Ok(found);
    }
    let mut convolutions = Vec::new();
    let mut linear = Vec::new();
    let mut norms = Vec::new();
    for layer in found {
        match layer {
            ImportedLayer::Convolution { .. } => convolutions.push(layer),
            ImportedLayer::Linear { .. } => linear.push(layer),
            ImportedLayer::Normalization { .. } => norms.push(layer),
        }
    }
    let mut layers = chain(convolutions, |layer| match layer {
        ImportedLayer::Convolution { shape, .. } => shape[1],
        _ => 0,
    });
    layers.extend(chain(linear, |layer| match layer {
        ImportedLayer::Linear { inputs, .. } => *inputs,
        _ => 0,
    }));
    if layers.len() > 1 {
        let names: Vec<&str> = layers.iter().map(ImportedLayer::name).collect();
        notes.push(format!("the order of layers is assumed to be {}", names.join(", ")));
    }
    // A normalization belongs after the first layer of its width that has none.
    let mut at = 0;
    for norm in norms {
        let fits = (at..layers.len()).find(|&at| {
            !matches!(layers[at], ImportedLayer::Normalization { .. })
                && layers[at].width() == norm.width()
        });
        let Some(place) = fits else {
            return Err(format!(
                "its module {} normalizes {} values, which is not the width of any layer before it",
                norm.name(),
                norm.width()
            ));
        };
        layers.insert(place + 1, norm);
        at = place + 2;
    }
    Ok(layers)
}

/// Orders layers so that the inputs of each match the outputs of the previous one. Tries every
/// layer as the first, in the given order, and always appends the first remaining layer that fits.
/// Returns the layers unchanged if no such chain contains all of them.
pub(super) fn chain(
    layers: Vec<ImportedLayer>,
    inputs: impl Fn(&ImportedLayer) -> usize,
) -> Vec<ImportedLayer> {
    let fits = |layers: &[ImportedLayer]| {
        layers.windows(2).all(|pair| pair[0].width() == inputs(&pair[1]))
    };
    if fits(&layers) {
        return layers;
    }
    for first in 0..layers.len() {
        let mut left: Vec<usize> = (0..layers.len()).filter(|&at| at != first).collect();
        let mut order = vec![first];
        while let Some(last) = order.last() {
            let width = layers[*last].width();
            let Some(next) = left.iter().position(|&at| inputs(&layers[at]) == width) else {
                break;
            };
            order.push(left.remove(next));
        }
        if left.is_empty() {
            return order.into_iter().map(|at| layers[at].clone()).collect();
        }
    }
    layers
}
