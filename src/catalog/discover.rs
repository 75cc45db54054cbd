//! Finds log files: walks directories, and recognises each file by its first bytes.

use crate::logs::formats::{self, FileRole, FileStart, LogFormat, SAMPLE};
use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Directories that contain programs rather than logs.
const NO_LOGS: [&str; 8] =
    [".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages", ".tox", "target"];
/// Maximum depth of directories below the root.
const DEEPEST: usize = 24;
/// Maximum number of files.
const MAX_FILES: usize = 200_000;

/// A file that was examined.
#[derive(Clone, Debug)]
pub struct ExaminedFile {
    pub path: PathBuf,
    /// Its length at that time, in bytes.
    pub length: u64,
    pub verdict: FileKind,
}

/// The result of examining a file.
#[derive(Clone, Debug)]
pub enum FileKind {
    /// A log, its format, and the reason.
    Log(&'static LogFormat, String),
    /// Not a supported log, and the reason.
    Other(String),
}

impl FileKind {
    /// The format of a log.
    #[must_use]
    pub fn format(&self) -> Option<&'static LogFormat> {
        match self {
            Self::Log(format, _) => Some(*format),
            Self::Other(_) => None,
        }
    }
}

/// The files at or below a path, directories sorted by name. A directory that is also reached by a
/// link is walked once.
#[must_use]
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    if root.is_dir() {
        walk(root, 0, &mut seen, &mut found);
    } else {
        found.push(root.to_path_buf());
    }
    found
}

fn walk(dir: &Path, depth: usize, seen: &mut HashSet<(u64, u64)>, found: &mut Vec<PathBuf>) {
    let is_new = fs::metadata(dir).is_ok_and(|data| seen.insert((data.dev(), data.ino())));
    if !is_new || depth > DEEPEST {
        return;
    }
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    // A wandb run has copies of its console output and configuration beside its log.
    let is_wandb =
        entries.iter().any(|entry| entry.path().extension().is_some_and(|e| e == "wandb"));
    let mut links = Vec::new();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let hidden = name.starts_with('.') && name != ".hydra";
        if hidden || NO_LOGS.contains(&name.as_ref()) || (is_wandb && name == "files") {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            walk(&entry.path(), depth + 1, seen, found);
        } else if kind.is_symlink() {
            links.push(entry.path());
        } else if kind.is_file() && found.len() < MAX_FILES {
            found.push(entry.path());
        }
    }
    for link in links {
        match fs::metadata(&link) {
            Ok(data) if data.is_dir() => walk(&link, depth + 1, seen, found),
            Ok(data) if data.is_file() && seen.insert((data.dev(), data.ino())) => found.push(link),
            _ => {}
        }
    }
}

/// The first file with metrics at or below a directory, in breadth-first order; `None` if there is
/// none, or none is found before the deadline.
#[must_use]
pub fn first_log(root: &Path, deadline: Instant) -> Option<PathBuf> {
    let mut directories = VecDeque::from([(root.to_path_buf(), 0)]);
    while let Some((dir, depth)) = directories.pop_front() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if Instant::now() >= deadline {
                return None;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if name.starts_with('.') || NO_LOGS.contains(&name.as_ref()) {
                continue;
            }
            if kind.is_dir() && depth < DEEPEST {
                directories.push_back((entry.path(), depth + 1));
            } else if kind.is_file() {
                let found = examine(&entry.path(), false);
                if matches!(found.verdict, FileKind::Log(format, _) if format.role == FileRole::Metrics)
                {
                    return Some(found.path);
                }
            }
        }
    }
    None
}

/// Examines the first bytes of a file. `named` is whether the user named the file itself.
#[must_use]
pub fn examine(path: &Path, named: bool) -> ExaminedFile {
    let verdict = |text: String| ExaminedFile {
        path: path.to_path_buf(),
        length: 0,
        verdict: FileKind::Other(text),
    };
    let mut head = Vec::new();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return verdict(format!("cannot be opened: {error}")),
    };
    let data = match file.metadata() {
        Ok(data) if data.is_file() => data,
        Ok(_) => return verdict("not a regular file".to_owned()),
        Err(error) => return verdict(format!("cannot be read: {error}")),
    };
    if let Err(error) = (&mut file).take(SAMPLE as u64).read_to_end(&mut head) {
        return verdict(format!("cannot be read: {error}"));
    }
    let sample = FileStart { path, head: &head, named };
    let verdict = if let Some((format, why)) = formats::recognise(&sample) {
        FileKind::Log(format, why)
    } else {
        let refusal = formats::refusal(&sample);
        FileKind::Other(refusal.unwrap_or("no metrics in its first 64 KiB").to_owned())
    };
    ExaminedFile { path: path.to_path_buf(), length: data.len(), verdict }
}
