//! Recognises files given by mistake as a data set or a model, to explain what they are and what to do.

use super::source::SourceFile;
use crate::data::{DataError, decode};
use Recognizer::{Magic, Test};
use std::path::Path;

/// A kind of file that is neither a data set nor a model.
struct ForeignKind {
    recognises: Recognizer,
    what: &'static str,
    /// What to do if it was given as a data set.
    advice: &'static str,
    /// What to do if it was given as a model.
    model_advice: &'static str,
}

enum Recognizer {
    /// The file starts with one of these.
    Magic(&'static [&'static [u8]]),
    Test(fn(&SourceFile) -> bool),
}

const fn known(
    recognises: Recognizer,
    what: &'static str,
    advice: &'static str,
    model_advice: &'static str,
) -> ForeignKind {
    ForeignKind { recognises, what, advice, model_advice }
}

const FETCH_AGAIN: &str = "the download was an error or a login page: fetch the file itself again";
const FETCH_WITH_LFS: &str =
    "the content was not fetched: run `git lfs install` and `git lfs pull` in that repository";
const UNPACK: &str = "unpack it and give the model in it";
const NO_WEIGHTS: &str = "models are .safetensors files, and .json files of the book's network2.py";
const TO_SAFETENSORS: &str = "save its weights as .safetensors: `from safetensors.torch import \
                              save_file; save_file(model.state_dict(), 'model.safetensors')`";
const ARRAYS_TO_SAFETENSORS: &str = "save its arrays as .safetensors: `from safetensors.numpy import \
                                     save_file; save_file({'fc1.weight': w}, 'model.safetensors')`";
const MODEL_FIRST: &str = "the model comes first, then pictures: `nntop predict MODEL PICTURE`";

const TO_NPZ: &str = "write its arrays as .npz: `numpy.savez('data.npz', x=images, y=labels)`";

/// Offset of the magic `ustar` in a tar archive.
const USTAR: usize = 257;

/// In order of precedence: the first one that recognises a file is used.
static KNOWN: [ForeignKind; 17] = [
    known(Test(is_html), "a web page (HTML)", FETCH_AGAIN, FETCH_AGAIN),
    known(
        Magic(&[b"version https://git-lfs"]),
        "a Git LFS pointer",
        FETCH_WITH_LFS,
        FETCH_WITH_LFS,
    ),
    known(
        Test(|source| source.head.get(USTAR..USTAR + 5) == Some(b"ustar")),
        "a tar archive",
        "unpack it with `tar xf` and give the directory",
        UNPACK,
    ),
    known(
        Test(is_torch_zip),
        "a PyTorch file (.pt or .pth)",
        "data are given as .npz: `numpy.savez('data.npz', x=images, y=labels)`; weights go to `nntop predict` and others as .safetensors",
        TO_SAFETENSORS,
    ),
    known(
        Magic(&[b"PK\x03\x04", b"PK\x05\x06"]),
        "a zip archive",
        "unpack it with `unzip` and give the directory",
        UNPACK,
    ),
    known(
        Magic(&[b"7z\xbc\xaf\x27\x1c"]),
        "a 7z archive",
        "unpack it with `7z x` and give the directory",
        UNPACK,
    ),
    known(
        Magic(&[b"Rar!\x1a\x07"]),
        "a RAR archive",
        "unpack it with `unrar x` and give the directory",
        UNPACK,
    ),
    known(
        Magic(&[b"BZh"]),
        "compressed with bzip2",
        "unpack it with `bunzip2`",
        "unpack it with `bunzip2`",
    ),
    known(
        Magic(&[b"\xfd7zXZ\0"]),
        "compressed with xz",
        "unpack it with `unxz`",
        "unpack it with `unxz`",
    ),
    known(
        Magic(&[b"\x28\xb5\x2f\xfd"]),
        "compressed with zstd",
        "unpack it with `unzstd`",
        "unpack it with `unzstd`",
    ),
    known(Magic(&[b"\x89HDF\r\n\x1a\n"]), "an HDF5 file", TO_NPZ, ARRAYS_TO_SAFETENSORS),
    known(
        Magic(&[b"MATLAB 5.0 MAT-file"]),
        "a MATLAB file",
        "write its arrays as .npz with `scipy.io.loadmat` and `numpy.savez('data.npz', x=images, y=labels)`; EMNIST is also offered as IDX files",
        ARRAYS_TO_SAFETENSORS,
    ),
    known(
        Magic(&[b"ARROW1", b"\xff\xff\xff\xff"]),
        "an Arrow file",
        "write it as parquet: `dataset.to_parquet('train.parquet')`",
        NO_WEIGHTS,
    ),
    known(
        Magic(&[b"SQLite format 3\0"]),
        "an SQLite database",
        "write its images as a folder of pictures or as .npz",
        NO_WEIGHTS,
    ),
    known(
        Magic(&[b"%PDF-"]),
        "a PDF document",
        "turn its pages into pictures, such as with `pdftoppm -png`",
        NO_WEIGHTS,
    ),
    known(
        Test(is_pickle),
        "a Python pickle, which may run code when Python loads it and is not run here",
        "write its arrays as .npz: `numpy.savez('data.npz', x=images, y=labels)`; the only supported pickles are CIFAR's batches, the book's mnist.pkl.gz and dictionaries of arrays",
        TO_SAFETENSORS,
    ),
    known(Test(|source| source.len == 0), "an empty file", "fetch it again", "fetch it again"),
];

/// Kinds of files that are not models, though some of them are data sets or pictures.
static NO_MODELS: [ForeignKind; 5] = [
    known(Test(|source| decode::is_picture(&source.head)), "a picture", "", MODEL_FIRST),
    known(Test(is_npz), "a NumPy archive (.npz)", "", ARRAYS_TO_SAFETENSORS),
    known(Magic(&[b"\x93NUMPY"]), "a NumPy array (.npy)", "", ARRAYS_TO_SAFETENSORS),
    known(Magic(&[b"GGUF"]), "a GGUF file, which holds a language model", "", NO_WEIGHTS),
    known(Test(is_onnx), "an ONNX model", "", TO_SAFETENSORS),
];

impl ForeignKind {
    fn recognises(&self, source: &SourceFile) -> bool {
        match self.recognises {
            Magic(magics) => magics.iter().any(|magic| source.head.starts_with(magic)),
            Test(test) => test(source),
        }
    }
}

fn is_html(source: &SourceFile) -> bool {
    let text = String::from_utf8_lossy(&source.head).trim_start().to_lowercase();
    let text = text.trim_start_matches('\u{feff}');
    ["<!doctype html", "<html", "<head", "<?xml"].iter().any(|tag| text.starts_with(tag))
}

/// Whether a zip archive starts with the files of `torch.save`.
fn is_torch_zip(source: &SourceFile) -> bool {
    let head = &source.head;
    let named = |name: &[u8]| head.windows(name.len()).take(200).any(|part| part == name);
    head.starts_with(b"PK\x03\x04") && (named(b"/data.pkl") || named(b"/.format_version"))
}

/// Whether a zip archive starts with an array of NumPy.
fn is_npz(source: &SourceFile) -> bool {
    let name = source.head.get(30..).unwrap_or_default();
    let named = name.windows(4).take(100).any(|part| part == b".npy");
    source.head.starts_with(b"PK\x03\x04") && named
}

/// Whether a file starts with the first fields of an ONNX `ModelProto`: the version of ONNX's
/// intermediate representation (3 to 15), and the name of the program that wrote it.
fn is_onnx(source: &SourceFile) -> bool {
    matches!(source.head.as_slice(), [8, 3..=15, 0x12, length, name @ ..]
        if name.iter().take(usize::from(*length)).all(u8::is_ascii_graphic))
}

/// Whether a file starts like a pickle of protocol 2 or newer.
pub(super) fn is_pickle(source: &SourceFile) -> bool {
    matches!(source.head[..], [0x80, 2..=5, ..])
}

/// The error for a file of a known kind that is not a data set.
pub(super) fn error_for(source: &SourceFile) -> Option<DataError> {
    let known = KNOWN.iter().find(|known| known.recognises(source))?;
    let mut what = known.what.to_owned();
    if source.gzipped && source.len > 0 {
        what = format!("{what}, gzipped");
    }
    Some(DataError::Foreign { file: source.path.clone(), what, advice: known.advice.to_owned() })
}

/// Describes a file of a known kind that was given as a model by mistake, with advice.
pub fn mistaken_for_model(file: &Path) -> Option<(&'static str, &'static str)> {
    let source = SourceFile::open(file).ok()?;
    let known = NO_MODELS.iter().chain(&KNOWN).find(|known| known.recognises(&source))?;
    Some((known.what, known.model_advice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_given_by_mistake_are_errors_with_advice() {
        let mut tar = vec![0; 512];
        tar[USTAR..USTAR + 5].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str, &str); 8] = [
            (b"\n  <!DOCTYPE html><html>", "HTML", "fetch"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer", "git lfs pull"),
            (b"PK\x03\x04....", "zip archive", "unzip"),
            (&tar, "tar archive", "tar xf"),
            (b"\x80\x04\x95....", "pickle", "savez"),
            (b"\x89HDF\r\n\x1a\n", "HDF5", "savez"),
            (b"\xfd7zXZ\0", "xz", "unxz"),
            (b"", "empty", "again"),
        ];
        let dir = tempfile::tempdir().unwrap();
        for (bytes, what, advice) in cases {
            let file = dir.path().join("train-images-idx3-ubyte");
            fs::write(&file, bytes).unwrap();
            let error = error_for(&SourceFile::open(&file).unwrap()).unwrap().to_string();
            assert!(error.contains("train-images-idx3-ubyte"), "{error}");
            assert!(error.contains(what) && error.contains(advice), "{error}");
        }
        for (bytes, what, advice) in [
            (b"PK\x03\x04....model/data.pkl".as_slice(), "PyTorch", "save_file(model.state_dict()"),
            (b"\x80\x02ctorch._utils\n", "pickle", "save_file"),
            (b"\x89HDF\r\n\x1a\n", "HDF5", "safetensors.numpy"),
            (b"<html>", "HTML", "fetch"),
            (b"\x89PNG\r\n\x1a\n", "picture", "nntop predict MODEL PICTURE"),
            (b"RIFF....WEBPVP8L", "picture", "nntop predict MODEL PICTURE"),
            (b"PK\x03\x04..........................w.npy", ".npz", "safetensors.numpy"),
            (b"\x08\x08\x12\x07pytorch\x1a\x05", "ONNX", "save_file"),
        ] {
            let file = dir.path().join("model");
            fs::write(&file, bytes).unwrap();
            let (found, remedy) = mistaken_for_model(&file).unwrap();
            assert!(found.contains(what) && remedy.contains(advice), "{found}; {remedy}");
        }
        let file = dir.path().join("text");
        fs::write(&file, "just text").unwrap();
        assert!(error_for(&SourceFile::open(&file).unwrap()).is_none());
        assert!(mistaken_for_model(&file).is_none());
    }
}
