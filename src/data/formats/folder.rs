//! Folders of pictures, one per class, with or without a folder per split (`train/CLASS/*.png`,
//! `CLASS/*.jpg`), as in torchvision's ImageFolder.

use super::cache::{self, CacheKey};
use super::classes::MAX_CLASSES;
use super::options::OpenOptions;
use super::pictures::{PictureDimensions, SAMPLE, resized_note};
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::decode::{decode_file, is_picture};
use crate::data::{DataError, Images};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Maximum depth of pictures below their class folder, and of the root below the given folder.
const MAX_DEPTH: usize = 4;
/// Maximum number of files of a folder.
const MAX_FILES: usize = 10_000_000;
/// Number of files of a folder that are checked for pictures.
const SAMPLED: usize = 20;
/// Maximum number of unreadable pictures that are listed by name.
const MAX_LISTED: usize = 5;

/// The pictures of one split, by the name of their class.
type ClassFolders = BTreeMap<String, Vec<PathBuf>>;

/// The folder that contains the folders of classes or splits: `dir`, or its only subfolder (and so
/// on), as unpacked from an archive. `None` if there are no folders of pictures.
pub(super) fn root_of(dir: &Path) -> Option<PathBuf> {
    let mut root = dir.to_owned();
    for _ in 0..MAX_DEPTH {
        let folders = folders(&root).ok()?;
        let classes = folders.iter().filter(|folder| holds_pictures(folder)).count();
        let parts = folders
            .iter()
            .filter(|folder| role_of(folder).is_some())
            .filter(|folder| {
                self::folders(folder).is_ok_and(|inner| inner.iter().any(|f| holds_pictures(f)))
            })
            .count();
        if classes > 1 || parts > 0 {
            return Some(root);
        }
        let [only] = &folders[..] else { return None };
        root.clone_from(only);
    }
    None
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name == "__MACOSX"
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let wrap = |source| DataError::Read { file: dir.into(), source };
    let entries: Result<Vec<PathBuf>, _> =
        fs::read_dir(dir).map_err(wrap)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(wrap)?;
    entries.retain(|path| !is_hidden(path));
    entries.sort_unstable();
    Ok(entries)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Whether one of the first files of a folder is a picture.
fn holds_pictures(dir: &Path) -> bool {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| !is_hidden(path) && path.is_file());
    files.take(SAMPLED).any(|file| {
        let mut head = [0; 64];
        let read = File::open(&file).and_then(|mut file| file.read(&mut head));
        read.is_ok_and(|count| is_picture(&head[..count]))
    })
}

/// The split named by a folder: `train`, `test`, `val` and similar.
fn role_of(folder: &Path) -> Option<Split> {
    let name = folder.file_name()?.to_string_lossy().to_lowercase();
    let known = ["train", "training", "test", "testing", "val", "valid", "validation", "dev"];
    let first = name.split(['_', '-', ' ']).next()?;
    known.contains(&first).then(|| Split::of(first)).flatten()
}

/// Reads all pictures below a folder found by [`root_of`], or loads them from the cache.
pub(super) fn read(root: &Path, options: &OpenOptions) -> Result<Splits, DataError> {
    let parts = list(root)?;
    let mut names: Vec<String> =
        parts.values().flat_map(|classes| classes.keys().cloned()).collect();
    names.sort_unstable();
    names.dedup();
    // Numeric names are sorted numerically, others lexicographically, as by torchvision.
    if names.iter().all(|name| name.parse::<u64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    }
    if names.len() > MAX_CLASSES {
        return Err(DataError::TooManyClasses { file: root.into(), classes: names.len() });
    }
    let mut files: Vec<(Split, usize, PathBuf)> = Vec::new();
    for (split, classes) in parts {
        for (name, paths) in classes {
            let class = names.iter().position(|other| *other == name).unwrap_or(0);
            files.extend(paths.into_iter().map(|path| (split, class, path)));
        }
    }
    files.sort_unstable_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    let listed = CacheKey::of(root, files.iter().map(|(_, _, path)| path.as_path()), options);
    if let Some(kept) = listed.as_ref().and_then(|listed| cache::load(listed, root)) {
        return Ok(kept);
    }
    let read = decode(root, &files, names, options)?;
    if let Some(listed) = listed {
        cache::store(&listed, &read);
    }
    Ok(read)
}

/// Lists the picture files of every split and class.
fn list(root: &Path) -> Result<BTreeMap<Split, ClassFolders>, DataError> {
    let mut parts: BTreeMap<Split, ClassFolders> = BTreeMap::new();
    let folders = folders(root)?;
    let has_parts =
        folders.iter().any(|folder| role_of(folder).is_some() && !holds_pictures(folder));
    let mut count = 0;
    for folder in folders {
        let classes = match (has_parts, role_of(&folder)) {
            (true, None) => continue,
            (true, Some(split)) => {
                self::folders(&folder)?.into_iter().map(|class| (split, class)).collect()
            }
            (false, _) => vec![(Split::Train, folder)],
        };
        for (split, class) in classes {
            let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let files = parts.entry(split).or_default().entry(name).or_default();
            collect(&class, MAX_DEPTH, files)?;
            count += files.len();
            if count > MAX_FILES {
                let problem = format!("holds more than {MAX_FILES} files");
                return Err(DataError::Unsuitable {
                    file: root.into(),
                    problem,
                    advice: "give a smaller part of it".into(),
                });
            }
        }
    }
    for classes in parts.values_mut() {
        classes.retain(|_, files| !files.is_empty());
    }
    Ok(parts)
}

fn collect(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for path in entries(dir)? {
        // The depth is limited because a symbolic link may point to a parent folder.
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, files)?;
            }
        } else if is_picture_file(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file is a picture, judged by its extension or content.
fn is_picture_file(path: &Path) -> bool {
    const ENDINGS: [&str; 12] =
        ["png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "pgm", "ppm", "pbm", "pnm"];
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
        return true;
    }
    let mut head = [0; 64];
    let read = File::open(path).and_then(|mut file| file.read(&mut head));
    read.is_ok_and(|count| is_picture(&head[..count]))
}

fn decode(
    root: &Path,
    files: &[(Split, usize, PathBuf)],
    names: Vec<String>,
    options: &OpenOptions,
) -> Result<Splits, DataError> {
    let step = files.len().div_ceil(SAMPLE).max(1);
    let sample = files.iter().step_by(step).map(|(_, _, path)| decode_file(path));
    let Some(mut plan) = PictureDimensions::of(sample, options) else {
        return Err(DataError::NoDataSet { dir: root.into() });
    };
    let sizes = files.iter().map(|(_, _, path)| fs::metadata(path).map_or(0, |about| about.len()));
    plan.check(root, files.len(), sizes.sum())?;
    let read = |(_, _, path): &(Split, usize, PathBuf)| decode_file(path);
    let mut pictures = plan.decode(files, read, options);
    if pictures.is_none() {
        plan.channels = 3;
        plan.check(root, files.len(), u64::MAX)?;
        pictures = plan.decode(files, read, options);
    }
    let mut pictures = pictures.unwrap_or_default();
    let mut parts = Splits { classes: Some(names), resized: true, ..Splits::default() };
    parts.notes.extend(resized_note(pictures.resized, pictures.whole.len(), plan, options));
    parts.notes.extend(broken_note(root, files, &pictures.broken));
    let mut at = 0;
    for split in Split::ALL {
        let labels: Vec<i64> = pictures
            .whole
            .iter()
            .filter(|&&index| files[index].0 == split)
            .map(|&index| files[index].1 as i64)
            .collect();
        if labels.is_empty() {
            continue;
        }
        // Files are ordered by split, so the pixels of a split are contiguous.
        let bytes = labels.len() * plan.bytes();
        let pixels = if bytes == pictures.pixels.len() {
            std::mem::take(&mut pictures.pixels)
        } else {
            pictures.pixels[at..at + bytes].to_vec()
        };
        at += bytes;
        let (width, height) = plan.size;
        let images = Images { width, height, channels: plan.channels, pixels, labels: Vec::new() };
        parts.add(
            split,
            SplitImages { file: root.into(), images, labels: Labels::Numbers(labels) },
        )?;
    }
    Ok(parts)
}

fn broken_note(
    root: &Path,
    files: &[(Split, usize, PathBuf)],
    broken: &[(usize, String)],
) -> Option<String> {
    let (first, why) = broken.first()?;
    let name = |index: usize| {
        files[index].2.strip_prefix(root).unwrap_or(&files[index].2).display().to_string()
    };
    if broken.len() == 1 {
        return Some(format!("{} was skipped: it {why}", name(*first)));
    }
    let names: Vec<String> =
        broken.iter().take(MAX_LISTED).map(|(index, _)| name(*index)).collect();
    let more = if broken.len() > MAX_LISTED { ", …" } else { "" };
    Some(format!(
        "{} pictures that cannot be decoded were skipped: {}{more} (the first {why})",
        broken.len(),
        names.join(", ")
    ))
}
