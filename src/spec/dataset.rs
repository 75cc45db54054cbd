//! The data set that a spec names.

use super::Spec;
use crate::data::Dataset;
use std::sync::Arc;

/// Loads the data set of a spec, MNIST if it names none, split as the spec says; the error is a
/// sentence.
pub(crate) fn load(spec: &Spec) -> Result<Arc<Dataset>, String> {
    let data = match &spec.data {
        Some(dir) => Dataset::from_dir(dir).map_err(|error| error.to_string())?,
        None => Dataset::embedded(),
    };
    spec.validate_for(&data).map_err(|error| error.to_string())?;
    Ok(split(spec, Arc::new(data)))
}

/// Splits a data set as a spec says: see [`Spec::all_images`].
pub(crate) fn split(spec: &Spec, data: Arc<Dataset>) -> Arc<Dataset> {
    if !spec.all_images || data.validation.is_empty() {
        return data;
    }
    Arc::new(Arc::unwrap_or_clone(data).all_for_training())
}
