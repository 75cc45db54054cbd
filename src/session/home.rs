//! The directory of all runs.

use super::names;
use super::place::{PlaceError, STATE_DIR, at, check_owner};
use super::run_dir::RunDir;
use crate::files::atomic;
use etcetera::BaseStrategy;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Number of random names that are tried.
const TRIES: u32 = 1000;

/// The directory that holds all runs of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    runs: PathBuf,
}

/// A run that is being created.
struct Draft {
    run: RunDir,
    /// Held while the run is being created.
    _lock: File,
}

impl Home {
    /// The user's directory: `NNTOP_STATE_DIR`, or else `nntop` in `XDG_STATE_HOME`, or else in
    /// `~/.local/state`.
    ///
    /// # Errors
    /// If the user has no home directory.
    pub fn of_user() -> Result<Self, PlaceError> {
        if let Some(dir) = std::env::var_os(STATE_DIR).filter(|dir| !dir.is_empty()) {
            let dir = std::path::absolute(&dir).map_err(at(Path::new(&dir)))?;
            return Ok(Self::at(&dir));
        }
        let xdg = etcetera::base_strategy::Xdg::new().map_err(|_| PlaceError::Homeless)?;
        let state = xdg.state_dir().ok_or(PlaceError::Homeless)?;
        Ok(Self::at(&state.join("nntop")))
    }

    /// The runs in a given state directory.
    #[must_use]
    pub fn at(state: &Path) -> Self {
        Self { runs: state.join("runs") }
    }

    /// The directory that contains the run directories.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.runs
    }

    /// The file of the user's names, notes and tags for runs of any kind.
    #[must_use]
    pub fn notes(&self) -> PathBuf {
        self.runs.with_file_name("notes.json")
    }

    /// Checks that runs can be stored here; creates the directory.
    ///
    /// # Errors
    /// If it cannot be created or written to.
    pub fn check_writable(&self) -> Result<(), PlaceError> {
        self.make()?;
        atomic::check_writable(&self.runs.join("check")).map_err(at(&self.runs))
    }

    fn make(&self) -> Result<(), PlaceError> {
        DirBuilder::new().mode(0o700).recursive(true).create(&self.runs).map_err(at(&self.runs))?;
        check_owner(&self.runs)
    }

    /// Creates an empty directory for a new run with the given name or a random one.
    ///
    /// # Errors
    /// If the name is invalid or taken, or the directory cannot be created.
    pub fn create(&self, name: Option<&str>) -> Result<RunDir, PlaceError> {
        self.create_with(name, |_| Ok(()))
    }

    /// Creates a directory for a new run with the given name or a random one, and fills it with
    /// `fill`. It has a hidden name until it is complete, so a killed process leaves no incomplete
    /// run.
    ///
    /// # Errors
    /// If the name is invalid or taken, the directory cannot be created, or `fill` fails.
    pub fn create_with<E: From<PlaceError>>(
        &self,
        name: Option<&str>,
        fill: impl FnOnce(&RunDir) -> Result<(), E>,
    ) -> Result<RunDir, E> {
        if let Some(name) = name {
            if !names::is_valid(name) {
                return Err(PlaceError::Name(name.into()).into());
            }
            if self.runs.join(name).exists() {
                return Err(PlaceError::Taken(name.into()).into());
            }
        }
        self.make()?;
        self.remove_unfinished();
        let draft = self.draft()?;
        let filled = fill(&draft.run);
        let named = filled.and_then(|()| Ok(self.publish(&draft.run, name)?));
        if named.is_err() {
            // The run was not visible yet.
            let _ = fs::remove_dir_all(draft.run.path());
        }
        named
    }

    /// A new directory with a hidden name, locked while it is being filled.
    fn draft(&self) -> Result<Draft, PlaceError> {
        let mut private = DirBuilder::new();
        private.mode(0o700);
        loop {
            let name = format!("{}{}-{}", atomic::PREFIX, std::process::id(), names::id());
            let run = RunDir::at(self.runs.join(name));
            match private.create(run.path()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(at(run.path()))?,
            }
            // Another process may have swept it before it was locked; then try again.
            match run.lock() {
                Ok(Some(lock)) if run.is_locked_by(&lock) => return Ok(Draft { run, _lock: lock }),
                Err(error) if run.path().exists() => {
                    let _ = fs::remove_dir_all(run.path());
                    return Err(error);
                }
                _ => {}
            }
        }
    }

    /// Gives a complete run its name.
    fn publish(&self, draft: &RunDir, name: Option<&str>) -> Result<RunDir, PlaceError> {
        let mut tries = 0;
        loop {
            let called = name.map_or_else(|| names::draw(tries), str::to_owned);
            let run = RunDir::at(self.runs.join(&called));
            match rename_new(draft.path(), run.path()) {
                Ok(()) => return Ok(run),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(at(run.path())(error));
                }
                Err(_) if name.is_none() && tries < TRIES => tries += 1,
                Err(_) => return Err(PlaceError::Taken(called)),
            }
        }
    }

    /// Removes incomplete runs of killed processes.
    fn remove_unfinished(&self) {
        for entry in fs::read_dir(&self.runs).into_iter().flatten().flatten() {
            let hidden = entry.file_name().to_str().is_some_and(|n| n.starts_with(atomic::PREFIX));
            let run = RunDir::at(entry.path());
            if hidden && run.path().is_dir() {
                // A locked one is still being filled and stays.
                let _ = run.remove();
            }
        }
        atomic::remove_abandoned(&self.runs);
    }

    /// All runs, sorted by name; empty if the directory does not exist.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn runs(&self) -> Result<Vec<RunDir>, PlaceError> {
        let entries = match fs::read_dir(&self.runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at(&self.runs))?,
        };
        check_owner(&self.runs)?;
        let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
        let entries = entries.flatten().filter(|entry| !is_hidden(&entry.file_name()));
        let paths = entries.map(|entry| RunDir::at(entry.path()));
        let mut runs: Vec<RunDir> = paths.filter(|run| run.path().is_dir()).collect();
        runs.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(runs)
    }

    /// The run with this name, or the only one whose name or id starts with it.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn find(&self, prefix: &str) -> Result<RunDir, PlaceError> {
        let mut runs = self.runs()?;
        if let Some(exact) = runs.iter().position(|run| run.name() == prefix) {
            return Ok(runs.swap_remove(exact));
        }
        let id = |run: &RunDir| super::record::RunRecord::read(run).ok().map(|record| record.id);
        runs.retain(|run| {
            run.name().starts_with(prefix) || id(run).is_some_and(|id| id.starts_with(prefix))
        });
        match runs.len() {
            1 if !prefix.is_empty() => Ok(runs.remove(0)),
            0 | 1 => Err(PlaceError::Unknown(prefix.into())),
            _ => {
                let names = runs.iter().map(RunDir::name).collect();
                Err(PlaceError::Ambiguous { prefix: prefix.into(), names })
            }
        }
    }
}

/// Renames a directory unless the new name exists.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // If the file system does not support this: create an empty directory, then replace it.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::create_dir(to)?;
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_run_has_a_private_directory_and_a_unique_name() {
        let state = tempfile::tempdir().unwrap();
        let home = Home::at(state.path());
        assert_eq!(home.runs().unwrap(), []);
        let run = home.create(None).unwrap();
        assert_eq!(fs::metadata(run.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(home.runs().unwrap(), [run]);
        home.create(Some("mine")).unwrap();
        assert!(matches!(home.create(Some("mine")), Err(PlaceError::Taken(_))));
        assert!(matches!(home.create(Some("a/b")), Err(PlaceError::Name(_))));
    }

    #[test]
    fn an_incomplete_run_is_not_listed() {
        let state = tempfile::tempdir().unwrap();
        let home = Home::at(state.path());
        let run = home.create_with(Some("whole"), |draft| {
            assert_eq!(home.runs().unwrap(), [], "hidden while it is being filled");
            fs::write(draft.spec(), "{}").map_err(at(&draft.spec()))?;
            // Another process starts a run meanwhile.
            home.create(Some("other")).map(drop)
        });
        assert!(run.unwrap().spec().exists());
        let failed = home.create_with(Some("half"), |_| Err(PlaceError::Homeless));
        assert!(matches!(failed, Err(PlaceError::Homeless)));
        // What a process killed by SIGKILL leaves behind.
        let left = home.path().join(".nntop-1-00000000");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(".nntop-1-abc"), "{").unwrap();
        let names: Vec<String> = home.runs().unwrap().iter().map(RunDir::name).collect();
        assert_eq!(names, ["other", "whole"]);
        home.create(Some("next")).unwrap();
        assert!(!left.exists(), "swept");
        let taken = home.create_with::<PlaceError>(Some("whole"), |_| {
            panic!("filled although the name is taken")
        });
        assert!(matches!(taken, Err(PlaceError::Taken(_))));
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let home = Home::at(state.path());
        let run = home.create(Some("mine")).unwrap();
        // Only root can change the owner of a file.
        if std::os::unix::fs::chown(run.path(), Some(12345), None).is_err() {
            return eprintln!("skipped: not root");
        }
        assert!(matches!(run.lock(), Err(PlaceError::Owner { owner: 12345, .. })));
        std::os::unix::fs::chown(home.path(), Some(12345), None).unwrap();
        assert!(matches!(home.runs(), Err(PlaceError::Owner { .. })));
        assert!(matches!(home.create(None), Err(PlaceError::Owner { .. })));
    }

    #[test]
    fn a_unique_prefix_is_enough() {
        let state = tempfile::tempdir().unwrap();
        let home = Home::at(state.path());
        let [calm, calmer, bold] =
            ["calm", "calmer", "bold"].map(|n| home.create(Some(n)).unwrap());
        assert_eq!(home.find("calm").unwrap(), calm);
        assert_eq!(home.find("calme").unwrap(), calmer);
        assert_eq!(home.find("b").unwrap(), bold);
        let error = home.find("ca").unwrap_err().to_string();
        assert!(error.contains("calm, calmer"), "{error}");
        for unknown in ["", "x"] {
            assert!(home.find(unknown).is_err(), "{unknown}");
        }
    }
}
