//! `browse --predictions`: the misclassified images of any classifier, from files of other
//! programs.

use crate::terminal::Start;
use image::{Rgb, RgbImage};
use nntop::data::{OpenOptions, PredictedDataset};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn input(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/predictions").join(name)
}

/// Four colour pictures, two of which are misclassified.
fn table(dir: &Path) -> PathBuf {
    for (name, colour) in [("a", [200, 0, 0]), ("b", [0, 180, 0]), ("c", [0, 0, 220])] {
        RgbImage::from_pixel(8, 8, Rgb(colour)).save(dir.join(format!("{name}.png"))).unwrap();
    }
    let file = dir.join("said.csv");
    let text = "path,label,prediction,confidence\n\
                a.png,cat,cat,0.9\nb.png,dog,cat,0.75\nc.png,cat,dog,0.5\na.png,dog,dog,0.99\n";
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn misclassified_images_are_browsed_by_arrow_keys_in_colour() {
    let dir = tempfile::tempdir().unwrap();
    let file = table(dir.path());
    let start = Start::nntop(&["browse", "--predictions", file.to_str().unwrap()]);
    let mut terminal = start.env("COLORTERM", "truecolor").spawn();
    terminal.wait_until("the first misclassified image", |screen| {
        let text = screen.contents();
        text.contains("wrong · 1 of 2") && text.contains("cat, is dog")
    });
    let green = |colour: vt100::Color| colour == vt100::Color::Rgb(0, 180, 0);
    terminal.wait_until("its colour", |screen| {
        let (rows, columns) = screen.size();
        let (rows, columns) = (u16::from(rows), u16::from(columns));
        let mut cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        cells
            .any(|(row, column)| screen.cell(row, column).is_some_and(|cell| green(cell.fgcolor())))
    });
    terminal.type_keys("\x1b[C");
    terminal.wait_until("the second misclassified image", |screen| {
        let text = screen.contents();
        text.contains("wrong · 2 of 2") && text.contains("dog, is cat")
    });
    terminal.type_keys("5");
    terminal.wait_for("2 wrong of 4");
    terminal.type_keys("4");
    terminal.wait_for("wrong · 2 of 2");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
}

/// Files of pyarrow and numpy with 12 images: true labels, predictions, probabilities (NaN for
/// image 3), pictures.
#[test]
fn files_of_pyarrow_and_numpy_are_read_alike() {
    let open = |name| PredictedDataset::open(&input(name), &OpenOptions::default()).unwrap();
    let parquet = open("said.parquet");
    assert_eq!(parquet.data.classes, ["cup", "pen", "tie"]);
    assert_eq!(parquet.data.test.labels, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let answers = [0, 1, 0, 9, 1, 2, 0, 2, 2, 0, 1, 2].map(|class| (class < 9).then_some(class));
    assert_eq!(parquet.answers, answers);
    assert_eq!((parquet.data.test.width, parquet.data.test.channels), (6, 3));
    assert_eq!(parquet.data.test.image(5)[..3], [50, 0, 130]);
    // Pictures as plain bytes, as pandas writes them.
    let binary = open("binary.parquet");
    assert_eq!(binary.data.test.pixels, parquet.data.test.pixels);
    assert_eq!(binary.answers[..3], answers[..3]);
    let npz = open("said.npz");
    assert_eq!(npz.answers, answers);
    assert_eq!(npz.data.test.labels, parquet.data.test.labels);
    assert_eq!(npz.data.test.pixels, parquet.data.test.pixels);
    let near =
        npz.outputs.iter().zip(&parquet.outputs).all(|(a, b)| (a - b).abs() < 1e-6 || a.is_nan());
    assert!(near, "{:?} {:?}", npz.outputs, parquet.outputs);
}

fn refused(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_nntop")).arg("browse").args(arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    error
}

#[test]
fn invalid_predictions_are_reported() {
    assert!(refused(&[]).contains("<MODEL>"));
    assert!(refused(&["--predictions", "/no/such.csv"]).contains("/no/such.csv"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("said.csv");
    fs::write(&file, "name,size\na,1\n").unwrap();
    let error = refused(&["--predictions", file.to_str().unwrap()]);
    assert!(error.contains("no column of true labels") && error.contains("`label`"), "{error}");
    fs::write(&file, "label,prediction\n0,1\n").unwrap();
    let error = refused(&["--predictions", file.to_str().unwrap()]);
    assert!(error.contains("no terminal"), "{error}");
    let error = refused(&["--predictions", file.to_str().unwrap(), "model.safetensors"]);
    assert!(error.contains("cannot be used with"), "{error}");
}
