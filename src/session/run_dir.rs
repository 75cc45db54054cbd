//! The directory of a run: its files and its lock.

use super::place::{PlaceError, at, check_owner};
use crate::files;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The directory of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// The run in a given directory.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The record of the run: see [`super::RunRecord`].
    #[must_use]
    pub fn spec(&self) -> PathBuf {
        self.path.join("spec.json")
    }

    /// The event file, one JSON object per line.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// The events of an experiment or ensemble before it was interrupted. It reports them again.
    #[must_use]
    pub fn old_events(&self) -> PathBuf {
        self.path.join("events.old.jsonl")
    }

    /// The human-readable log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The directory of its checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The networks of an ensemble, unless the user chose another file.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The newest output of a command; [`RunDir::older_output`] precedes it.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.path.join("output")
    }

    /// The output of a command before [`RunDir::output`].
    #[must_use]
    pub fn older_output(&self) -> PathBuf {
        self.output().with_extension("old")
    }

    /// The directory of the Python client for scripts.
    #[must_use]
    pub fn client(&self) -> PathBuf {
        self.path.join("client")
    }

    /// The predictions that a script reported for its validation set.
    #[must_use]
    pub fn predictions(&self) -> PathBuf {
        self.path.join("predictions")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Takes the run's lock. The run is live as long as the file is open in any process. `None` if
    /// another process holds the lock.
    ///
    /// # Errors
    /// If the lock file cannot be opened or locked.
    pub fn lock(&self) -> Result<Option<File>, PlaceError> {
        check_owner(&self.path)?;
        let path = self.lock_file();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = files::read::open_own(&mut options, &path).map_err(at(&path))?;
        // A process that checks whether the run is live holds it for a moment.
        for _ in 0..20 {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(file)),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(at(&path)(error.into())),
            }
        }
        Ok(None)
    }

    /// Whether `file` is the run's current lock file, and not a deleted one.
    #[must_use]
    pub fn is_locked_by(&self, file: &File) -> bool {
        files::atomic::is_at(file, &self.lock_file())
    }

    /// Whether a session process holds the lock.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let mut options = OpenOptions::new();
        let options = options.read(true);
        let Ok(file) = files::read::open_own(options, &self.lock_file()) else { return false };
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    }

    /// Removes the run and all its files; false if it is live.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn remove(&self) -> Result<bool, PlaceError> {
        // Held until the end, so that nobody resumes a run that is being removed.
        let Some(_lock) = self.lock()? else { return Ok(false) };
        let socket = self.socket();
        if fs::symlink_metadata(&socket).is_ok_and(|about| about.file_type().is_socket()) {
            let _ = fs::remove_file(&socket);
        }
        fs::remove_dir_all(&self.path).map_err(at(&self.path))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Home;

    #[test]
    fn a_run_is_live_while_it_is_locked() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        assert!(!run.is_live());
        let lock = run.lock().unwrap().unwrap();
        assert!(run.is_live() && run.is_locked_by(&lock));
        assert!(run.lock().unwrap().is_none());
        fs::remove_file(run.lock_file()).unwrap();
        assert!(!run.is_locked_by(&lock));
        drop(run.lock().unwrap().unwrap());
        assert!(!run.is_live());
    }
}
