//! Any picture is read or refused, and every digit that is found lies within the picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::Scan;
use nntop::model::Model;
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

fn check(bytes: &[u8]) {
    let Ok(scan) = Scan::read(bytes, "picture") else { return };
    let Ok(reading) = read(model(), &scan) else { return };
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
    // A file of any format.
    check(bytes);
    // A grey picture: its width, then its pixels, 16 shades in half a byte each.
    if let [width, rest @ ..] = bytes {
        let width = usize::from(*width).max(1);
        let height = 2 * rest.len() / width;
        let shades = rest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|shade| shade * 17);
        let mut picture = format!("P5 {width} {height} 255\n").into_bytes();
        picture.extend(shades.take(width * height));
        check(&picture);
    }
});
