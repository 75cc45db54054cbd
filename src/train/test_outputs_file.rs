//! A file with a network's outputs for the test images, so that a run that has ended is evaluated
//! only once.
//!
//! `NNTOPOUT`, SHA-256 of the rest, then postcard. A file that is damaged, or belongs to another
//! network or other images, is ignored.

use super::checkpoint::Checkpoint;
use crate::data::Dataset;
use crate::files::atomic;
use crate::nn::Real;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"NNTOPOUT";
const HEADER: usize = 8 + 32;
/// Maximum size of a file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
struct SavedOutputs {
    /// Hash of weights and images.
    key: [u8; 32],
    outputs: Array2<Real>,
}

/// The file that belongs to a checkpoint directory.
pub(super) fn file_beside(checkpoints: &Path) -> PathBuf {
    checkpoints.join("test-outputs")
}

/// Hashes the weights, biases and images that the outputs depend on.
fn key(checkpoint: &Checkpoint, data: &Dataset) -> [u8; 32] {
    let mut hash = Sha256::new();
    for layer in &checkpoint.network().layers {
        for (name, array) in layer.parameters() {
            hash.update(name.as_bytes());
            array.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
    }
    hash.update(checkpoint.spec.layers.as_bytes());
    hash.update(&data.test.labels);
    hash.update(&data.test.pixels);
    hash.finalize().into()
}

/// Writes outputs of shape (test images, outputs).
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(
    file: &Path,
    checkpoint: &Checkpoint,
    data: &Dataset,
    outputs: ArrayView2<Real>,
) -> io::Result<()> {
    let saved = SavedOutputs { key: key(checkpoint, data), outputs: outputs.to_owned() };
    let payload = postcard::to_stdvec(&saved).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&Sha256::digest(&payload));
    bytes.extend_from_slice(&payload);
    atomic::write_unsynced(file, &bytes)
}

/// Reads the saved outputs of this network for these images, if any.
pub(super) fn read(file: &Path, checkpoint: &Checkpoint, data: &Dataset) -> Option<Array2<Real>> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let payload = bytes.strip_prefix(MAGIC)?;
    let (digest, payload) = payload.split_at_checked(32)?;
    if digest != &Sha256::digest(payload)[..] {
        return None;
    }
    let SavedOutputs { key: of, outputs } = postcard::from_bytes(payload).ok()?;
    let shape = (data.test.len(), checkpoint.network().outputs());
    (of == key(checkpoint, data) && outputs.dim() == shape).then_some(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::testing::{dataset, spec};
    use crate::spec::{Spec, build};

    fn checkpoint(seed: u64) -> Checkpoint {
        let (data, spec) = (dataset(), Spec { seed, ..spec() });
        Checkpoint::start(spec.clone(), build(&spec, &data).unwrap(), &data)
    }

    #[test]
    fn outputs_are_read_only_for_the_same_network_and_images() {
        let dir = tempfile::tempdir().unwrap();
        let file = file_beside(dir.path());
        let data = dataset();
        let outputs = Array2::from_shape_fn((60, 3), |(row, column)| (3 * row + column) as Real);
        assert_eq!(read(&file, &checkpoint(1), &data), None);
        write(&file, &checkpoint(1), &data, outputs.view()).unwrap();
        assert_eq!(read(&file, &checkpoint(1), &data), Some(outputs));
        assert_eq!(read(&file, &checkpoint(2), &data), None, "another network");
        let mut other = dataset();
        other.test.pixels[5] ^= 1;
        assert_eq!(read(&file, &checkpoint(1), &other), None, "other images");
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(read(&file, &checkpoint(1), &data), None, "changed");
        std::fs::write(&file, &bytes[..20]).unwrap();
        assert_eq!(read(&file, &checkpoint(1), &data), None, "torn");
    }
}
