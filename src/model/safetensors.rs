//! Models as safetensors: arrays that Python reads as they are, and one key of metadata.
//!
//! Tensors are called `layers.N.weights` and `layers.N.biases`; those of an ensemble's second
//! network `members.1.layers.N.weights` and so on. The metadata holds one key,
//! `nntop`, whose value is JSON ([`Header`]): one key, because the format keeps keys in a map
//! without order and equal models shall give equal bytes.

use super::{Member, Members, Model, ModelError};
use crate::nn::{Network, Real};
use crate::spec::Spec;
use crate::spec::build::skeleton;
use ndarray::{ArrayViewD, ArrayViewMutD};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The one key of the metadata.
const KEY: &str = "nntop";
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<Spec>,
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
