//! Errors of model files.

use std::io;
use std::path::{Path, PathBuf};

/// Why a model cannot be read or written: the file, the problem, and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error(
        "{}: larger than {most} bytes, so it cannot be a model of this program",
        file.display()
    )]
    TooLarge { file: PathBuf, most: u64 },
    #[error(
        "{}: is not a model: {problem}; give a .safetensors file written by `nntop train --save`, \
         or a .json file written by the book's network2.py",
        file.display()
    )]
    Foreign { file: PathBuf, problem: String },
    #[error("{}: is {what}, not a model; {advice}", file.display())]
    Mistaken { file: PathBuf, what: &'static str, advice: &'static str },
    #[error("{}: is truncated or was changed: {problem}; use another copy of it", file.display())]
    Broken { file: PathBuf, problem: String },
    #[error("{}: {problem}; save it as .safetensors instead", file.display())]
    Unsupported { file: PathBuf, problem: String },
    #[error("{}: models are written as .safetensors or .json; give one of these endings", file.display())]
    Ending { file: PathBuf },
    #[error("{}: {problem}", file.display())]
    Import { file: PathBuf, problem: String },
    #[error(
        "{}: its tensor {tensor} holds {value}: the training diverged, or the file was changed; \
         it cannot be used for predictions",
        file.display()
    )]
    NotFinite { file: PathBuf, tensor: String, value: String },
    #[error(
        "{}: contains its own description; omit --layers, --activation, --mean, --std, --classes \
         and --size",
        file.display()
    )]
    SelfDescribed { file: PathBuf },
    #[error("{}: cannot be written: {source}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error(
        "{}: cannot be written: {source}; the model was saved in {} instead",
        file.display(),
        rescued.display()
    )]
    Rescued { file: PathBuf, rescued: PathBuf, source: io::Error },
    #[error("{source}; the model was saved in {} meanwhile", rescued.display())]
    Kept { rescued: PathBuf, source: Box<ModelError> },
}

impl ModelError {
    /// The file a model was saved to instead, if any.
    #[must_use]
    pub fn rescued(&self) -> Option<&Path> {
        match self {
            Self::Rescued { rescued, .. } | Self::Kept { rescued, .. } => Some(rescued),
            _ => None,
        }
    }
}
