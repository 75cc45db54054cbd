//! A checkpoint that was changed and then sealed again with the right length and checksum, as
//! somebody does who means harm, makes nobody panic and asks for no more memory than it fills.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, Images};
use nntop::spec::Spec;
use nntop::train::{Checkpoint, CheckpointPolicy, LAST, RunHandle, RunOptions};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Magic number, version, length, SHA-256.
const HEADER: usize = 8 + 4 + 8 + 32;

/// The payload of a sound checkpoint, and a file to write changed ones to.
fn sound() -> &'static (Vec<u8>, PathBuf) {
    static SOUND: OnceLock<(Vec<u8>, PathBuf)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory").keep();
        let images = |count: usize| Images {
            width: 3,
            height: 2,
            pixels: (0..count * 6).map(|at| (at * 37 % 251) as u8).collect(),
            labels: (0..count).map(|at| (at % 2) as u8).collect(),
        };
        let data = Dataset {
            name: "small".into(),
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
        (bytes[HEADER..].to_vec(), dir.join("changed.ckpt"))
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (payload, file) = sound();
    let mut payload = payload.clone();
    // Each change is a place, how many bytes go there, and what comes in their place.
    for change in bytes.chunks(5) {
        let [low, high, gone, come, byte] = *change else { break };
        let at = usize::from(u16::from_le_bytes([low, high])) % (payload.len() + 1);
        let end = (at + usize::from(gone % 9)).min(payload.len());
        payload.splice(at..end, std::iter::repeat_n(byte, usize::from(come % 9)));
    }
    let mut sealed = b"NNTOPCKP".to_vec();
    sealed.extend(1_u32.to_le_bytes());
    sealed.extend((payload.len() as u64).to_le_bytes());
    sealed.extend(Sha256::digest(&payload));
    sealed.extend(payload);
    fs::write(file, sealed).expect("room for it");
    if let Ok(checkpoint) = Checkpoint::load(file) {
        let _ = (checkpoint.position(), checkpoint.network().inputs(), checkpoint.epochs().last());
    }
});
