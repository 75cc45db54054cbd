//! Data sets in files: one module per format, and the table of them. A format is recognised by the
//! content of a file, never by its name; names only say which part of a data set a file is.

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
mod part;
mod parts;
mod pickle;
mod pictures;
mod predictions;
mod shades;
mod source;
mod thrift;
mod unpickle;

pub use idx_files::FILE_NAMES;
pub use options::OpenOptions;
pub use predictions::Predictions;

use super::{DataError, Dataset};
use classes::{names_by_line, names_by_mapping};
use parts::Parts;
use source::Source;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The formats that can be read, for errors and help.
pub const READABLE: &str = "IDX files, .npz or .npy arrays, CSV, parquet, CIFAR batches, the book's \
     mnist.pkl.gz, or folders of pictures (CLASS/*.png, train/CLASS/*.jpg)";

/// A format of files.
struct Format {
    /// Whether a file is of this format.
    recognises: fn(&Source) -> bool,
    /// Reads one data set from files of this format that are in the same directory.
    read: fn(&[Source], &OpenOptions) -> Result<Parts, DataError>,
    /// Which of the files beside a given one belong to the same data set.
    beside: fn(&Source, Vec<Source>) -> Vec<Source>,
}

/// A file that is given is the whole data set.
fn alone(given: &Source, _: Vec<Source>) -> Vec<Source> {
    vec![given.clone()]
}

/// All files of the format are one data set.
fn all(_: &Source, beside: Vec<Source>) -> Vec<Source> {
    beside
}

static FORMATS: [Format; 7] = [
    Format {
        recognises: idx_files::recognises,
        read: idx_files::read,
        beside: idx_files::of_the_same_set,
    },
    Format { recognises: npz::recognises, read: npz::read, beside: alone },
    Format { recognises: npz::recognises_npy, read: npz::read_npy, beside: all },
    Format { recognises: parquet_images::recognises, read: parquet_images::read, beside: alone },
    Format { recognises: pickle::recognises, read: pickle::read, beside: alone },
    Format { recognises: cifar::recognises, read: cifar::read, beside: all },
    Format { recognises: csv::recognises, read: csv::read, beside: alone },
];

/// Maximum number of files of a directory that are looked at.
const MOST_FILES: usize = 4096;
/// How deep below a directory its files are looked for, such as torchvision's `MNIST/raw`.
const MOST_DEPTH: usize = 3;
/// The name of every class, one a line, in order of its label.
const CLASSES_FILE: &str = "classes.txt";
/// Names of the classes in other data sets.
const OTHER_CLASSES_FILES: [&str; 3] =
    ["batches.meta.txt", "fine_label_names.txt", "class_names.txt"];
/// Maximum number of bytes read of a file of class names.
const MOST_CLASSES_BYTES: u64 = 64 << 10;

impl Dataset {
    /// Reads a data set from a file or a directory, in whatever format it is.
    ///
    /// If there is no validation or test part, it is split off deterministically. [`Dataset::notes`]
    /// lists what was assumed or left out.
    ///
    /// # Errors
    /// If nothing is there, or it is no data set, damaged or oversized; the error names the file
    /// and what would be right.
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

/// The path's own name, also for `.` and paths that end in `..`.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    whole.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into())
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<(Parts, PathBuf), DataError> {
    let source = Source::open(path)?;
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let Some(format) = FORMATS.iter().find(|format| (format.recognises)(&source)) else {
        return Err(foreign::told(&source).unwrap_or(DataError::NoDataSet { dir: path.into() }));
    };
    let beside: Vec<Source> =
        sources(&dir)?.into_iter().filter(|other| (format.recognises)(other)).collect();
    let chosen = (format.beside)(&source, beside);
    Ok(((format.read)(&chosen, options)?, dir))
}

fn open_directory(dir: &Path, options: &OpenOptions) -> Result<(Parts, PathBuf), DataError> {
    // The error for a file given by mistake, used if no data set is found.
    let mut foreign = None;
    let mut level = vec![dir.to_owned()];
    for depth in 0..=MOST_DEPTH {
        let mut below = Vec::new();
        for dir in level {
            let found = sources(&dir)?;
            if let Some(parts) = open_sources(&found, options, &mut foreign)? {
                return Ok((parts, dir));
            }
            if let Some(root) = folder::root_of(&dir) {
                return Ok((folder::read(&root, options)?, dir));
            }
            if depth < MOST_DEPTH {
                below.extend(directories(&dir));
            }
        }
        level = below;
    }
    Err(foreign.unwrap_or(DataError::NoDataSet { dir: dir.into() }))
}

/// Reads the files of the first format that any of them has.
fn open_sources(
    found: &[Source],
    options: &OpenOptions,
    foreign: &mut Option<DataError>,
) -> Result<Option<Parts>, DataError> {
    for format in &FORMATS {
        let mut chosen: Vec<Source> =
            found.iter().filter(|source| (format.recognises)(source)).cloned().collect();
        if chosen.is_empty() {
            continue;
        }
        chosen.sort_by(|a, b| a.path.cmp(&b.path));
        return match (format.read)(&chosen, options) {
            Ok(parts) => Ok(Some(parts)),
            // The missing half may be there as a web page or an LFS pointer.
            Err(DataError::Missing { dir, name, beside }) => {
                let stem = name.trim_end_matches(".gz");
                let wrong = found.iter().find(|source| source.name().contains(stem));
                let told = wrong.and_then(foreign::told);
                Err(told.unwrap_or(DataError::Missing { dir, name, beside }))
            }
            Err(error) => Err(error),
        };
    }
    if foreign.is_none() {
        *foreign = found.iter().find_map(foreign::told);
    }
    Ok(None)
}

/// The files of a directory that are not hidden, with how they begin.
fn sources(dir: &Path) -> Result<Vec<Source>, DataError> {
    let wrap = |source| DataError::Read { file: dir.into(), source };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && !path.is_file() && !path.is_dir() && path.exists() {
            // Reading from a pipe in the place of a data file would block forever.
            let source = std::io::Error::other("is not a regular file");
            return Err(DataError::Read { file: path, source });
        }
        if !hidden && path.is_file() {
            paths.push(path);
            if paths.len() >= MOST_FILES {
                break;
            }
        }
    }
    paths.sort_unstable();
    // An unreadable file is reported when it is needed.
    Ok(paths.iter().filter_map(|path| Source::open(path).ok()).collect())
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

/// The names of the classes in a file of their own: `classes.txt`, CIFAR's or EMNIST's.
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
    let read = reader.take(MOST_CLASSES_BYTES).read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        // A directory of that name.
        Err(_) if file.is_dir() => Ok(None),
        Err(source) => Err(DataError::Read { file: file.into(), source }),
    }
}
