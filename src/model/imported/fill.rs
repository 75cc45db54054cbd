//! Fills the layers of a network from the modules of a file.

use super::super::load_options::LoadOptions;
use super::EPSILON;
use super::modules::ImportedLayer;
use crate::nn::layer::{Conv2d, Dense, Norm};
use crate::nn::{Layer, Real};
use ndarray::Array1;

/// Fills a layer from the next modules; `before` is the shape of its input.
pub(super) fn fill(
    layer: &mut Layer,
    before: crate::nn::Shape,
    found: &mut impl Iterator<Item = ImportedLayer>,
) -> Result<(), String> {
    let missing = || "there are fewer modules than layers".to_owned();
    match layer {
        Layer::Dense(dense) => match found.next().ok_or_else(missing)? {
            ImportedLayer::Linear { name, inputs, units, weights, biases } => {
                fill_dense(dense, before, (inputs, units), &weights, biases)
                    .map_err(|p| format!("module {name} {p}"))
            }
            other => Err(format!("it is dense, but the module {} is not linear", other.name())),
        },
        Layer::Conv2d(conv) => match found.next().ok_or_else(missing)? {
            ImportedLayer::Convolution { name, shape, weights, biases } => {
                fill_convolution(conv, shape, &weights, biases)
                    .map_err(|p| format!("module {name} {p}"))
            }
            other => Err(format!("it is a convolution, but the module {} is not", other.name())),
        },
        Layer::Norm(norm) => match found.next().ok_or_else(missing)? {
            ImportedLayer::Normalization { name, factor, addend } => {
                fill_norm(norm, &factor, addend).map_err(|p| format!("module {name} {p}"))
            }
            other => Err(format!(
                "it is `norm`, but the module {} is not a batch normalization",
                other.name()
            )),
        },
        Layer::Recurrent(_) => Err("recurrent layers of other programs are not supported".into()),
        _ => Ok(()),
    }
}

pub(super) fn fill_dense(
    dense: &mut Dense,
    before: crate::nn::Shape,
    (inputs, units): (usize, usize),
    weights: &[Real],
    biases: Vec<Real>,
) -> Result<(), String> {
    let expected = (dense.weights.rows(), dense.weights.columns());
    if expected != (inputs, units) {
        return Err(format!(
            "takes {inputs} inputs and has {units} outputs, but the layer takes {} and has {}",
            expected.0, expected.1
        ));
    }
    // PyTorch flattens (maps, height, width); here the maps of a pixel are contiguous.
    let pixels = before.height * before.width;
    let mut own = dense.weights.view_mut();
    for input in 0..inputs {
        let from = if before.maps > 1 {
            input % before.maps * pixels + input / before.maps
        } else {
            input
        };
        for unit in 0..units {
            own[[input, unit]] = weights[from * units + unit];
        }
    }
    dense.biases = Array1::from(biases);
    Ok(())
}

pub(super) fn fill_convolution(
    conv: &mut Conv2d,
    [units, inputs, height, width]: [usize; 4],
    weights: &[Real],
    biases: Vec<Real>,
) -> Result<(), String> {
    let expected = conv.kernels().dim();
    if expected != (height, width, inputs, units) {
        return Err(format!(
            "has {units} maps of {height}×{width} kernels over {inputs} maps, but the layer has {} of {}×{} over {}",
            expected.3, expected.0, expected.1, expected.2
        ));
    }
    for ((y, x, map, unit), weight) in conv.kernels_mut().indexed_iter_mut() {
        *weight = weights[((unit * inputs + map) * height + y) * width + x];
    }
    conv.biases = Array1::from(biases);
    Ok(())
}

/// With mean 0 and variance 1 − ε, the factor is γ and the addend is β.
pub(super) fn fill_norm(norm: &mut Norm, factor: &[Real], addend: Vec<Real>) -> Result<(), String> {
    let maps = norm.biases.len();
    if maps != factor.len() {
        return Err(format!("normalizes {} values, but the layer has {maps}", factor.len()));
    }
    norm.mean.fill(0.0);
    norm.variance.fill((1.0 - EPSILON) as Real);
    norm.weights = Array1::from(factor.to_vec());
    norm.biases = Array1::from(addend);
    Ok(())
}

/// Folds the normalization of the inputs into the first layer: W (x − μ) / σ + b.
pub(super) fn normalize(
    layers: &mut [Layer],
    channels: usize,
    options: &LoadOptions,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let LoadOptions { mean, std, .. } = options;
    if mean.is_empty() && std.is_empty() {
        notes.push("inputs are assumed to be pixels from 0 to 1; specify another normalization with --mean and --std".into());
        return Ok(());
    }
    let of = |numbers: &[f64], usual: f64, channel: usize| {
        numbers.get(channel).or(numbers.first()).copied().unwrap_or(usual)
    };
    let wrong = [mean, std].iter().any(|numbers| numbers.len() > 1 && numbers.len() != channels);
    if wrong || std.iter().any(|&std| std <= 0.0) {
        return Err(format!(
            "--mean and --std are one number, or one for each of {channels} channels, and --std is above 0"
        ));
    }
    let mean: Vec<Real> = (0..channels).map(|channel| of(mean, 0.0, channel) as Real).collect();
    let std: Vec<Real> = (0..channels).map(|channel| of(std, 1.0, channel) as Real).collect();
    match layers.first_mut() {
        Some(Layer::Dense(Dense { weights, biases, .. })) => {
            for (input, mut row) in weights.view_mut().rows_mut().into_iter().enumerate() {
                let channel = input % channels;
                row.mapv_inplace(|weight| weight / std[channel]);
                biases.zip_mut_with(&row, |bias, weight| *bias -= weight * mean[channel]);
            }
        }
        Some(Layer::Conv2d(conv)) => {
            let mut shift = Array1::zeros(conv.biases.len());
            for ((_, _, channel, unit), weight) in conv.kernels_mut().indexed_iter_mut() {
                *weight /= std[channel];
                shift[unit] += *weight * mean[channel];
            }
            conv.biases -= &shift;
        }
        _ => return Err(
            "its inputs cannot be normalized: the first layer is neither dense nor a convolution"
                .into(),
        ),
    }
    Ok(())
}
