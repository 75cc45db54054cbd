//! Pictures as users provide them, in `tests/inputs/pictures`: `predict` and `read` must agree on
//! each.

use super::reader;
use nntop::data::Scan;
use nntop::model::Model;
use nntop::reading::{read, recognize};
use std::path::Path;

#[test]
fn every_case_is_predicted_and_read() {
    let model = Model::load(&reader()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/pictures");
    for (file, digit) in [
        ("seven.png", "7"),
        ("seven-grey-1px-frame.png", "7"),
        ("seven-see-through-margin.png", "7"),
        ("seven-sheet-on-table-noise0.png", "7"),
        ("zero-sheet-on-table-photo.jpg", "0"),
        ("one-cropped-to-its-ink.png", "1"),
        ("seven-ruled-photo.jpg", "7"),
        ("seven-notebook-205.png", "7"),
        ("seven-in-a-box.png", "7"),
        ("zero-hand-shadow.jpg", "0"),
        ("seven-dark-webcam.jpg", "7"),
    ] {
        let scan = Scan::open(&folder.join(file)).unwrap();
        let found = recognize(&model, &scan).unwrap();
        assert_eq!((found.answer.name.as_str(), found.digits), (digit, 1), "predict {file}");
        let reading = read(&model, &scan).unwrap();
        let lines: Vec<String> =
            reading.lines.iter().map(|line| line.segmentations[0].text()).collect();
        assert_eq!(lines, [digit], "read {file}");
    }
}
