//! Any picture is read, or refused, and every digit found lies within it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::Scan;
use nntop::model::Model;
use nntop::picture::Picture;
use nntop::reading::read;
use std::path::Path;
use std::sync::OnceLock;

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let weights: Vec<Vec<f64>> =
            (0..3).map(|unit| (0..25).map(|at| f64::from((unit + at) % 7) - 3.0).collect()).collect();
        let json = format!(
            r#"{{"sizes":[25,3],"weights":[{weights:?}],"biases":[[[0],[0],[0]]],"cost":"CrossEntropyCost"}}"#
        );
        Model::from_bytes(Path::new("model.json"), json.as_bytes()).expect("a sound model")
    })
}

fn check(picture: &Picture) {
    let Ok(reading) = read(model(), picture) else { return };
    for line in &reading.lines {
        for way in &line.segmentations {
            for digit in &way.digits {
                assert!(digit.left + digit.width <= reading.width);
                assert!(digit.top + digit.height <= reading.height);
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    // As a file.
    if let Ok(scan) = Scan::read(bytes, "picture") {
        check(&scan.picture);
    }
    // As bare pixels, a bit each.
    if let [width, rest @ ..] = bytes {
        let width = usize::from(*width).max(1);
        let mut ink: Vec<u8> =
            rest.iter().flat_map(|byte| (0..8).map(move |bit| (byte >> bit & 1) * 255)).collect();
        ink.truncate(ink.len() / width * width);
        let height = ink.len() / width;
        if height > 0 {
            check(&Picture { width, height, ink });
        }
    }
});
