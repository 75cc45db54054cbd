//! Recognises files given by mistake, to explain what they are and what to do.

use super::source::Source;
use crate::data::DataError;
use Recognises::{Magic, Test};

/// A kind of file that is not a data set.
struct Known {
    recognises: Recognises,
    what: &'static str,
    advice: &'static str,
}

enum Recognises {
    /// The file starts with one of these.
    Magic(&'static [&'static [u8]]),
    Test(fn(&Source) -> bool),
}

const fn known(recognises: Recognises, what: &'static str, advice: &'static str) -> Known {
    Known { recognises, what, advice }
}

const TO_NPZ: &str = "write its arrays as .npz: `numpy.savez('data.npz', x=images, y=labels)`";

/// Offset of the magic `ustar` in a tar archive.
const USTAR: usize = 257;

/// The first that recognises a file counts.
static KNOWN: [Known; 17] = [
    known(
        Test(is_html),
        "a web page (HTML)",
        "the download was an error or a login page: fetch the file itself again",
    ),
    known(
        Magic(&[b"version https://git-lfs"]),
        "a Git LFS pointer",
        "the content was not fetched: run `git lfs install` and `git lfs pull` in that repository",
    ),
    known(
        Test(|source| source.head.get(USTAR..USTAR + 5) == Some(b"ustar")),
        "a tar archive",
        "unpack it with `tar xf` and give the directory",
    ),
    known(
        Test(is_torch_zip),
        "a PyTorch file (.pt or .pth)",
        "data are given as .npz: `numpy.savez('data.npz', x=images, y=labels)`; weights go to `nntop predict` and others as .safetensors",
    ),
    known(
        Magic(&[b"PK\x03\x04", b"PK\x05\x06"]),
        "a zip archive",
        "unpack it with `unzip` and give the directory",
    ),
    known(
        Magic(&[b"7z\xbc\xaf\x27\x1c"]),
        "a 7z archive",
        "unpack it with `7z x` and give the directory",
    ),
    known(
        Magic(&[b"Rar!\x1a\x07"]),
        "a RAR archive",
        "unpack it with `unrar x` and give the directory",
    ),
    known(Magic(&[b"BZh"]), "compressed with bzip2", "unpack it with `bunzip2`"),
    known(Magic(&[b"\xfd7zXZ\0"]), "compressed with xz", "unpack it with `unxz`"),
    known(Magic(&[b"\x28\xb5\x2f\xfd"]), "compressed with zstd", "unpack it with `unzstd`"),
    known(Magic(&[b"\x89HDF\r\n\x1a\n"]), "an HDF5 file", TO_NPZ),
    known(
        Magic(&[b"MATLAB 5.0 MAT-file"]),
        "a MATLAB file",
        "write its arrays as .npz with `scipy.io.loadmat` and `numpy.savez('data.npz', x=images, y=labels)`; EMNIST is also offered as IDX files",
    ),
    known(
        Magic(&[b"ARROW1", b"\xff\xff\xff\xff"]),
        "an Arrow file",
        "write it as parquet: `dataset.to_parquet('train.parquet')`",
    ),
    known(
        Magic(&[b"SQLite format 3\0"]),
        "an SQLite database",
        "write its images as a folder of pictures or as .npz",
    ),
    known(
        Magic(&[b"%PDF-"]),
        "a PDF document",
        "turn its pages into pictures, such as with `pdftoppm -png`",
    ),
    known(
        Test(is_pickle),
        "a Python pickle, which may run code when Python loads it and is not run here",
        "write its arrays as .npz: `numpy.savez('data.npz', x=images, y=labels)`; the only supported pickles are CIFAR-10's batches and the book's mnist.pkl.gz",
    ),
    known(Test(|source| source.len == 0), "an empty file", "fetch it again"),
];

impl Known {
    fn recognises(&self, source: &Source) -> bool {
        match self.recognises {
            Magic(magics) => magics.iter().any(|magic| source.head.starts_with(magic)),
            Test(test) => test(source),
        }
    }
}

fn is_html(source: &Source) -> bool {
    let text = String::from_utf8_lossy(&source.head).trim_start().to_lowercase();
    let text = text.trim_start_matches('\u{feff}');
    ["<!doctype html", "<html", "<head", "<?xml"].iter().any(|tag| text.starts_with(tag))
}

/// Whether a zip archive starts with the files of `torch.save`.
fn is_torch_zip(source: &Source) -> bool {
    let head = &source.head;
    let named = |name: &[u8]| head.windows(name.len()).take(200).any(|part| part == name);
    head.starts_with(b"PK\x03\x04") && (named(b"/data.pkl") || named(b"/.format_version"))
}

/// Whether a file starts like a pickle of protocol 2 or newer.
pub(super) fn is_pickle(source: &Source) -> bool {
    matches!(source.head[..], [0x80, 2..=5, ..])
}

/// The error for a file of a known kind that is not a data set.
pub(super) fn error_for(source: &Source) -> Option<DataError> {
    let known = KNOWN.iter().find(|known| known.recognises(source))?;
    let mut what = known.what.to_owned();
    if source.gzipped && source.len > 0 {
        what = format!("{what}, gzipped");
    }
    Some(DataError::Foreign { file: source.path.clone(), what, advice: known.advice.to_owned() })
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
            let error = error_for(&Source::open(&file).unwrap()).unwrap().to_string();
            assert!(error.contains("train-images-idx3-ubyte"), "{error}");
            assert!(error.contains(what) && error.contains(advice), "{error}");
        }
        let file = dir.path().join("text");
        fs::write(&file, "just text").unwrap();
        assert!(error_for(&Source::open(&file).unwrap()).is_none());
    }
}
