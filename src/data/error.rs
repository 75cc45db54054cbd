//! Errors of reading a data set.

use std::io;
use std::path::PathBuf;

/// Why a data set cannot be read: the file, the problem, and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(
        "{}: cannot be opened: {source}; give a directory that holds a data set, or a data file ({})",
        path.display(), crate::data::READABLE
    )]
    Open { path: PathBuf, source: io::Error },
    #[error(
        "{}: contains no data set; give a directory or a file of one of these kinds: {}",
        dir.display(), crate::data::READABLE
    )]
    NoDataSet { dir: PathBuf },
    #[error(
        "{}: holds no file {name} (nor {name}.gz), which belongs to {}",
        dir.display(), beside.display()
    )]
    Missing { dir: PathBuf, name: String, beside: PathBuf },
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error(
        "{}: starts with {found:#010x}, not with {expected:#010x}, so it is not an IDX file of {content}",
        file.display()
    )]
    Magic { file: PathBuf, found: u32, expected: u32, content: &'static str },
    #[error(
        "{}: its numbers are little-endian, but IDX files are big-endian: write them again with `>i4`",
        file.display()
    )]
    LittleEndian { file: PathBuf },
    #[error("{}: ends after {found} bytes, but its header declares {expected}: truncated; fetch it again", file.display())]
    Truncated { file: PathBuf, found: u64, expected: u64 },
    #[error("{}: has more than the {expected} bytes declared in its header; fetch it again", file.display())]
    Oversized { file: PathBuf, expected: u64 },
    #[error(
        "{}: its header declares {value} {what}; the allowed range is 1 to {limit}",
        file.display()
    )]
    Dimension { file: PathBuf, what: &'static str, value: u32, limit: u32 },
    #[error(
        "{}: needs {bytes} bytes for its pixels, but at most {limit} are read; make the images smaller with --size, or use fewer",
        file.display()
    )]
    TooLarge { file: PathBuf, bytes: u64, limit: u64 },
    #[error("{} has {images} images, but {} has {labels} labels; the counts must be equal", image_file.display(), label_file.display())]
    Counts { image_file: PathBuf, images: usize, label_file: PathBuf, labels: usize },
    #[error(
        "{}: image {index} has label {label}, outside the {classes} classes of this data set; \
         labels are numbered without gaps from 0 (or 1), or every class is named in classes.txt, one per line",
        file.display()
    )]
    Label { file: PathBuf, index: usize, label: String, classes: usize },
    #[error(
        "{}: its images are {}×{} pixels, but those for training are {}×{}; give --size {}x{} to bring both to one size",
        file.display(), found.0, found.1, expected.0, expected.1, expected.0, expected.1
    )]
    Sizes { file: PathBuf, found: (usize, usize), expected: (usize, usize) },
    #[error("{}: {problem}; it should name each class on a line of its own, at most 256 of them", file.display())]
    Classes { file: PathBuf, problem: String },
    #[error("{}: has {classes} classes, but at most 256 are supported", file.display())]
    TooManyClasses { file: PathBuf, classes: usize },
    #[error("{}: is a damaged {format} file: {problem}; fetch it or write it again", file.display())]
    Damaged { file: PathBuf, format: &'static str, problem: String },
    /// An intact file of a known format that lacks images or labels, or has them in an unsupported
    /// layout.
    #[error("{}: {problem}; {advice}", file.display())]
    Unsuitable { file: PathBuf, problem: String, advice: String },
    /// A file of a known kind that is not a data set.
    #[error("{}: is {what}, not a data set; {advice}", file.display())]
    Foreign { file: PathBuf, what: String, advice: String },
}
