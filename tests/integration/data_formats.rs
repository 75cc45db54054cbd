//! Data sets written by other programs: every format is read as its writer meant it.
//!
//! The expected content (`tests/inputs`) was determined with pandas, numpy, Pillow and torchvision
//! when the files were created.
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::needless_for_each,
    reason = "short tables and checksums, for a test"
)]

use nntop::data::{DataError, Dataset, Images, OpenOptions};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

fn input(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs").join(name)
}

fn open_with(path: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    Dataset::open(path, options)
}

fn open(path: &Path) -> Dataset {
    open_with(path, &OpenOptions::default()).unwrap()
}

fn sha(parts: &[&Images]) -> String {
    let mut digest = Sha256::new();
    parts.iter().for_each(|images| digest.update(&images.pixels));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Number of images of each class in all parts.
fn per_class(data: &Dataset) -> Vec<usize> {
    let labels = [&data.train, &data.validation, &data.test].map(|images| &images.labels);
    let count =
        |class| labels.iter().flat_map(|l| l.iter()).filter(|&&l| usize::from(l) == class).count();
    (0..data.classes.len()).map(count).collect()
}

fn size(images: &Images) -> (usize, usize, usize) {
    (images.width, images.height, images.channels)
}

#[test]
fn keras_npz_is_read_like_numpy() {
    let data = open(&input("layouts/mnist.npz"));
    assert_eq!(size(&data.train), (28, 28, 1));
    let train = sha(&[&data.train, &data.validation]);
    assert_eq!(train, "a6e63d7ec24c0ad438d4cde232c245fc13cb64e37e17c5bc4a6ad9d8635af916");
    assert_eq!(
        sha(&[&data.test]),
        "a73db54553e31bf0dececcf1dbf9f2120052ca14ef92944b22d3479459c11779"
    );
    assert_eq!(data.train.labels[..4], [1, 1, 7, 4]);
    assert_eq!(data.test.labels[..4], [1, 1, 6, 4]);
}

#[test]
fn kaggle_csv_is_read_with_and_without_a_header() {
    let npz = open(&input("layouts/mnist.npz"));
    let dir = tempfile::tempdir().unwrap();
    let mut table = String::from("label");
    (0..784).for_each(|at| table += &format!(",pixel{at}"));
    let mut rows = String::new();
    for images in [&npz.train, &npz.validation] {
        for at in 0..images.len() {
            rows += &format!("\n{}", images.labels[at]);
            images.image(at).iter().for_each(|pixel| rows += &format!(",{pixel}"));
        }
    }
    let all: Vec<u8> = [&npz.train.pixels[..], &npz.validation.pixels].concat();
    for (name, text) in [("train.csv", table + &rows), ("no-header", rows.trim_start().to_owned())]
    {
        fs::write(dir.path().join(name), text).unwrap();
        let data = open(&dir.path().join(name));
        let mut found: Vec<&[u8]> = Vec::new();
        for images in [&data.train, &data.validation, &data.test] {
            found.extend((0..images.len()).map(|at| images.image(at)));
        }
        let mut expected: Vec<&[u8]> = all.chunks(784).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert!(found == expected, "{name}: the same images in all parts together");
        assert!(data.notes.iter().any(|note| note.contains("no test images")), "{:?}", data.notes);
    }
    fs::remove_file(dir.path().join("no-header")).unwrap();
    fs::copy(input("layouts/kaggle-test.csv"), dir.path().join("test.csv")).unwrap();
    // Its second line is truncated: only complete lines are a table.
    let text = fs::read_to_string(dir.path().join("test.csv")).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let row = vec!["0"; header.len()].join(",");
    fs::write(dir.path().join("test.csv"), format!("{}\n{row}\n", header.join(","))).unwrap();
    let data = open(dir.path());
    assert!(
        data.notes.iter().any(|note| note.contains("test.csv was skipped")),
        "{:?}",
        data.notes
    );
}

#[test]
fn hugging_face_parquet_is_read_with_class_names() {
    let grey = open(&input("layouts/train-00000-of-00001.parquet"));
    assert_eq!(size(&grey.train), (28, 28, 1));
    assert_eq!(per_class(&grey), [14, 13, 9, 12, 12, 11, 10, 9, 14, 16]);
    assert_eq!(grey.classes[9], "9");
    let first = Sha256::digest(grey.train.image(0));
    let first: String = first.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(first, "1698c489120ec25f711b0eeb96fe14de1bda9c3b0cac98eebc94330cf3ac78de");
    let colour = open(&input("layouts/rgb-test-00000-of-00001.parquet"));
    assert_eq!(size(&colour.train), (32, 32, 3));
    assert_eq!(per_class(&colour), [3, 4, 8, 8, 8, 5, 4, 5, 8, 7]);
    assert_eq!(colour.classes[..2], ["arrow", "bar"]);
}

#[test]
fn pickled_and_binary_cifar_batches_have_the_same_images() {
    for name in ["cifar-10-batches-py", "cifar-10-batches-bin"] {
        let data = open(&input("layouts").join(name));
        assert_eq!(size(&data.train), (32, 32, 3), "{name}");
        let all = sha(&[&data.train, &data.validation, &data.test]);
        assert_eq!(
            all, "bc0398cf7f7347d52d519dcd386fde284c5f9099e9b179f56c2ef453ef27a720",
            "{name}"
        );
        assert_eq!(data.train.labels[..5], [4, 8, 4, 5, 9]);
        assert_eq!(per_class(&data), [0, 0, 3, 5, 5, 2, 2, 3, 5, 5]);
        assert_eq!(data.classes[..3], ["arrow", "bar", "circle"]);
        assert_eq!(data.test.len(), 6);
    }
}

#[test]
fn a_folder_of_pictures_is_read_and_damaged_ones_are_reported() {
    let folder = input("imagefolder");
    let data = open(&folder);
    let classes =
        ["arrow", "bar", "circle", "cross", "diamond", "ring", "square", "star", "tee", "triangle"];
    assert_eq!(data.classes, classes);
    // Without circle/20.png, which is truncated, and ring/._00.png, which is hidden.
    assert_eq!(per_class(&data), [20; 10]);
    assert_eq!(data.train.channels, 3);
    let reported = data.notes.join("; ");
    assert!(reported.contains("circle/20.png") && reported.contains("were resized"), "{reported}");
    assert_eq!(data, open(&folder), "the parts are the same each time");
    for images in [&data.validation, &data.test] {
        assert!(data.classes.iter().zip(0..).all(|(_, class)| images.labels.contains(&class)));
    }
    let options = OpenOptions { size: Some((16, 12)), ..OpenOptions::default() };
    let small = open_with(&folder, &options).unwrap();
    assert_eq!(size(&small.test), (16, 12, 3));
}

#[test]
fn pictures_of_the_right_size_are_unchanged() {
    // arrow/00.png has 32×32 pixels; the expected values come from PIL's convert("RGB").
    let expected = "2ddc50fd1de188ec53153a708711a455b8e7b44f4f74cc1f36028c95a27b77da";
    let options = OpenOptions { size: Some((32, 32)), ..OpenOptions::default() };
    let data = open_with(&input("imagefolder"), &options).unwrap();
    let found = [&data.train, &data.validation, &data.test].into_iter().any(|images| {
        (0..images.len()).any(|at| {
            let digest = Sha256::digest(images.image(at));
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == expected
        })
    });
    assert!(found);
}

#[test]
fn train_and_test_folders_and_other_layouts_are_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let to = dir.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(input("imagefolder").join(from), to).unwrap();
    };
    for (class, number) in
        [("bar", 0), ("bar", 1), ("bar", 2), ("ring", 0), ("ring", 1), ("ring", 2)]
    {
        let part = if number == 2 { "test" } else { "train" };
        // As archives are unpacked: everything in one more folder.
        copy(
            &format!("{class}/{number:02}.{}", if number == 1 { "jpg" } else { "png" }),
            &format!("set/{part}/{class}/{number}.img"),
        );
    }
    let data = open(dir.path());
    assert_eq!(data.classes, ["bar", "ring"]);
    assert_eq!(data.test.labels, [0, 1]);
    assert_eq!(data.train.len() + data.validation.len(), 4);
}

#[test]
fn data_sets_of_users_are_read() {
    for case in ["gz-named-plain", "plain-named-gz", "kaggle-archive", "qmnist"] {
        let data = open(&input("data").join(case));
        assert!(!data.train.is_empty() && !data.test.is_empty(), "{case}");
    }
    let letters = open(&input("data/letters-classes"));
    assert_eq!(letters.classes.len(), 4);
    assert_eq!(letters.train.labels.iter().min(), Some(&0));
    let qmnist = open(&input("data/qmnist"));
    let plain = open(&input("data/kaggle-archive"));
    assert_eq!(qmnist.train.labels, plain.train.labels, "the first field is the class");
}

/// The error of a truncated file, for any length.
fn damaged_everywhere(name: &str, original: &Path) {
    let whole = fs::read(original).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    for percent in 0..100 {
        fs::write(&file, &whole[..whole.len() * percent / 100]).unwrap();
        match open_with(&file, &OpenOptions::default()) {
            Ok(_) => panic!("{name}: {percent}% of it was read"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(name), "{percent}%: {text}");
            }
        }
    }
}

#[test]
fn truncated_files_of_every_format_are_rejected() {
    damaged_everywhere("mnist.npz", &input("layouts/mnist.npz"));
    damaged_everywhere("train.parquet", &input("layouts/train-00000-of-00001.parquet"));
    damaged_everywhere("rgb.parquet", &input("layouts/rgb-test-00000-of-00001.parquet"));
    damaged_everywhere("data_batch_1", &input("layouts/cifar-10-batches-py/data_batch_1"));
}

#[test]
fn flipped_bytes_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    for original in [
        "layouts/mnist.npz",
        "layouts/rgb-test-00000-of-00001.parquet",
        "layouts/cifar-10-batches-py/test_batch",
    ] {
        let whole = fs::read(input(original)).unwrap();
        let file = dir.path().join("data");
        for at in (0..whole.len()).step_by(whole.len() / 150) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xff;
            fs::write(&file, &flipped).unwrap();
            let _ = open_with(&file, &OpenOptions::default());
        }
    }
}
