//! Recognises files given by mistake, to explain what they are and what to do.

use super::source::Source;
use crate::data::DataError;

/// A kind of file that is not a data set.
struct Known {
    recognises: fn(&Source) -> bool,
    what: &'static str,
    advice: &'static str,
}

/// Offset of the magic `ustar` in a tar archive.
const USTAR: usize = 257;

static KNOWN: [Known; 17] = [
    Known {
        recognises: |source| {
            let text = String::from_utf8_lossy(&source.head).trim_start().to_lowercase();
            let text = text.trim_start_matches('\u{feff}');
            ["<!doctype html", "<html", "<head", "<?xml"].iter().any(|tag| text.starts_with(tag))
        },
        what: "a web page (HTML)",
        advice: "the download was an error or a login page: fetch the file itself again",
    },
    Known {
        recognises: |source| starts(source, b"version https://git-lfs"),
        what: "a Git LFS pointer",
        advice: "the content was not fetched: run `git lfs install` and `git lfs pull` in that repository",
    },
    Known {
        recognises: |source| source.head.get(USTAR..USTAR + 5) == Some(b"ustar"),
        what: "a tar archive",
        advice: "unpack it with `tar xf` and give the directory",
    },
    Known {
        recognises: |source| is_torch_zip(source),
        what: "a PyTorch file (.pt or .pth)",
        advice: "data are given as .npz: `numpy.savez('data.npz', x=images, y=labels)`; weights go to `nntop predict` and others as .safetensors",
    },
    Known {
        recognises: |source| starts(source, b"PK\x03\x04") || starts(source, b"PK\x05\x06"),
        what: "a zip archive",
        advice: "unpack it with `unzip` and give the directory",
    },
    Known {
        recognises: |source| starts(source, b"7z\xbc\xaf\x27\x1c"),
        what: "a 7z archive",
        advice: "unpack it with `7z x` and give the directory",
    },
    Known {
        recognises: |source| starts(source, b"Rar!\x1a\x07"),
        what: "a RAR archive",
        advice: "unpack it with `unrar x` and give the directory",
    },
    Known {
        recognises: |source| starts(source, b"BZh"),
        what: "compressed with bzip2",
        advice: "unpack it with `bunzip2`",
    },
    Known {
        recognises: |source| starts(source, b"\xfd7zXZ\0"),
        what: "compressed with xz",
        advice: "unpack it with `unxz`",
    },
    Known {
        recognises: |source| starts(source, b"\x28\xb5\x2f\xfd"),
        what: "compressed with zstd",
        advice: "unpack it with `unzstd`",
    },
    Known {
        recognises: |source| starts(source, b"\x89HDF\r\n\x1a\n"),
        what: "an HDF5 file",
        advice: "write its arrays as .npz: `numpy.savez('data.npz', x=images, y=labels)`",
    },
    Known {
        recognises: |source| starts(source, b"MATLAB 5.0 MAT-file"),
        what: "a MATLAB file",
        advice: "write its arrays as .npz with `scipy.io.loadmat` and `numpy.savez('data.npz', x=images, y=labels)`; EMNIST is also offered as IDX files",
    },
    Known {
        recognises: |source| starts(source, b"ARROW1") || starts(source, b"\xff\xff\xff\xff"),
        what: "an Arrow file",
        advice: "write it as parquet: `dataset.to_parquet('train.parquet')`",
    },
    Known {
        recognises: |source| starts(source, b"SQLite format 3\0"),
        what: "an SQLite database",
        advice: "write its images as a folder of pictures or as .npz",
    },
    Known {
        recognises: |source| starts(source, b"%PDF-"),
        what: "a PDF document",
        advice: "turn its pages into pictures, such as with `pdftoppm -png`",
    },
    Known {
        recognises: |source| is_pickle(source),
        what: "a Python pickle, which may run code when Python loads it and is not run here",
        advice: "write its arrays as .npz: `numpy.savez('data.npz', x=images, y=labels)`; the only supported pickles are CIFAR-10's batches and the book's mnist.pkl.gz",
    },
    Known { recognises: |source| source.len == 0, what: "an empty file", advice: "fetch it again" },
];

fn starts(source: &Source, with: &[u8]) -> bool {
    source.head.starts_with(with)
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
    let known = KNOWN.iter().find(|known| (known.recognises)(source))?;
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
