//! Builds the network of a spec.

use super::{Spec, SpecError};
use crate::data::Dataset;
use crate::nn::{Architecture, BuildOptions, Network, Shape};

/// The untrained network of a spec.
///
/// # Errors
/// If the layers cannot be parsed or do not fit the data.
pub fn build(spec: &Spec, data: &Dataset) -> Result<Network, SpecError> {
    spec.validate_for(data)?;
    assemble(
        spec,
        image_shape((data.train.width, data.train.height), data.train.channels),
        data.classes.len(),
    )
}

/// A network with the shape of the spec for images (width, height) and classes that are already
/// known, such as from a model file; its weights are filled in by the caller.
///
/// # Errors
/// As [`build`].
pub(crate) fn skeleton(
    spec: &Spec,
    image: (usize, usize),
    channels: usize,
    classes: usize,
) -> Result<Network, SpecError> {
    spec.validate()?;
    assemble(spec, image_shape(image, channels), classes)
}

fn assemble(spec: &Spec, image: Shape, classes: usize) -> Result<Network, SpecError> {
    let architecture: Architecture = spec.layers.parse()?;
    let options = BuildOptions {
        activation: spec.activation,
        output: spec.output,
        cost: spec.cost,
        init: spec.init,
        dropout: spec.dropout,
    };
    let outputs = spec.readout.outputs(classes);
    Ok(architecture.build(image, outputs, &options, spec.seed)?)
}

/// The shape of an image: one map per channel.
pub(crate) fn image_shape((width, height): (usize, usize), channels: usize) -> Shape {
    Shape { maps: channels, height, width }
}
