//! Every kind of log, cut anywhere and completed later, tells what it tells read at once.

use super::fixture;
use nntop::catalog::Catalog;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Places at which each file is cut.
const CUTS: usize = 3;
/// Longer files take too long to be read so many times.
const LONGEST: u64 = 100_000;

/// The directory that holds all files of the run that a file belongs to.
fn root_of(file: &Path) -> PathBuf {
    let dir = file.parent().unwrap();
    let named = |path: &Path, start: &str| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
    };
    if let Some(store) = file.ancestors().find(|above| named(above, "mlruns")) {
        return store.to_owned();
    }
    if named(dir, ".hydra") || named(dir, "checkpoint-") {
        return dir.parent().unwrap().to_owned();
    }
    dir.to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else if entry.file_type().unwrap().is_file() && entry.metadata().unwrap().len() <= LONGEST
        {
            found.push(entry.path());
        }
    }
}

/// Everything that a catalog tells of its runs.
fn told(catalog: &Catalog) -> Vec<String> {
    let mut told = Vec::new();
    for run in catalog.runs() {
        told.push(format!("{} {:?} {:?} {:?}", run.name, run.title, run.state, run.config));
        for metric in &run.metrics {
            let points: Vec<String> = metric
                .points()
                .zip(metric.superseded())
                .map(|(p, gone)| format!("{} {:?} {:?} {gone}", p.step, p.wall_time, p.value))
                .collect();
            told.push(format!("{} {}: {}", run.name, metric.name, points.join(", ")));
        }
        told.push(format!("{:?} {:?}", run.texts, run.lines));
        told.push(format!("{:?}", run.histograms));
        told.push(format!("{} images", run.images.len()));
    }
    // Metrics are in the order in which they were first read.
    told.sort();
    told
}

/// Reads the directory with one of its files growing from `cut` bytes to its whole length.
fn grown(root: &Path, file: &Path, bytes: &[u8], cut: usize) -> Vec<String> {
    fs::write(file, &bytes[..cut]).unwrap();
    let mut catalog = Catalog::new(vec![root.to_owned()]);
    catalog.load(false);
    let mut open = OpenOptions::new().append(true).open(file).unwrap();
    open.write_all(&bytes[cut..]).unwrap();
    drop(open);
    catalog.load(true);
    told(&catalog)
}

/// Whether no later event file of the same run lies beside it: once there is one, an earlier file
/// grows no more.
fn is_newest(file: &Path, all: &[PathBuf]) -> bool {
    let is_event = |path: &Path| path.to_string_lossy().contains("tfevents");
    let is_later = |other: &PathBuf| {
        other.parent() == file.parent() && other.as_path() > file && is_event(other)
    };
    !(is_event(file) && all.iter().any(is_later))
}

fn check(folder: &str) {
    let Some(fixtures) = fixture(folder) else { return };
    let mut all = Vec::new();
    files(&fixtures, &mut all);
    assert!(!all.is_empty());
    for file in all.iter().filter(|file| is_newest(file, &all)) {
        let original = root_of(file);
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join(original.file_name().unwrap());
        let copied = root.join(file.strip_prefix(&original).unwrap());
        if ["text", "keras"].contains(&folder) {
            // Each of these files is a run of its own.
            fs::create_dir_all(&root).unwrap();
            fs::copy(file, &copied).unwrap();
        } else {
            copy(&original, &root);
        }
        let bytes = fs::read(file).unwrap();
        let mut whole = Catalog::new(vec![root.clone()]);
        whole.load(true);
        let whole = told(&whole);
        for cut in 0..CUTS {
            // Places that differ from file to file: near the beginning, and anywhere.
            let place = (bytes.len() * (2 * cut + 1) / (2 * CUTS) + 7 * cut).min(bytes.len());
            let grown = grown(&root, &copied, &bytes, place);
            for (grown, whole) in grown.iter().zip(&whole) {
                assert_eq!(grown, whole, "{} cut at {place}", file.display());
            }
            assert_eq!(grown.len(), whole.len(), "{} cut at {place}", file.display());
        }
    }
}

#[test]
fn tables_and_json_lines_grow() {
    for folder in ["keras", "lightning", "ultralytics"] {
        check(folder);
    }
}

#[test]
fn printed_text_grows() {
    check("text");
}

#[test]
fn event_files_grow() {
    check("tb");
}

#[test]
fn stores_and_states_grow() {
    for folder in ["hf", "wandb", "mlflow"] {
        check(folder);
    }
}

#[test]
fn configurations_grow() {
    check("hydra");
}
