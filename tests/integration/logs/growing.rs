//! A property of every reader: a log that is cut anywhere and completed later, in any number of
//! pieces, reads the same as the whole log.
//!
//! `NNTOP_CUTS=100 cargo test --test integration growing` tries more places than usual.

use super::fixture;
use nntop::catalog::Catalog;
use nntop::rng::{self, Purpose};
use rand::RngExt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many times each file is cut, unless `NNTOP_CUTS` says otherwise.
const CUTS: u64 = 3;
/// A file grows in at most this many pieces.
const MAX_PIECES: usize = 4;
/// Longer files take too long to be read so many times.
const MAX_LENGTH: u64 = 100_000;

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
        } else if entry.file_type().unwrap().is_file()
            && entry.metadata().unwrap().len() <= MAX_LENGTH
        {
            found.push(entry.path());
        }
    }
}

/// Everything that a catalog contains, as sorted lines.
fn contents(catalog: &Catalog) -> Vec<String> {
    let mut lines = Vec::new();
    for run in catalog.runs() {
        lines.push(format!("{} {:?} {:?} {:?}", run.name, run.title, run.state, run.config));
        for metric in &run.metrics {
            let points: Vec<String> = metric
                .points()
                .zip(metric.superseded())
                .map(|(p, gone)| format!("{} {:?} {:?} {gone}", p.step, p.wall_time, p.value))
                .collect();
            lines.push(format!("{} {}: {}", run.name, metric.name, points.join(", ")));
        }
        // Files are numbered in the order in which they were recognised.
        let texts = run.texts.iter().map(|text| (&text.name, text.step, &text.content));
        lines.push(format!("{:?} {:?}", texts.collect::<Vec<_>>(), run.lines));
        let histograms = run.histograms.iter().map(|one| (&one.name, one.step, &one.content));
        lines.push(format!("{:?}", histograms.collect::<Vec<_>>()));
        lines.push(format!("{} images", run.images.len()));
    }
    // Metrics are in the order in which they were first read.
    lines.sort();
    lines
}

/// Reads the directory while one of its files grows from its first to its last byte, with a pause
/// at each of the places.
fn grown(root: &Path, file: &Path, bytes: &[u8], places: &[usize]) -> Vec<String> {
    let mut written = places[0];
    fs::write(file, &bytes[..written]).unwrap();
    let mut catalog = Catalog::new(vec![root.to_owned()]);
    catalog.load(false);
    for &place in places[1..].iter().chain([&bytes.len()]) {
        let mut open = OpenOptions::new().append(true).open(file).unwrap();
        open.write_all(&bytes[written..place]).unwrap();
        drop(open);
        written = place;
        catalog.load(place == bytes.len());
    }
    contents(&catalog)
}

/// Whether a file is the last event file of its directory, or none: earlier event files do not grow
/// any more.
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
        let whole = contents(&whole);
        let cuts = std::env::var("NNTOP_CUTS").map_or(CUTS, |cuts| cuts.parse().unwrap());
        for seed in 0..cuts {
            let mut random = rng::stream(seed, Purpose::Sample, bytes.len() as u64, 0);
            let pieces = random.random_range(1..MAX_PIECES);
            let mut places: Vec<usize> =
                (0..pieces).map(|_| random.random_range(0..=bytes.len())).collect();
            places.sort_unstable();
            let grown = grown(&root, &copied, &bytes, &places);
            for (grown, whole) in grown.iter().zip(&whole) {
                assert_eq!(grown, whole, "{} cut at {places:?}", file.display());
            }
            assert_eq!(grown.len(), whole.len(), "{} cut at {places:?}", file.display());
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
