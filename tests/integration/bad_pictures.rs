//! Every bad picture ends with an error that names it and says what would be valid, and takes no
//! more memory than a good one.

use super::reading::{compose::Composed, reader};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder, ImageFormat};
use nntop::data::Dataset;
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Address space in KiB that is enough for any valid picture, but not for decoding one of 100
/// million pixels.
const LITTLE_MEMORY: &str = "700000";

fn encoded(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A black square on white paper.
fn square() -> GrayImage {
    GrayImage::from_fn(64, 64, |x, y| {
        image::Luma([if (20..40).contains(&x) && (20..40).contains(&y) { 0 } else { 255 }])
    })
}

fn half(bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[..middle].to_vec()
}

fn nntop(command: &str, picture: &Path) -> Output {
    let arguments = [Path::new(command), &reader(), picture];
    Command::new(env!("CARGO_BIN_EXE_nntop")).args(arguments).output().unwrap()
}

/// The error of `command` for bad bytes, with exit code 2.
fn refused(command: &str, picture: &Path) -> String {
    let output = nntop(command, picture);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{command} {}: {error}", picture.display());
    assert!(output.stdout.is_empty() && !error.contains("panicked"), "{error}");
    error
}

#[test]
fn bad_pictures_are_named_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let plain = |shade| GrayImage::from_pixel(50, 40, image::Luma([shade]));
    let png = || encoded(&square(), ImageFormat::Png);
    for (name, bytes, right) in [
        ("empty.png", Vec::new(), "PNG, JPEG or PGM"),
        ("letter.png", b"Dear Sir or Madam".to_vec(), "PNG, JPEG or PGM"),
        ("torn.png", half(png()), "PNG, JPEG or PGM"),
        (
            "torn.jpg",
            half(encoded(&square(), ImageFormat::Jpeg))[..200].to_vec(),
            "PNG, JPEG or PGM",
        ),
        ("torn.pgm", b"P5 40 40 255\n1234".to_vec(), "PNG, JPEG or PGM"),
        ("nothing.pgm", b"P5 0 0 255\n".to_vec(), "give a"),
        ("pixel.pgm", b"P5 1 1 255\n7".to_vec(), "ink on paper"),
        ("pixel.png", encoded(&GrayImage::new(1, 1), ImageFormat::Png), "ink on paper"),
        ("white.png", encoded(&plain(255), ImageFormat::Png), "ink on paper"),
        ("black.jpg", encoded(&plain(0), ImageFormat::Jpeg), "ink on paper"),
        ("huge.pgm", b"P5 10000 10000 255\n".to_vec(), "at most 50 million"),
        ("endless.pgm", b"P5 4000000000 4000000000 255\n".to_vec(), "give a"),
    ] {
        let picture = dir.path().join(name);
        fs::write(&picture, bytes).unwrap();
        for command in ["predict", "read"] {
            let error = refused(command, &picture);
            assert!(error.contains(name) && error.contains(right), "{command} {name}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
    for picture in ["/no/such.png", dir.path().to_str().unwrap()] {
        assert!(refused("read", Path::new(picture)).contains(picture));
    }
}

#[test]
fn a_hundred_megapixels_are_rejected_with_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("huge.png");
    let encoder = PngEncoder::new_with_quality(
        File::create(&picture).unwrap(),
        CompressionType::Fast,
        FilterType::NoFilter,
    );
    let (width, height) = (10_000, 10_000);
    encoder.write_image(&vec![255; 100_000_000], width, height, ExtendedColorType::L8).unwrap();
    for command in ["predict", "read"] {
        let shell = "ulimit -v \"$0\" && exec \"$@\"";
        let output = Command::new("sh")
            .args(["-c", shell, LITTLE_MEMORY, env!("CARGO_BIN_EXE_nntop"), command])
            .args([&reader(), &picture])
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("huge.png: has 10000×10000 pixels"), "{error}");
    }
}

#[test]
fn a_bad_picture_does_not_affect_good_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.png"), dir.path().join("bad.png"));
    square().save(&good).unwrap();
    fs::write(&bad, b"").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
    let output = command.arg("predict").args([&reader(), &bad, &good]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("bad.png"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("good.png: "));
}

/// The output for a picture on standard input.
fn piped(arguments: &[&str], bytes: &[u8]) -> Output {
    let model = reader();
    let mut child = Command::new(env!("CARGO_BIN_EXE_nntop"))
        .arg(arguments[0])
        .arg(&model)
        .args(&arguments[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The process may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    child.wait_with_output().unwrap()
}

#[test]
fn a_picture_can_be_read_from_standard_input() {
    let line = Composed::of(&Dataset::embedded().test, 7);
    let digits: String = line.labels.iter().map(ToString::to_string).collect();
    let read = piped(&["read", "-"], &line.pgm());
    assert_eq!(String::from_utf8(read.stdout).unwrap(), format!("{digits}\n"));
    let json = piped(&["read", "-", "--json"], &line.pgm()).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["lines"][0], digits.as_str());
    let best = &json["segmentations"][0][0];
    assert_eq!((&best["text"], best["cuts"].as_array().unwrap().len()), (&json["lines"][0], 4));
    let scores: f64 =
        json["digits"].as_array().unwrap().iter().map(|d| d["score"].as_f64().unwrap()).sum();
    assert!((scores - best["score"].as_f64().unwrap()).abs() < 1e-9, "{json}");
    let shown = piped(&["read", "-", "--show"], &line.pgm()).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("Segmentations") && shown.contains(&format!("› {digits}")), "{shown}");
    let answer = piped(&["predict", "-"], &encoded(&square(), ImageFormat::Png));
    assert!(String::from_utf8(answer.stdout).unwrap().starts_with("-: "));
    let error = piped(&["predict", "-"], b"nonsense");
    assert_eq!(error.status.code(), Some(2));
    assert!(String::from_utf8(error.stderr).unwrap().contains("standard input"));
}
