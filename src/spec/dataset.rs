//! The data set of a spec.

use super::Spec;
use crate::data::{DataError, Dataset, OpenOptions};
use std::sync::Arc;

/// Loads and splits the data set of a spec (MNIST by default); the error is a sentence.
pub(crate) fn load(spec: &Spec) -> Result<Arc<Dataset>, String> {
    let data = open(spec, None).map_err(|error| error.to_string())?;
    spec.validate_for(&data).map_err(|error| error.to_string())?;
    Ok(split(spec, Arc::new(data)))
}

/// Splits a data set as specified: see [`Spec::all_images`].
pub(crate) fn split(spec: &Spec, data: Arc<Dataset>) -> Arc<Dataset> {
    if !spec.all_images || data.validation.is_empty() {
        return data;
    }
    Arc::new(Arc::unwrap_or_clone(data).all_for_training())
}

/// Reads the data set of a spec, MNIST by default. `progress` is called from any thread with the
/// number of decoded pictures and their total.
///
/// # Errors
/// If the data set cannot be read.
pub(crate) fn open(spec: &Spec, progress: Option<fn(usize, usize)>) -> Result<Dataset, DataError> {
    let Some(path) = &spec.data else { return Ok(Dataset::embedded()) };
    let size = spec.image_size.map(|(width, height)| (width as usize, height as usize));
    let options = OpenOptions { size, transpose: spec.transpose, ..OpenOptions::cached(progress) };
    Dataset::open(path, &options)
}
