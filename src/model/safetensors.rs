//! Models as safetensors: arrays that Python can read, and a single metadata key.
//!
//! Tensors are called `layers.N.weights` and `layers.N.biases`; those of an ensemble's second
//! network `members.1.layers.N.weights` and so on. All metadata are JSON ([`ModelHeader`]) in one
//! key, `nntop`, because the order of keys is undefined, and equal models must give equal bytes.

use super::join::MAX_NETWORKS;
use super::load_options::LoadOptions;
use super::tensors::read_tensor;
use super::{Member, Members, Model, ModelError, imported};
use crate::nn::{Architecture, Network, Real};
use crate::spec::Spec;
use crate::spec::build::{image_shape, skeleton};
use ndarray::ArrayViewD;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The single metadata key.
const KEY: &str = "nntop";
/// Maximum size of a header in bytes: ten times that of a thousand networks with ten layers.
const MAX_HEADER: u64 = 16 << 20;
/// A file may lack up to this many values before it is rejected as a whole: if fewer are missing,
/// the check of each array gives a better error message.
const FEW: u64 = 1 << 20;
/// Maximum number of pixels of an image.
const MAX_PIXELS: usize = 1 << 24;
/// Maximum number of layers of all networks.
const MAX_LAYERS: usize = 100_000;
/// Incremented when the meaning of the header or of the tensors changes.
const FORMAT: u32 = 1;
#[cfg(not(feature = "f64"))]
const DTYPE: Dtype = Dtype::F32;
#[cfg(feature = "f64")]
const DTYPE: Dtype = Dtype::F64;

#[derive(Serialize, Deserialize)]
struct ModelHeader {
    format: u32,
    spec: Spec,
    /// Width and height.
    image: (usize, usize),
    /// 3 for colour images.
    #[serde(default = "grey", skip_serializing_if = "is_grey")]
    channels: usize,
    classes: Vec<String>,
    epoch: u32,
    /// The specs of the other networks of an ensemble.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few_specs")]
    others: Vec<Spec>,
}

/// Limits the number of specs: default values take no space in a file, but they do in memory.
fn few_specs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Spec>, D::Error> {
    struct SpecListVisitor;
    impl<'de> Visitor<'de> for SpecListVisitor {
        type Value = Vec<Spec>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "the specs of at most {MAX_NETWORKS} networks")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut specs = Vec::new();
            while let Some(spec) = list.next_element()? {
                if specs.len() + 1 == MAX_NETWORKS {
                    return Err(A::Error::invalid_length(specs.len() + 2, &self));
                }
                specs.push(spec);
            }
            Ok(specs)
        }
    }
    deserializer.deserialize_seq(SpecListVisitor)
}

/// Whether the start of a file of `length` bytes is valid for this format: the length of the
/// header, and the opening brace.
pub(super) fn check_beginning(beginning: &[u8], length: u64) -> Result<(), String> {
    let Some((header, rest)) = beginning.split_first_chunk::<8>() else {
        return Err(format!("it has {length} bytes, too few for a header"));
    };
    let header = u64::from_le_bytes(*header);
    if header > MAX_HEADER {
        return Err(format!("a header of {header} bytes, but at most {MAX_HEADER} are read"));
    }
    if rest.first() != Some(&b'{') {
        return Err("its header is not a JSON object".into());
    }
    Ok(())
}

fn grey() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_grey(channels: &usize) -> bool {
    *channels == 1
}

pub(super) fn encode(file: &Path, model: &Model) -> Result<Vec<u8>, ModelError> {
    let unsupported = |problem| ModelError::Unsupported { file: file.into(), problem };
    let header = ModelHeader {
        format: FORMAT,
        spec: model.spec().clone(),
        image: model.image,
        channels: model.channels,
        classes: model.classes.clone(),
        epoch: model.epoch,
        others: model.members.iter().skip(1).map(|member| member.spec.clone()).collect(),
    };
    let header = serde_json::to_string(&header).map_err(|error| unsupported(error.to_string()))?;
    let arrays: Vec<(String, Vec<usize>, Vec<u8>)> = model
        .networks()
        .enumerate()
        .flat_map(|(member, network)| named(member, network))
        .map(|(name, array)| (name, array.shape().into(), bytes(array)))
        .collect();
    let tensors: Result<Vec<_>, SafeTensorError> = arrays
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(DTYPE, shape.clone(), bytes)?)))
        .collect();
    tensors
        .and_then(|tensors| {
            safetensors::serialize(tensors, Some(HashMap::from([(KEY.into(), header)])))
        })
        .map_err(|error| unsupported(error.to_string()))
}

/// Reads a file; also returns what was assumed because the file does not contain it.
pub(super) fn decode(
    file: &Path,
    bytes: &[u8],
    options: &LoadOptions,
) -> Result<(Model, Vec<String>), ModelError> {
    let foreign = |problem: String| ModelError::Foreign { file: file.into(), problem };
    let broken = |problem: String| ModelError::Broken { file: file.into(), problem };
    check_beginning(bytes, bytes.len() as u64).map_err(foreign)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| match error {
        // The header is complete, but the length of the file is wrong.
        SafeTensorError::MetadataIncompleteBuffer => broken(error.to_string()),
        _ => foreign(error.to_string()),
    })?;
    let keys = metadata.metadata().clone().unwrap_or_default();
    let tensors = || SafeTensors::deserialize(bytes).map_err(|error| broken(error.to_string()));
    let Some(header) = keys.get(KEY) else {
        return imported::decode(file, &tensors()?, &keys, options);
    };
    if !options.is_empty() {
        return Err(ModelError::SelfDescribed { file: file.into() });
    }
    let header: ModelHeader = serde_json::from_str(header)
        .map_err(|error| broken(format!("its `{KEY}` metadata is wrong: {error}")))?;
    if header.format != FORMAT {
        return Err(foreign(format!(
            "its format is {}, this program reads {FORMAT}; a newer nntop may read it",
            header.format
        )));
    }
    if !matches!(header.channels, 1 | 3) {
        return Err(broken(format!("its images have {} channels, not 1 or 3", header.channels)));
    }
    let members = restore(file, &header, &tensors()?)?;
    let ModelHeader { image, channels, classes, epoch, .. } = header;
    Ok((Model { members, image, channels, classes, epoch }, Vec::new()))
}

/// Fills the networks of the specs with the arrays of the file.
fn restore(
    file: &Path,
    header: &ModelHeader,
    tensors: &SafeTensors,
) -> Result<Members, ModelError> {
    let broken = |problem: String| ModelError::Broken { file: file.into(), problem };
    check_size(header, tensors).map_err(broken)?;
    let blank = |spec: &Spec| {
        skeleton(spec, header.image, header.channels, header.classes.len())
            .map_err(|error| broken(error.to_string()))
    };
    let mut members = Members::one(header.spec.clone(), blank(&header.spec)?);
    for spec in &header.others {
        members.push(Member { spec: spec.clone(), network: blank(spec)? });
    }
    let expected = members.iter().flat_map(|member| named(0, &member.network)).count();
    if tensors.len() != expected {
        let problem = format!("it has {} tensors, its spec requires {expected}", tensors.len());
        return Err(broken(problem));
    }
    for (number, member) in members.iter_mut().enumerate() {
        load(file, number, &mut member.network, tensors)?;
    }
    Ok(members)
}

/// Checks, before any network is built, that the file has enough values for the networks of its
/// header.
fn check_size(header: &ModelHeader, tensors: &SafeTensors) -> Result<(), String> {
    let (width, height) = header.image;
    if width.checked_mul(height).is_none_or(|pixels| pixels == 0 || pixels > MAX_PIXELS) {
        return Err(format!("images of {width}×{height} pixels"));
    }
    let (mut layers, mut promised) = (0, 0_u64);
    for spec in std::iter::once(&header.spec).chain(&header.others) {
        let architecture =
            spec.layers.parse::<Architecture>().map_err(|error| error.to_string())?;
        layers += architecture.depth();
        promised += architecture
            .parameters(image_shape(header.image, header.channels))
            .map_err(|error| error.to_string())?;
    }
    if layers > MAX_LAYERS {
        return Err(format!("{layers} layers are too many: at most {MAX_LAYERS} are read"));
    }
    let numbers = |shape: &[usize]| shape.iter().map(|&size| size as u64).product::<u64>();
    // Batch normalization stores more than it trains.
    let found: u64 = tensors.iter().map(|(_, tensor)| numbers(tensor.shape())).sum();
    if promised > found + FEW {
        return Err(format!("its spec requires {promised} weights and biases, it has {found}"));
    }
    Ok(())
}

/// Fills a network's arrays; `member` is its index in an ensemble.
fn load(
    file: &Path,
    member: usize,
    network: &mut Network,
    tensors: &SafeTensors,
) -> Result<(), ModelError> {
    let broken = |problem: String| ModelError::Broken { file: file.into(), problem };
    for (index, layer) in network.layers.iter_mut().enumerate() {
        for (name, mut array) in layer.parameters_mut() {
            let name = name_of(member, index, name);
            let tensor = tensors.tensor(&name).map_err(|error| broken(error.to_string()))?;
            if tensor.shape() != array.shape() {
                let (found, expected) = (tensor.shape(), array.shape());
                let problem = format!("tensor `{name}` has the shape {found:?}, not {expected:?}");
                return Err(broken(problem));
            }
            let values = read_tensor(file, &name, &tensor)?.values;
            array.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        }
    }
    Ok(())
}

fn name_of(member: usize, layer: usize, name: &str) -> String {
    let of = if member == 0 { String::new() } else { format!("members.{member}.") };
    format!("{of}layers.{layer}.{name}")
}

fn named(member: usize, network: &Network) -> impl Iterator<Item = (String, ArrayViewD<'_, Real>)> {
    network.layers.iter().enumerate().flat_map(move |(index, layer)| {
        let parameters = layer.parameters().into_iter();
        parameters.map(move |(name, array)| (name_of(member, index, name), array))
    })
}

/// Converts an array to bytes, row by row, little-endian.
fn bytes(array: ArrayViewD<Real>) -> Vec<u8> {
    array.iter().flat_map(|value| value.to_le_bytes()).collect()
}
