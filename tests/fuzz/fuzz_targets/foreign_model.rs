//! The reader of other programs' models never panics, whatever the load options are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::model::{LoadOptions, Model};
use std::fs;

const LAYERS: [Option<&str>; 4] =
    [None, Some("dense3-softmax2"), Some("conv2x3-pool2-dense4-softmax2"), Some("4,3,2")];

/// The first byte selects the layers, the second the other options.
fuzz_target!(|bytes: &[u8]| {
    let [layers, flags, rest @ ..] = bytes else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("model.safetensors");
    fs::write(&file, rest).expect("room for it");
    let options = LoadOptions {
        layers: LAYERS[usize::from(*layers) % LAYERS.len()].map(String::from),
        mean: if flags & 1 == 1 { vec![0.5] } else { Vec::new() },
        std: if flags & 2 == 2 { vec![0.25] } else { Vec::new() },
        size: (flags & 4 == 4).then_some((6, 6)),
        ..LoadOptions::default()
    };
    if let Ok((model, _)) = Model::load_with(&file, &options) {
        model.to_bytes(&file).expect("what was read can be written");
    }
});
