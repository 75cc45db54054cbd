//! The readers of model files never panic, and a model that was read is written identically again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::model::Model;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    for name in ["model.safetensors", "model.json"] {
        let file = Path::new(name);
        if let Ok(model) = Model::from_bytes(file, bytes) {
            let written = model.to_bytes(file).expect("what was read can be written");
            let again = Model::from_bytes(file, &written).expect("what was written can be read");
            assert_eq!(again.to_bytes(file).expect("as before"), written);
        }
    }
});
