//! From a spec to a network.

use super::{Spec, SpecError};
use crate::data::Dataset;
use crate::nn::{Architecture, BuildOptions, Network, Shape};

/// The untrained network of a spec.
///
/// # Errors
/// Where the layers cannot be read or do not fit the data.
pub fn build(spec: &Spec, data: &Dataset) -> Result<Network, SpecError> {
    spec.validate_for(data)?;
    assemble(spec, (data.train.width, data.train.height), data.classes.len())
}

/// A network of the spec's shape for images (width, height) and classes that are known otherwise,
/// such as from a model's file; its weights wait to be filled in.
///
/// # Errors
/// As [`build`].
pub(crate) fn skeleton(
    spec: &Spec,
    image: (usize, usize),
    classes: usize,
) -> Result<Network, SpecError> {
    spec.validate()?;
    assemble(spec, image, classes)
}

fn assemble(spec: &Spec, image: (usize, usize), classes: usize) -> Result<Network, SpecError> {
    let architecture: Architecture = spec.layers.parse()?;
    let options = BuildOptions {
        activation: spec.activation,
        output: spec.output,
        cost: spec.cost,
        init: spec.init,
        dropout: spec.dropout,
    };
    let outputs = spec.readout.outputs(classes);
    Ok(architecture.build(image_shape(image), outputs, &options, spec.seed)?)
}

/// One map of height × width.
pub(crate) fn image_shape((width, height): (usize, usize)) -> Shape {
    Shape { maps: 1, height, width }
}
