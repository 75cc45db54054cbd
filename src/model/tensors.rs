//! Tensors of a safetensors file, converted from any precision.

use super::ModelError;
use crate::data::half::{bf16_to_f32, f16_to_f32};
use crate::nn::Real;
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<Real>,
}

impl ModelTensor {
    /// The last part of the name.
    pub fn part(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}

/// Reads a tensor of type F64, F32, F16 or BF16.
///
/// # Errors
/// If it has another type, or contains a number that is not finite.
pub(super) fn read_tensor(
    file: &Path,
    name: &str,
    view: &TensorView,
) -> Result<ModelTensor, ModelError> {
    let data = view.data();
    let values: Vec<Real> = match view.dtype() {
        Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as Real).collect(),
        Dtype::F32 => {
            data.as_chunks().0.iter().map(|b| Real::from(f32::from_le_bytes(*b))).collect()
        }
        Dtype::F16 => {
            let half = |bytes: &[u8; 2]| Real::from(f16_to_f32(u16::from_le_bytes(*bytes)));
            data.as_chunks().0.iter().map(half).collect()
        }
        Dtype::BF16 => {
            let half = |bytes: &[u8; 2]| Real::from(bf16_to_f32(u16::from_le_bytes(*bytes)));
            data.as_chunks().0.iter().map(half).collect()
        }
        other => {
            let problem = format!(
                "its tensor {name} holds numbers of type {other:?}; supported are F64, F32, F16 and BF16"
            );
            return Err(ModelError::Import { file: file.into(), problem });
        }
    };
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        let (name, value) = (name.to_owned(), value.to_string());
        return Err(ModelError::NotFinite { file: file.into(), tensor: name, value });
    }
    Ok(ModelTensor { name: name.to_owned(), shape: view.shape().to_vec(), values })
}
