//! Damaged and malicious files of every format of data sets, models and pictures: each is rejected
//! with an error that names it, with little memory, and never with a panic.

use crate::small_data::{small_data, write_idx};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use nntop::data::{Dataset, OpenOptions, PredictedDataset, Scan};
use nntop::model::Model;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn input(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Opens a data set or model with one of its files truncated at every hundredth of its length.
/// Errors must name the file. Returns the number of errors.
fn truncated(file: &Path, mut open: impl FnMut() -> Result<(), String>) -> usize {
    let whole = fs::read(file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let mut refused = 0;
    for percent in 0..100 {
        fs::write(file, &whole[..whole.len() * percent / 100]).unwrap();
        if let Err(error) = open() {
            assert!(error.lines().count() == 1, "{name} at {percent}%: {error}");
            refused += 1;
        }
    }
    fs::write(file, &whole).unwrap();
    refused
}

fn data(path: &Path) -> Result<(), String> {
    let options = OpenOptions::default();
    Dataset::open(path, &options).map(drop).map_err(|error| error.to_string())
}

#[test]
fn truncated_data_sets_are_rejected() {
    for (set, file, least) in [
        ("data/gz-named-plain", "train-images-idx3-ubyte", 100),
        ("data/plain-named-gz", "train-labels-idx1-ubyte.gz", 100),
        ("data/qmnist", "t10k-labels-idx1-ubyte", 100),
        ("layouts/cifar-10-batches-bin", "data_batch_1.bin", 90),
    ] {
        let dir = tempfile::tempdir().unwrap();
        copy_all(&input(set), dir.path());
        assert_eq!(data(dir.path()), Ok(()), "{set}");
        let refused = truncated(&dir.path().join(file), || data(dir.path()));
        assert!(refused >= least, "{set}: {refused}");
    }
    // A text table that ends after a complete line is still valid.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("train.csv");
    let row = |label: usize| format!("{label},{}\n", vec!["7"; 16].join(","));
    fs::write(&file, (0..40).map(|at| row(at % 3)).collect::<String>()).unwrap();
    assert!(truncated(&file, || data(&file)) >= 60);
}

#[test]
fn truncated_pictures_in_a_folder_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(dir.path().join(class)).unwrap();
        for at in 0..3 {
            let pixels: Vec<u8> = (0..64).map(|pixel| pixel * (at + 1)).collect();
            let mut png = Vec::new();
            PngEncoder::new(&mut png).write_image(&pixels, 8, 8, ExtendedColorType::L8).unwrap();
            fs::write(dir.path().join(class).join(format!("{at}.png")), png).unwrap();
        }
    }
    let mut left_out = 0;
    let open = || {
        let data = Dataset::open(dir.path(), &OpenOptions::default()).unwrap();
        left_out += usize::from(data.notes.iter().any(|note| note.contains("1.png was skipped")));
        Ok(())
    };
    truncated(&dir.path().join("a/1.png"), open);
    assert!(left_out >= 90, "{left_out}");
}

#[test]
fn truncated_predictions_models_and_pictures_are_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str| {
        let file = dir.path().join(Path::new(from).file_name().unwrap());
        fs::copy(input(from), &file).unwrap();
        file
    };
    for name in ["predictions/said.npz", "predictions/said.parquet"] {
        let file = copy(name);
        let open = || {
            let opened = PredictedDataset::open(&file, &OpenOptions::default());
            opened.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(truncated(&file, open), 100, "{name}");
    }
    for name in ["models/torch-linear.safetensors", "models/f16-meta.safetensors"] {
        let file = copy(name);
        let open = || Model::load(&file).map(drop).map_err(|error| error.to_string());
        assert_eq!(truncated(&file, open), 100, "{name}");
    }
    let sizes: Vec<Vec<f64>> = vec![vec![0.25; 9]; 2];
    let json = format!(
        r#"{{"sizes":[9,2],"weights":[{sizes:?}],"biases":[[[0],[0]]],"cost":"CrossEntropyCost"}}"#
    );
    let file = dir.path().join("network2");
    fs::write(&file, json).unwrap();
    let open = || Model::load(&file).map(drop).map_err(|error| error.to_string());
    assert_eq!(truncated(&file, open), 100);
    for name in ["pictures/seven.png", "pictures/seven-grey-1px-frame.png"] {
        let file = copy(name);
        let open = || Scan::open(&file).map(drop).map_err(|error| error.to_string());
        assert!(truncated(&file, open) >= 90, "{name}");
    }
}

/// Limit of a command's address space in KiB: what the program maps at its start plus 400 MB.
const ADDRESS_SPACE_KIB: u32 = 700_000;

#[track_caller]
fn refused(arguments: &[&str], says: &str) {
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_nntop")]).args(arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.contains(says) && !error.contains("panicked"), "{arguments:?}: {error}");
}

/// An array as numpy would write it.
fn npy(shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), body].concat()
}

#[test]
fn false_sizes_allocate_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let set = small_data();
    write_idx(
        &set.path().join("train-images-idx3-ubyte"),
        &[0x803, 1_000_000, 1000, 1000],
        &[7; 64],
    );
    refused(&["data", text(set.path())], "train-images-idx3-ubyte");
    for (name, shape) in [("wide", "(1, 30000, 30000)"), ("many", "(900000, 28, 28)")] {
        let folder = at(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("x.npy"), npy(shape, &[1; 500])).unwrap();
        fs::write(folder.join("y.npy"), npy("(900000,)", &vec![1; 900_000])).unwrap();
        refused(&["data", text(&folder)], "x.npy");
    }
    // A parquet file that announces more metadata than it contains.
    let mut parquet = fs::read(input("layouts/train-00000-of-00001.parquet")).unwrap();
    let end = parquet.len() - 8;
    parquet[end..end + 4].copy_from_slice(&60_000_000_u32.to_le_bytes());
    fs::write(at("lying.parquet"), parquet).unwrap();
    refused(&["data", text(&at("lying.parquet"))], "lying.parquet");
    fs::write(at("lying.safetensors"), (1_u64 << 40).to_le_bytes()).unwrap();
    refused(&["eval", text(&at("lying.safetensors"))], "lying.safetensors");
}

/// A PNG picture of a single shade: few bytes, many pixels.
fn plain_png(side: u32) -> Vec<u8> {
    let mut png = Vec::new();
    let pixels = vec![0; (side * side) as usize];
    PngEncoder::new(&mut png).write_image(&pixels, side, side, ExtendedColorType::L8).unwrap();
    png
}

#[test]
fn decompression_bombs_are_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let zeros = vec![0; 1 << 20];
    // gzip: 700 MB of a complete data set.
    let gzipped = at("gzipped");
    fs::create_dir(&gzipped).unwrap();
    let mut packer = GzEncoder::new(
        File::create(gzipped.join("train-images-idx3-ubyte")).unwrap(),
        Compression::fast(),
    );
    for word in [0x803_u32, 936_228, 28, 28] {
        packer.write_all(&word.to_be_bytes()).unwrap();
    }
    (0..701).for_each(|_| packer.write_all(&zeros).unwrap());
    packer.finish().unwrap();
    write_idx(&gzipped.join("train-labels-idx1-ubyte"), &[0x801, 936_228], &vec![0; 936_228]);
    refused(&["data", text(&gzipped)], "decompression bomb");
    // npz: an archive of the same.
    let file = at("bomb.npz");
    let mut archive = zip::ZipWriter::new(File::create(&file).unwrap());
    let deflated = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    for (name, header, megabytes) in
        [("x.npy", npy("(700, 1024, 1024)", &[]), 700), ("y.npy", npy("(700,)", &[0; 700]), 0)]
    {
        archive.start_file(name, deflated).unwrap();
        archive.write_all(&header).unwrap();
        (0..megabytes).for_each(|_| archive.write_all(&zeros).unwrap());
    }
    archive.finish().unwrap();
    refused(&["data", text(&file)], "decompression bomb");
    // parquet: one picture of 1024 × 1024 pixels 100,000 times, in 15 KB.
    refused(&["data", text(&input("bombs/bomb.parquet"))], "bomb.parquet");
    refused(&["browse", "--predictions", text(&input("bombs/bomb.parquet"))], "bomb.parquet");
    // PNG: in a folder, and as a single file.
    let folder = at("folder");
    for class in ["a", "b"] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for index in 0..40 {
            fs::write(folder.join(class).join(format!("{index}.png")), plain_png(4000)).unwrap();
        }
    }
    refused(&["data", text(&folder)], "--size");
    fs::write(at("large.png"), plain_png(9000)).unwrap();
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/reader.safetensors");
    refused(&["predict", text(&reader), text(&at("large.png"))], "at most 50 million");
}
