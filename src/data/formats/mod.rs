//! Data set files: one module per format, and the table of formats. A format is recognised by
//! content, never by file name; names only indicate the split.

mod arrays;
mod cache;
mod cifar;
mod classes;
mod csv;
mod folder;
mod foreign;
pub mod idx;
mod idx_files;
mod npy;
mod npz;
mod options;
mod parquet;
mod parquet_images;
mod pickle;
mod pictures;
mod predictions;
mod shades;
mod source;
mod split_images;
mod splits;
mod thrift;
mod unpickle;

pub(crate) use foreign::mistaken_for_model;
pub use idx_files::FILE_NAMES;
pub use options::OpenOptions;
pub use predictions::PredictedDataset;

use super::{DataError, Dataset};
use classes::{names_by_line, names_by_mapping};
use source::SourceFile;
use splits::Splits;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The supported formats, for errors and help.
pub const READABLE: &str = "IDX files, .npz or .npy arrays, CSV, parquet, CIFAR batches, the book's \
     mnist.pkl.gz, or folders of pictures (CLASS/*.png, train/CLASS/*.jpg)";

/// A file format.
struct DataFormat {
    /// Whether a file has this format.
    recognises: fn(&SourceFile) -> bool,
    /// Reads one data set from files of this format in one directory.
    read: fn(&[SourceFile], &OpenOptions) -> Result<Splits, DataError>,
    /// Selects, among the files beside a given one, those of the same data set.
    beside: fn(&SourceFile, Vec<SourceFile>) -> Vec<SourceFile>,
}

/// The given file is the whole data set.
fn alone(given: &SourceFile, _: Vec<SourceFile>) -> Vec<SourceFile> {
    vec![given.clone()]
}

/// All files of the format form one data set.
fn all(_: &SourceFile, beside: Vec<SourceFile>) -> Vec<SourceFile> {
    beside
}

static FORMATS: [DataFormat; 7] = [
    DataFormat {
        recognises: idx_files::recognises,
        read: idx_files::read,
        beside: idx_files::of_the_same_set,
    },
    DataFormat { recognises: npz::recognises, read: npz::read, beside: alone },
    DataFormat { recognises: npz::recognises_npy, read: npz::read_npy, beside: all },
    DataFormat {
        recognises: parquet_images::recognises,
        read: parquet_images::read,
        beside: alone,
    },
    DataFormat { recognises: pickle::recognises, read: pickle::read, beside: alone },
    DataFormat { recognises: cifar::recognises, read: cifar::read, beside: all },
    DataFormat { recognises: csv::recognises, read: csv::read, beside: alone },
];

/// Maximum number of files of a directory that are examined.
const MAX_FILES: usize = 4096;
/// Maximum depth of the search below a directory, for layouts such as torchvision's `MNIST/raw`.
const MAX_DEPTH: usize = 3;
/// Name of the file of class names, one per line, in order of the labels.
const CLASSES_FILE: &str = "classes.txt";
/// Names of such files in other data sets.
const OTHER_CLASSES_FILES: [&str; 3] =
    ["batches.meta.txt", "fine_label_names.txt", "class_names.txt"];
/// Maximum size of a file of class names in bytes.
const MAX_CLASSES_BYTES: u64 = 64 << 10;

impl Dataset {
    /// Reads a data set from a file or a directory in any supported format.
    ///
    /// Missing validation or test images are split off the training images deterministically.
    /// [`Dataset::notes`] lists what was assumed or skipped.
    ///
    /// # Errors
    /// If the path does not exist, or is not a data set, damaged or too large; the error names the
    /// file and a remedy.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        let about =
            fs::metadata(path).map_err(|source| DataError::Open { path: path.into(), source })?;
        let (parts, dir) =
            if about.is_dir() { open_directory(path, options)? } else { open_file(path, options)? };
        let mut parts = parts;
        if let Some(names) = class_names(&dir)? {
            parts.classes = Some(names);
        }
        parts.finish(name_of(path), options)
    }
}

/// The last component of a path, also for `.` and paths ending in `..`.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    whole.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into())
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<(Splits, PathBuf), DataError> {
    let source = SourceFile::open(path)?;
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let Some(format) = FORMATS.iter().find(|format| (format.recognises)(&source)) else {
        return Err(
            foreign::error_for(&source).unwrap_or(DataError::NoDataSet { dir: path.into() })
        );
    };
    let beside: Vec<SourceFile> =
        sources(&dir)?.into_iter().filter(|other| (format.recognises)(other)).collect();
    let chosen = (format.beside)(&source, beside);
    Ok(((format.read)(&chosen, options)?, dir))
}

fn open_directory(dir: &Path, options: &OpenOptions) -> Result<(Splits, PathBuf), DataError> {
    // The error for a file given by mistake, used if no data set is found.
    let mut foreign = None;
    let mut level = vec![dir.to_owned()];
    for depth in 0..=MAX_DEPTH {
        let mut below = Vec::new();
        for dir in level {
            let found = sources(&dir)?;
            if let Some(parts) = open_sources(&found, options, &mut foreign)? {
                return Ok((parts, dir));
            }
            if let Some(root) = folder::root_of(&dir) {
                return Ok((folder::read(&root, options)?, dir));
            }
            if depth < MAX_DEPTH {
                below.extend(directories(&dir));
            }
        }
        level = below;
    }
    Err(foreign.unwrap_or(DataError::NoDataSet { dir: dir.into() }))
}

/// Reads the files of the first format for which there are any.
fn open_sources(
    found: &[SourceFile],
    options: &OpenOptions,
    foreign: &mut Option<DataError>,
) -> Result<Option<Splits>, DataError> {
    for format in &FORMATS {
        let mut chosen: Vec<SourceFile> =
            found.iter().filter(|source| (format.recognises)(source)).cloned().collect();
        if chosen.is_empty() {
            continue;
        }
        chosen.sort_by(|a, b| a.path.cmp(&b.path));
        return match (format.read)(&chosen, options) {
            Ok(parts) => Ok(Some(parts)),
            // The missing file may exist, but be a web page or an LFS pointer.
            Err(DataError::Missing { dir, name, beside }) => {
                let stem = name.trim_end_matches(".gz");
                let wrong = found.iter().find(|source| source.name().contains(stem));
                let error = wrong.and_then(foreign::error_for);
                Err(error.unwrap_or(DataError::Missing { dir, name, beside }))
            }
            Err(error) => Err(error),
        };
    }
    if foreign.is_none() {
        *foreign = found.iter().find_map(foreign::error_for);
    }
    Ok(None)
}

/// The non-hidden files of a directory with their first bytes.
fn sources(dir: &Path) -> Result<Vec<SourceFile>, DataError> {
    let wrap = |source| DataError::Read { file: dir.into(), source };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && !path.is_file() && !path.is_dir() && path.exists() {
            // Reading a named pipe would block forever.
            let source = std::io::Error::other("is not a regular file");
            return Err(DataError::Read { file: path, source });
        }
        if !hidden && path.is_file() {
            paths.push(path);
            if paths.len() >= MAX_FILES {
                break;
            }
        }
    }
    paths.sort_unstable();
    // Unreadable files are skipped; one that is needed is reported as missing.
    Ok(paths.iter().filter_map(|path| SourceFile::open(path).ok()).collect())
}

fn directories(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    dirs.retain(|path| {
        path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
    });
    dirs.sort_unstable();
    dirs
}

/// The class names in a separate file: `classes.txt`, CIFAR's or EMNIST's.
fn class_names(dir: &Path) -> Result<Option<Vec<String>>, DataError> {
    if let Some(text) = text_of(&dir.join(CLASSES_FILE))? {
        return names_by_line(&dir.join(CLASSES_FILE), &text).map(Some);
    }
    for name in OTHER_CLASSES_FILES {
        if let Some(text) = text_of(&dir.join(name))? {
            return names_by_line(&dir.join(name), &text).map(Some);
        }
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut mappings: Vec<PathBuf> = entries
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains("mapping"))
        })
        .collect();
    mappings.sort_unstable();
    for path in mappings {
        if let Some(names) = text_of(&path)?.as_deref().and_then(names_by_mapping) {
            return Ok(Some(names));
        }
    }
    Ok(None)
}

fn text_of(file: &Path) -> Result<Option<String>, DataError> {
    use std::io::Read;
    let reader = match fs::File::open(file) {
        Ok(reader) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataError::Read { file: file.into(), source }),
    };
    let mut bytes = Vec::new();
    let read = reader.take(MAX_CLASSES_BYTES).read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        // A directory with that name.
        Err(_) if file.is_dir() => Ok(None),
        Err(source) => Err(DataError::Read { file: file.into(), source }),
    }
}
