//! Trained networks: their files (safetensors, and the JSON of the book's network2.py), their votes,
//! their evaluation, and the answers to probes.

pub(crate) mod ensemble;
pub(crate) mod evaluate;
pub(crate) mod evaluator;
mod join;
pub(crate) mod metrics;
mod network2;
pub(crate) mod probes;
mod safetensors;

pub use evaluate::{Answer, Evaluation, MismatchError};
pub use join::JoinError;

use crate::data::Dataset;
use crate::files::atomic;
use crate::nn::Network;
use crate::spec::{Spec, build};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest file that is read as a model.
const MAX_BYTES: u64 = 2 << 30;

/// A network, or several that vote, with all that is needed to use it: what inputs and outputs
/// stand for, and the recipe that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub spec: Spec,
    pub network: Network,
    /// The others of an ensemble, of the same inputs, outputs and readout; empty for one network.
    pub others: Vec<Member>,
    /// Pixels an image is wide and high; their product is the number of inputs.
    pub image: (usize, usize),
    /// The name of each class, in order of its label.
    pub classes: Vec<String>,
    /// Completed epochs.
    pub epoch: u32,
}

/// Another network of an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub spec: Spec,
    pub network: Network,
}

/// Why a model cannot be read or written: which file, what is wrong, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{}: larger than {MAX_BYTES} bytes, so no model of this program", file.display())]
    TooLarge { file: PathBuf },
    #[error(
        "{}: is no model: {problem}; give a .safetensors file written by `nntop train --save`, \
         or a .json file written by the book's network2.py",
        file.display()
    )]
    Foreign { file: PathBuf, problem: String },
    #[error("{}: is torn or was changed: {problem}; use another copy of it", file.display())]
    Broken { file: PathBuf, problem: String },
    #[error("{}: {problem}; save it as .safetensors instead", file.display())]
    Unsupported { file: PathBuf, problem: String },
    #[error("{}: cannot be written: {source}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("{}: cannot be written: {source}; the model was kept in {} instead", file.display(), rescued.display())]
    Rescued { file: PathBuf, rescued: PathBuf, source: io::Error },
    #[error("{source}; the model was kept in {} meanwhile", rescued.display())]
    Kept { rescued: PathBuf, source: Box<ModelError> },
}

impl Model {
    /// One network that learned from this data.
    #[must_use]
    pub fn of(spec: Spec, network: Network, data: &Dataset, epoch: u32) -> Self {
        Self {
            spec,
            network,
            others: Vec::new(),
            image: (data.train.width, data.train.height),
            classes: data.classes.clone(),
            epoch,
        }
    }

    /// Reads a model: network2's JSON where the name ends in `.json`, else safetensors.
    ///
    /// # Errors
    /// Where the file is missing, foreign, torn or inconsistent; the error names it and says which.
    pub fn load(file: &Path) -> Result<Self, ModelError> {
        Self::from_bytes(file, &read(file)?)
    }

    /// [`Model::load`] for bytes that were read already; `file` gives the format and the error's
    /// words.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(file: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        if is_json(file) { network2::decode(file, bytes) } else { safetensors::decode(file, bytes) }
    }

    /// The bytes of the file; equal models give equal bytes.
    ///
    /// # Errors
    /// Where the format that the name asks for cannot hold this network.
    pub fn to_bytes(&self, file: &Path) -> Result<Vec<u8>, ModelError> {
        if is_json(file) { network2::encode(file, self) } else { safetensors::encode(file, self) }
    }

    /// Whether the format that a file's name asks for can hold what so many networks of a recipe
    /// become: to be asked before hours are spent on them. A recipe that makes no network passes.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn check_format(
        file: &Path,
        spec: &Spec,
        networks: u32,
        data: &Dataset,
    ) -> Result<(), ModelError> {
        if !is_json(file) {
            return Ok(());
        }
        let Ok(network) = build(spec, data) else { return Ok(()) };
        let mut model = Self::of(spec.clone(), network, data, 0);
        if networks > 1 {
            let network = model.network.clone();
            model.others.push(Member { spec: spec.clone(), network });
        }
        model.to_bytes(file).map(drop)
    }

    /// Writes the model in one step and returns the number of bytes. Where the disk is full or
    /// read-only, or the format cannot hold it, the model goes to the system's temporary directory
    /// instead and the error says so: hours of training are not lost.
    ///
    /// # Errors
    /// Where it could not be written where it should.
    pub fn save(&self, file: &Path) -> Result<u64, ModelError> {
        let bytes = match self.to_bytes(file) {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.kept_as_safetensors(error)),
        };
        match atomic::write(file, &bytes) {
            Ok(()) => Ok(bytes.len() as u64),
            Err(source) => Err(match rescue(file, &bytes) {
                Some(rescued) => ModelError::Rescued { file: file.into(), rescued, source },
                None => ModelError::Write { file: file.into(), source },
            }),
        }
    }

    /// Why a format could not hold the model, and where it is now.
    fn kept_as_safetensors(&self, error: ModelError) -> ModelError {
        let file = Path::new("model.safetensors");
        let bytes = safetensors::encode(file, self);
        match bytes.ok().and_then(|bytes| rescue(file, &bytes)) {
            Some(rescued) => ModelError::Kept { rescued, source: Box::new(error) },
            None => error,
        }
    }
}

/// A place in the temporary directory that did take the bytes.
fn rescue(file: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let extension = if is_json(file) { ".json" } else { ".safetensors" };
    let kept = tempfile::Builder::new()
        .prefix("nntop-rescued-")
        .suffix(extension)
        .disable_cleanup(true)
        .tempfile()
        .ok()?;
    atomic::write(kept.path(), bytes).ok()?;
    Some(kept.path().into())
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn read(file: &Path) -> Result<Vec<u8>, ModelError> {
    let wrap = |source| ModelError::Read { file: file.into(), source };
    let mut bytes = Vec::new();
    File::open(file).map_err(wrap)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(wrap)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ModelError::TooLarge { file: file.into() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
