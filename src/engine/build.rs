//! From a spec to a network.

use super::{Spec, SpecError};
use crate::data::Dataset;
use crate::nn::layer::Dense;
use crate::nn::{Activation, Cost, Layer, Network};
use crate::rng::{Purpose, stream};

/// Most weights and biases a network may have: 2 GB of them, and as much for gradients.
const MOST_PARAMETERS: u128 = 500_000_000;

/// Sizes of the layers of a spec such as `784,30,10`.
pub(super) fn sizes(layers: &str) -> Result<Vec<usize>, SpecError> {
    let wrong = |problem: String| SpecError::Layers { layers: layers.into(), problem };
    let sizes: Vec<usize> = layers
        .split(',')
        .map(|size| match size.trim().parse() {
            Ok(0) => Err(wrong("a layer of 0 units".into())),
            Ok(size) => Ok(size),
            Err(_) => Err(wrong(format!("`{size}` is no whole number above 0"))),
        })
        .collect::<Result<_, _>>()?;
    if sizes.len() < 2 {
        return Err(wrong("at least an input and an output layer are needed".into()));
    }
    let parameters: u128 =
        sizes.windows(2).map(|pair| (pair[0] as u128 + 1) * pair[1] as u128).sum();
    if parameters > MOST_PARAMETERS {
        return Err(wrong(format!(
            "{parameters} weights and biases, but at most {MOST_PARAMETERS} fit"
        )));
    }
    Ok(sizes)
}

/// The untrained network of a spec.
///
/// # Errors
/// Where the layers cannot be read or do not fit the data.
pub fn build(spec: &Spec, data: &Dataset) -> Result<Network, SpecError> {
    spec.validate_for(data)?;
    Ok(assemble(spec, &sizes(&spec.layers)?))
}

/// A network of the spec's shape for images and classes that are known otherwise, such as from a
/// model's file; its weights wait to be filled in.
pub(super) fn skeleton(
    spec: &Spec,
    image: (usize, usize),
    classes: usize,
) -> Result<Network, SpecError> {
    spec.validate()?;
    let sizes = sizes(&spec.layers)?;
    let ends = (image.0.saturating_mul(image.1), spec.readout.outputs(classes));
    if (sizes[0], sizes[sizes.len() - 1]) != ends {
        let problem = format!("{} inputs and {} outputs are needed", ends.0, ends.1);
        return Err(SpecError::Layers { layers: spec.layers.clone(), problem });
    }
    Ok(assemble(spec, &sizes))
}

fn assemble(spec: &Spec, sizes: &[usize]) -> Network {
    let last = sizes.len() - 2;
    let layers = sizes.windows(2).enumerate().map(|(index, pair)| {
        let mut stream = stream(spec.seed, Purpose::Initialization, 0, index as u64);
        let activation = match spec.cost {
            Cost::LogLikelihood if index == last => Activation::Softmax,
            _ => spec.activation,
        };
        Layer::Dense(Dense::random(pair[0], pair[1], activation, spec.init, &mut stream))
    });
    Network { layers: layers.collect(), cost: spec.cost }
}
