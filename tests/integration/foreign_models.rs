//! Models of other programs and modified models: they are read, with notes about assumptions, or
//! rejected.

use nntop::data::Dataset;
use nntop::model::{LoadOptions, Model};
use std::path::{Path, PathBuf};
use std::process::Command;

fn input(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/models").join(name)
}

/// Fraction of the first 500 test images of MNIST that is classified correctly.
fn accuracy(model: &Model) -> f64 {
    let test = Dataset::embedded().test;
    let first = test.select(&(0..500).collect::<Vec<_>>());
    model.evaluate(&first).accuracy.unwrap()
}

#[test]
fn models_without_metadata_are_read_with_notes() {
    // Weights in this program's order and in PyTorch's.
    for name in ["edited-nometa.safetensors", "torch-linear.safetensors"] {
        let (model, notes) = Model::load_with(&input(name), &LoadOptions::default()).unwrap();
        assert_eq!((model.spec().layers.as_str(), model.image), ("784,30,10", (28, 28)));
        assert!(notes.iter().any(|note| note.contains("sigmoid")), "{notes:?}");
        assert!(accuracy(&model) > 0.9, "{name}");
    }
}

#[test]
fn half_floats_are_read() {
    let model = Model::load(&input("f16-meta.safetensors")).unwrap();
    assert!(accuracy(&model) > 0.9);
}

#[test]
fn nan_weights_are_an_error() {
    let file = input("nan-weight.safetensors");
    let error = Model::load(&file).unwrap_err().to_string();
    assert!(error.contains("NaN") && error.contains("layers."), "{error}");
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/imagefolder/bar/00.png");
    let output = Command::new(env!("CARGO_BIN_EXE_nntop"))
        .args(["predict", file.to_str().unwrap(), picture.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "no digit");
    assert!(String::from_utf8_lossy(&output.stderr).contains("layers."));
}
