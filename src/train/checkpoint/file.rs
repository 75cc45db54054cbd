//! The format of checkpoint files.
//!
//! `NNTOPCKP`, format version (u32), length of the payload (u64), SHA-256 of the payload, payload.
//! Numbers are little-endian. The payload is postcard: the spec as JSON text, then the body.

use super::{Body, Checkpoint};
use crate::files;
use crate::nn::{Architecture, ArchitectureError, Layer, Real, Shape};
use crate::spec::{Spec, SpecError};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(super) const MAGIC: &[u8; 8] = b"NNTOPCKP";
/// Incremented whenever the body changes.
pub(super) const VERSION: u32 = 3;
const HEADER: usize = 8 + 4 + 8 + 32;
/// Maximum length of a payload: enough for the largest network allowed and its optimizer's two
/// moments.
const MAX_BYTES: u64 = 8 << 30;

/// Maximum length of a spec, in bytes.
const MAX_SPEC: u64 = 1 << 20;
/// Allowance in bytes for everything except weights and optimizer state, such as the statistics of
/// every epoch; and an additional allowance per layer.
const MAX_HISTORY: u64 = 64 << 20;
const MAX_HISTORY_OF_A_LAYER: u64 = 1 << 20;

/// Why a checkpoint cannot be used or written: the file, the problem, and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{}: is not a checkpoint: it does not start with NNTOPCKP; give a file that `nntop train --checkpoint-every` wrote", file.display())]
    Foreign { file: PathBuf },
    #[error("{}: is of format version {found}, but this nntop reads {VERSION}; resume it with the nntop that wrote it", file.display())]
    Version { file: PathBuf, found: u32 },
    #[error("{}: is truncated or damaged: {found} bytes, but its header declares {expected}; resume from another checkpoint", file.display())]
    Truncated { file: PathBuf, found: u64, expected: u64 },
    #[error("{}: was changed after it was written: its SHA-256 does not match; resume from another checkpoint", file.display())]
    Corrupt { file: PathBuf },
    #[error("{}: is invalid: {problem}; resume from another checkpoint", file.display())]
    Malformed { file: PathBuf, problem: String },
    #[error("{}: its spec cannot be trained: {source}", file.display())]
    Spec { file: PathBuf, source: SpecError },
    #[error(
        "the checkpoint was made with {expected}, but the data is {found}; resume with the same data"
    )]
    Data { expected: String, found: String },
    #[error("the checkpoint's network is not the one its spec describes (`{0}`)")]
    Network(String),
    #[error("{}: cannot be created, so checkpoints cannot be written: {source}", dir.display())]
    Directory { dir: PathBuf, source: io::Error },
    #[error("{}: cannot be written: {source}; the previous checkpoint is unchanged", file.display())]
    Write { file: PathBuf, source: io::Error },
}

/// The contents of a checkpoint file.
pub(super) fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let spec = serde_json::to_string(&checkpoint.spec).expect("all map keys of a spec are texts");
    let payload = postcard::to_stdvec(&(spec, &checkpoint.body))
        .expect("lengths are known, and the buffer grows");
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&payload));
    bytes.extend_from_slice(&payload);
    bytes
}

/// Reads and checks a file. The header's length is compared with the file's before anything is
/// allocated.
pub(super) fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let wrap = |source| CheckpointError::Read { file: path.into(), source };
    let (mut file, length) = files::read::open(path).map_err(wrap)?;
    let mut header = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut header).map_err(wrap)?;
    let expected = expected_length(path, &header)?;
    let truncated = |found| CheckpointError::Truncated { file: path.into(), found, expected };
    if length != expected {
        return Err(truncated(length));
    }
    // The spec is read first, because it limits the length of a valid payload.
    let mut payload = Vec::new();
    file.by_ref().take(MAX_SPEC + 8).read_to_end(&mut payload).map_err(wrap)?;
    let most = max_payload(&payload).unwrap_or(0).max(payload.len() as u64);
    if expected - HEADER as u64 > most {
        // This program does not write such a file.
        return Err(CheckpointError::Corrupt { file: path.into() });
    }
    let left = expected - HEADER as u64 - payload.len() as u64;
    payload.extend(files::read::rest(file, left, left).map_err(wrap)?);
    if payload.len() as u64 != expected - HEADER as u64 {
        return Err(truncated(HEADER as u64 + payload.len() as u64));
    }
    if header[20..] != Sha256::digest(&payload)[..] {
        return Err(CheckpointError::Corrupt { file: path.into() });
    }
    decode(path, &payload)
}

/// The maximum length of a payload with this start: its spec determines the number of weights, and
/// the optimizer stores at most two numbers for each. `None` if there is no spec.
fn max_payload(beginning: &[u8]) -> Option<u64> {
    let (spec, _): (&str, _) = postcard::take_from_bytes(beginning).ok()?;
    let spec: Spec = serde_json::from_str(spec).ok()?;
    let architecture: Architecture = spec.layers.parse().ok()?;
    // If the text does not specify the inputs, any image size is possible.
    let Some(inputs) = architecture.inputs() else { return Some(MAX_BYTES) };
    let parameters = architecture.parameters(Shape::vector(inputs)).ok()?;
    let history = MAX_HISTORY + MAX_HISTORY_OF_A_LAYER * architecture.depth() as u64;
    Some(history + 4 * size_of::<Real>() as u64 * parameters)
}

/// Checks a header and returns the length that the whole file must have.
fn expected_length(path: &Path, header: &[u8]) -> Result<u64, CheckpointError> {
    let file = || path.to_path_buf();
    if !header.starts_with(MAGIC) {
        // A crash during a copy leaves an empty or very short file.
        return Err(if MAGIC.starts_with(header) {
            let found = header.len() as u64;
            CheckpointError::Truncated { file: file(), found, expected: HEADER as u64 }
        } else {
            CheckpointError::Foreign { file: file() }
        });
    }
    let Some((numbers, _)) = header[8..].split_first_chunk::<12>() else {
        let found = header.len() as u64;
        return Err(CheckpointError::Truncated { file: file(), found, expected: HEADER as u64 });
    };
    let [v0, v1, v2, v3, length @ ..] = *numbers;
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    if version != VERSION {
        return Err(CheckpointError::Version { file: file(), found: version });
    }
    let length = u64::from_le_bytes(length);
    if length > MAX_BYTES {
        let problem = format!("a payload of {length} bytes, but at most {MAX_BYTES} are read");
        return Err(CheckpointError::Malformed { file: file(), problem });
    }
    Ok(HEADER as u64 + length)
}

fn decode(path: &Path, payload: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let malformed = |problem: String| CheckpointError::Malformed { file: path.into(), problem };
    let (spec, body): (String, Body) =
        postcard::from_bytes(payload).map_err(|error| malformed(error.to_string()))?;
    let spec: Spec = serde_json::from_str(&spec).map_err(|error| malformed(error.to_string()))?;
    spec.validate().map_err(|source| CheckpointError::Spec { file: path.into(), source })?;
    // Checked before a network is built from the spec: the payload must be large enough for its
    // weights. [`Checkpoint::check_network`] compares the shapes.
    let input = body.network.layers.first().map(Layer::input);
    let parameters = |input| -> Result<u64, ArchitectureError> {
        spec.layers.parse::<Architecture>()?.parameters(input)
    };
    let promised = input.map(parameters);
    let found = payload.len() as u64 / 4;
    match promised {
        Some(Ok(promised)) if promised <= found => {}
        Some(Err(error)) => return Err(malformed(error.to_string())),
        _ => return Err(malformed("its spec requires more weights than it has".into())),
    }
    Ok(Checkpoint { spec, body, refused: None })
}
