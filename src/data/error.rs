//! What can be wrong with a data set's files.

use std::io;
use std::path::PathBuf;

/// Why a data set cannot be read: which file, what is wrong with it, what would be right.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{}: not a directory that can be read: {source}; give a directory that holds the four IDX files {names}", dir.display(), names = crate::data::FILE_NAMES.join(", "))]
    Directory { dir: PathBuf, source: io::Error },
    #[error("{}: holds no file {name} (nor {name}.gz); all four are needed: {names}", dir.display(), names = crate::data::FILE_NAMES.join(", "))]
    Missing { dir: PathBuf, name: &'static str },
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error(
        "{}: starts with {found:#010x}, not with {expected:#010x}, so it is no IDX file of {content}",
        file.display()
    )]
    Magic { file: PathBuf, found: u32, expected: u32, content: &'static str },
    #[error("{}: ends after {found} bytes, but its header promises {expected}: truncated; fetch it anew", file.display())]
    Truncated { file: PathBuf, found: u64, expected: u64 },
    #[error("{}: has more than the {expected} bytes that its header promises; fetch it anew", file.display())]
    Oversized { file: PathBuf, expected: u64 },
    #[error("{}: its header says {value} {what}, but from 1 to {limit} are possible", file.display())]
    Dimension { file: PathBuf, what: &'static str, value: u32, limit: u32 },
    #[error(
        "{}: its header promises {bytes} bytes of pixels, but at most {limit} are read",
        file.display()
    )]
    TooLarge { file: PathBuf, bytes: u64, limit: u64 },
    #[error("{} has {images} images, but {} has {labels} labels; the counts must be equal", image_file.display(), label_file.display())]
    Counts { image_file: PathBuf, images: usize, label_file: PathBuf, labels: usize },
    #[error(
        "{}: image {index} has label {label}, outside the {classes} classes of this data set; \
         labels are numbered without gaps from 0 (or 1), or every class is named in classes.txt, one a line",
        file.display()
    )]
    Label { file: PathBuf, index: usize, label: u8, classes: usize },
    #[error(
        "{}: its images are {}×{} pixels, but those for training are {}×{}; both must be of one size",
        file.display(), found.0, found.1, expected.0, expected.1
    )]
    Sizes { file: PathBuf, found: (usize, usize), expected: (usize, usize) },
    #[error("{}: {problem}; it should name each class on a line of its own, at most 256 of them", file.display())]
    Classes { file: PathBuf, problem: String },
}
