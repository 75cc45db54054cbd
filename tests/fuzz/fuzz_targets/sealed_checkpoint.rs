//! A checkpoint that was changed and given the right length and checksum again, as an attacker would
//! do, causes no panic and no allocation beyond what the file can fill.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, Images};
use nntop::spec::Spec;
use nntop::train::{Checkpoint, CheckpointPolicy, LAST, RunHandle, RunOptions};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Magic number and version.
const MAGIC: usize = 8 + 4;
/// The same, then the payload's length and its SHA-256.
const HEADER: usize = MAGIC + 8 + 32;

/// A sound checkpoint, and a file to write changed ones to.
fn sound() -> &'static (Vec<u8>, PathBuf) {
    static SOUND: OnceLock<(Vec<u8>, PathBuf)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory").keep();
        let images = |count: usize| Images {
            width: 3,
            height: 2,
            channels: 1,
            pixels: (0..count * 6).map(|at| (at * 37 % 251) as u8).collect(),
            labels: (0..count).map(|at| (at % 2) as u8).collect(),
        };
        let data = Dataset {
            name: "small".into(),
            notes: Vec::new(),
            classes: vec!["0".into(), "1".into()],
            train: images(8),
            validation: images(4),
            test: images(4),
        };
        let spec = Spec { layers: "6,3,2".into(), epochs: 2, batch: 4, ..Spec::default() };
        let policy = CheckpointPolicy { dir: dir.clone(), ..CheckpointPolicy::default() };
        let options = RunOptions {
            dataset: Some(Arc::new(data)),
            checkpoints: vec![policy],
            ..RunOptions::default()
        };
        RunHandle::spawn(spec, options).expect("a sound recipe").join();
        let bytes = fs::read(dir.join(LAST)).expect("a checkpoint at the end");
        (bytes, dir.join("changed.ckpt"))
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (checkpoint, file) = sound();
    let mut payload = checkpoint[HEADER..].to_vec();
    // Each change is a place, how many bytes are removed there, how many are inserted, and which.
    for change in bytes.chunks_exact(5) {
        let [low, high, removed, inserted, byte] = *change else { break };
        let at = usize::from(u16::from_le_bytes([low, high])) % (payload.len() + 1);
        let end = (at + usize::from(removed % 9)).min(payload.len());
        payload.splice(at..end, std::iter::repeat_n(byte, usize::from(inserted % 9)));
    }
    let mut sealed = checkpoint[..MAGIC].to_vec();
    sealed.extend((payload.len() as u64).to_le_bytes());
    sealed.extend(Sha256::digest(&payload));
    sealed.extend(payload);
    fs::write(file, sealed).expect("room for it");
    if let Ok(checkpoint) = Checkpoint::load(file) {
        let _ = (checkpoint.position(), checkpoint.network().inputs(), checkpoint.epochs().last());
    }
});
