//! The user's notes about runs: names, texts, tags. They are stored in nntop's state directory; the
//! logs are never modified.

use crate::files::atomic;
use crate::protocol::RunEdit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Maximum size of the file in bytes; longer ones were not written by this program.
const LONGEST: u64 = 64 << 20;

/// The notes about a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The user's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// The notes about all runs, by absolute path.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// The file; `None` keeps them only in memory.
    file: Option<PathBuf>,
    notes: BTreeMap<String, Note>,
}

impl Notes {
    /// Reads the notes from a file, which need not exist yet.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    pub fn open(file: &Path) -> io::Result<Self> {
        Ok(Self { notes: read(file)?, file: Some(file.to_path_buf()) })
    }

    /// The notes about a run.
    #[must_use]
    pub fn get(&self, run: &str) -> Option<&Note> {
        self.notes.get(run)
    }

    /// Changes the notes about a run, and writes the file.
    ///
    /// # Errors
    /// If the file cannot be read or written; then nothing is changed.
    pub fn edit(&mut self, run: &str, edit: &RunEdit) -> io::Result<()> {
        // Another nntop may have changed it meanwhile.
        let mut notes = match &self.file {
            Some(file) => read(file)?,
            None => self.notes.clone(),
        };
        let mut note = notes.remove(run).unwrap_or_default();
        match edit {
            RunEdit::Label(label) => {
                note.label = Some(label.trim().to_owned()).filter(|label| !label.is_empty());
            }
            RunEdit::Note(text) => text.trim().clone_into(&mut note.text),
            RunEdit::Tags(tags) => note.tags.clone_from(tags),
            RunEdit::Delete => note = Note::default(),
        }
        if note != Note::default() {
            notes.insert(run.to_owned(), note);
        }
        if let Some(file) = &self.file {
            if let Some(dir) = file.parent() {
                DirBuilder::new().mode(0o700).recursive(true).create(dir)?;
            }
            atomic::write(file, &serde_json::to_vec_pretty(&notes)?)?;
        }
        self.notes = notes;
        Ok(())
    }
}

fn read(file: &Path) -> io::Result<BTreeMap<String, Note>> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(open) => _ = open.take(LONGEST).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    }
    Ok(serde_json::from_slice(&bytes)?)
}

/// The key for notes about a run: the absolute path of its directory or file, followed by `#` and
/// the run's name if a file contains several.
#[must_use]
pub fn key(path: &Path, run: &str, is_inside: bool) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let path = path.to_string_lossy();
    if is_inside { format!("{path}#{run}") } else { path.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_stored_and_empty_ones_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/notes.json");
        let mut notes = Notes::open(&file).unwrap();
        let mut other = Notes::open(&file).unwrap();
        notes.edit("/a", &RunEdit::Label(" baseline ".to_owned())).unwrap();
        other.edit("/a", &RunEdit::Tags(vec!["good".to_owned()])).unwrap();
        other.edit("/b", &RunEdit::Note("\u{1b}[31m rerun".to_owned())).unwrap();
        let read = Notes::open(&file).unwrap();
        let note = read.get("/a").unwrap();
        assert_eq!((note.label.as_deref(), note.tags.len()), (Some("baseline"), 1));
        other.edit("/b", &RunEdit::Note(String::new())).unwrap();
        assert!(Notes::open(&file).unwrap().get("/b").is_none());
        fs::write(&file, "no notes").unwrap();
        assert!(Notes::open(&file).is_err());
        assert!(other.edit("/a", &RunEdit::Delete).is_err(), "an unreadable file is not replaced");
    }
}
