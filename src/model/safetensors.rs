//! Models as safetensors: arrays that Python reads as they are, and one key of metadata.
//!
//! Tensors are called `layers.N.weights` and `layers.N.biases`; those of an ensemble's second
//! network `members.1.layers.N.weights` and so on. The metadata holds one key,
//! `nntop`, whose value is JSON ([`Header`]): one key, because the format keeps keys in a map
//! without order and equal models shall give equal bytes.

use super::join::MOST_NETWORKS;
use super::{Member, Members, Model, ModelError};
use crate::nn::{Architecture, Network, Real};
use crate::spec::Spec;
use crate::spec::build::{image_shape, skeleton};
use ndarray::{ArrayViewD, ArrayViewMutD};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The one key of the metadata.
const KEY: &str = "nntop";
/// Longest header, in bytes: that of a thousand networks of ten layers is a tenth of it.
const MOST_HEADER: u64 = 16 << 20;
/// Numbers too few to be worth counting: what is wrong with their arrays is said of each.
const FEW: u64 = 1 << 20;
/// Most pixels of an image.
const MOST_PIXELS: usize = 1 << 24;
/// Most layers of all networks together.
const MOST_LAYERS: usize = 100_000;
/// Raised when the meaning of the header or of the tensors changes.
const FORMAT: u32 = 1;
#[cfg(not(feature = "f64"))]
const DTYPE: Dtype = Dtype::F32;
#[cfg(feature = "f64")]
const DTYPE: Dtype = Dtype::F64;

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    spec: Spec,
    /// Width and height.
    image: (usize, usize),
    classes: Vec<String>,
    epoch: u32,
    /// Of the other networks of an ensemble.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few_specs")]
    others: Vec<Spec>,
}

/// At most as many as an ensemble may have: a specs' default values take no room in a file, but
/// they do in memory.
fn few_specs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Spec>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<Spec>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "the specs of at most {MOST_NETWORKS} networks")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut specs = Vec::new();
            while let Some(spec) = list.next_element()? {
                if specs.len() + 1 == MOST_NETWORKS {
                    return Err(A::Error::invalid_length(specs.len() + 2, &self));
                }
                specs.push(spec);
            }
            Ok(specs)
        }
    }
    deserializer.deserialize_seq(Few)
}

/// Whether a file of `length` bytes that begins so can be of this format: the header's length, and
/// the brace that it begins with.
pub(super) fn check_beginning(beginning: &[u8], length: u64) -> Result<(), String> {
    let Some((header, rest)) = beginning.split_first_chunk::<8>() else {
        return Err(format!("it has {length} bytes, too few for a header"));
    };
    let header = u64::from_le_bytes(*header);
    if header > MOST_HEADER {
        return Err(format!("a header of {header} bytes, but at most {MOST_HEADER} are read"));
    }
    if rest.first() != Some(&b'{') {
        return Err("its header is no object of JSON".into());
    }
    Ok(())
}

pub(super) fn encode(file: &Path, model: &Model) -> Result<Vec<u8>, ModelError> {
    let unsupported = |problem| ModelError::Unsupported { file: file.into(), problem };
    let header = Header {
        format: FORMAT,
        spec: model.spec().clone(),
        image: model.image,
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

pub(super) fn decode(file: &Path, bytes: &[u8]) -> Result<Model, ModelError> {
    let foreign = |problem: String| ModelError::Foreign { file: file.into(), problem };
    let broken = |problem: String| ModelError::Broken { file: file.into(), problem };
    check_beginning(bytes, bytes.len() as u64).map_err(foreign)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| match error {
        // The header is whole and promises other bytes than there are.
        SafeTensorError::MetadataIncompleteBuffer => broken(error.to_string()),
        _ => foreign(error.to_string()),
    })?;
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|keys| keys.get(KEY))
        .ok_or_else(|| foreign(format!("its metadata has no key `{KEY}`")))?;
    let header: Header = serde_json::from_str(header)
        .map_err(|error| broken(format!("its `{KEY}` metadata is wrong: {error}")))?;
    if header.format != FORMAT {
        return Err(foreign(format!(
            "its format is {}, this program reads {FORMAT}; a newer nntop may read it",
            header.format
        )));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| broken(error.to_string()))?;
    let members = restore(&header, &tensors).map_err(broken)?;
    Ok(Model { members, image: header.image, classes: header.classes, epoch: header.epoch })
}

/// The networks of the specs with the arrays of the file.
fn restore(header: &Header, tensors: &SafeTensors) -> Result<Members, String> {
    check_size(header, tensors)?;
    let blank = |spec: &Spec| {
        skeleton(spec, header.image, header.classes.len()).map_err(|error| error.to_string())
    };
    let mut members = Members::one(header.spec.clone(), blank(&header.spec)?);
    for spec in &header.others {
        members.push(Member { spec: spec.clone(), network: blank(spec)? });
    }
    let expected = members.iter().flat_map(|member| named(0, &member.network)).count();
    if tensors.len() != expected {
        return Err(format!("it has {} tensors, its spec asks for {expected}", tensors.len()));
    }
    for (number, member) in members.iter_mut().enumerate() {
        load(number, &mut member.network, tensors)?;
    }
    Ok(members)
}

/// Whether the arrays of the file are enough for the networks that its header promises, found out
/// before any of them is built.
fn check_size(header: &Header, tensors: &SafeTensors) -> Result<(), String> {
    let (width, height) = header.image;
    if width.checked_mul(height).is_none_or(|pixels| pixels == 0 || pixels > MOST_PIXELS) {
        return Err(format!("images of {width}×{height} pixels"));
    }
    let (mut layers, mut promised) = (0, 0_u64);
    for spec in std::iter::once(&header.spec).chain(&header.others) {
        let architecture: Architecture = spec.layers.parse().map_err(said)?;
        layers += architecture.depth();
        promised += architecture.parameters(image_shape(header.image)).map_err(said)?;
    }
    if layers > MOST_LAYERS {
        return Err(format!("{layers} layers are too many: at most {MOST_LAYERS} are read"));
    }
    let bytes: usize = tensors.iter().map(|(_, tensor)| tensor.data().len()).sum();
    // Batch normalization keeps more than it learns, but no number takes less than four bytes.
    let found = bytes as u64 / 4;
    if promised > found + FEW {
        return Err(format!("its spec asks for {promised} weights and biases, it has {found}"));
    }
    Ok(())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Fills a network's arrays; `member` is its number in an ensemble, from 0 on.
fn load(member: usize, network: &mut Network, tensors: &SafeTensors) -> Result<(), String> {
    for (index, layer) in network.layers.iter_mut().enumerate() {
        for (name, array) in layer.parameters_mut() {
            let name = name_of(member, index, name);
            let tensor = tensors.tensor(&name).map_err(|error| error.to_string())?;
            fill(array, &tensor).map_err(|problem| format!("tensor `{name}` {problem}"))?;
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

/// Row by row, little-endian.
fn bytes(array: ArrayViewD<Real>) -> Vec<u8> {
    array.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn fill(mut array: ArrayViewMutD<Real>, tensor: &TensorView) -> Result<(), String> {
    if tensor.shape() != array.shape() {
        return Err(format!("has the shape {:?}, not {:?}", tensor.shape(), array.shape()));
    }
    let data = tensor.data();
    match tensor.dtype() {
        Dtype::F32 => {
            let values = data.as_chunks().0.iter().map(|b| Real::from(f32::from_le_bytes(*b)));
            array.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        }
        Dtype::F64 => {
            let values = data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as Real);
            array.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        }
        other => return Err(format!("holds numbers of type {other:?}, not F32 or F64")),
    }
    Ok(())
}
