use super::*;
use crate::model::Members;
use crate::spec::Spec;
use crate::spec::build::skeleton;
use proptest::prelude::*;

/// `#` is ink.
fn picture(rows: &[&str]) -> Picture {
    let ink = rows.iter().flat_map(|row| row.bytes().map(|c| if c == b'#' { 255 } else { 0 }));
    Picture { width: rows[0].len(), height: rows.len(), ink: ink.collect() }
}

/// A small untrained model with these class names.
fn model(names: &[&str]) -> Model {
    let spec = Spec { layers: format!("25,{}", names.len()), ..Spec::default() };
    let network = skeleton(&spec, (5, 5), 1, names.len()).unwrap();
    let classes = names.iter().map(|name| (*name).to_string()).collect();
    Model { members: Members::one(spec, network), image: (5, 5), channels: 1, classes, epoch: 0 }
}

/// Left and top of each digit of the best segmentation, line by line, if the network is equally
/// confident of all candidates.
fn positions(picture: &Picture) -> Vec<Vec<(u32, u32)>> {
    let model = model(&["0", "1"]);
    let sheet = PageCandidates::of(picture).unwrap();
    let outputs = vec![1.0, 0.0];
    let sure = Answer { answer: 0, name: "0".into(), strength: 1.0, outputs, votes: Vec::new() };
    let answers = vec![sure; sheet.images(model.image).len()];
    let reading = sheet.decide(&model, &answers);
    let best = |line: &ReadLine| {
        line.segmentations[0].digits.iter().map(|digit| (digit.left, digit.top)).collect()
    };
    reading.lines.iter().map(best).collect()
}

#[test]
fn digits_are_ordered_by_line_and_column() {
    let positions = positions(&picture(&[
        "................",
        ".###.....###....",
        ".#.#.....#.#....",
        ".#.#..#..#.#....",
        ".#.#..#..#.#....",
        ".###..#..###....",
        "......#.........",
        "......#.........",
        "................",
        "................",
        ".###...###......",
        ".#.#...#.#......",
        ".#.#...#.#......",
        ".#.#...#.#......",
        ".###...###......",
    ]));
    assert_eq!(positions, [vec![(1, 1), (6, 3), (9, 1)], vec![(1, 10), (7, 10)]]);
}

#[test]
fn strokes_above_each_other_are_one_digit_and_specks_are_ignored() {
    let positions = positions(&picture(&[
        "#####.........",
        "..............",
        "##............",
        "####.......##.",
        "...##.....####",
        "...##.....####",
        "####......####",
        "..............",
        "..#...........",
    ]));
    assert_eq!(positions, [[(0, 0), (10, 3)]]);
}

#[test]
fn the_class_none_is_never_predicted() {
    let model = model(&["7", "none", "8"]);
    let outputs = vec![0.1, 0.7, 0.2];
    let answer =
        Answer { answer: 1, name: "none".into(), strength: 0.7, outputs, votes: Vec::new() };
    let found = verdict(&model, &answer);
    assert_eq!((found.answer, found.name, found.second), (2, "8", Some(("none", 0.7))));
}

#[test]
fn large_and_small_writing_are_read_alike() {
    let small = picture(&["..........", ".####..#..", ".#..#..#..", ".####..#..", ".........."]);
    let large: Vec<u8> =
        (0..500 * 1000).map(|at| small.ink[at / 1000 / 100 * 10 + at % 1000 / 100]).collect();
    let large = Picture { width: 1000, height: 500, ink: large };
    let model = model(&["0", "1"]);
    let reading = read_picture(&model, &large).unwrap();
    assert_eq!((reading.shrunk, reading.width, reading.lines.len()), (10, 100, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_any_picture_are_within_it(
        width in 1_usize..40, height in 1_usize..24, seed: Vec<u8>,
    ) {
        let ink = (0..width * height).map(|at| seed.get(at % 97).copied().unwrap_or(0));
        let picture = Picture { width, height, ink: ink.collect() };
        let reading = read_picture(&model(&["0", "1"]), &picture).unwrap();
        prop_assert_eq!(reading.lines.is_empty(), picture.is_blank());
        for line in &reading.lines {
            prop_assert!(!line.segmentations.is_empty());
            for path in &line.segmentations {
                prop_assert_eq!(path.cuts.len() + 1, path.digits.len());
                let sum: f64 = path.digits.iter().map(|digit| digit.score).sum();
                prop_assert!((path.score - sum).abs() < 1e-9);
                for digit in &path.digits {
                    prop_assert!(digit.left + digit.width <= reading.width);
                    prop_assert!(digit.top + digit.height <= reading.height);
                }
            }
        }
    }
}
