//! Where runs live on the disk.

use super::names;
use super::place::{PlaceError, STATE_DIR, at};
use super::run_dir::RunDir;
use crate::files::atomic;
use etcetera::BaseStrategy;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Names that are drawn before giving up.
const TRIES: u32 = 1000;

/// The directory that holds all runs of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    runs: PathBuf,
}

impl Home {
    /// The user's: `NNTOP_STATE_DIR`, else `nntop` in `XDG_STATE_HOME`, else in `~/.local/state`.
    ///
    /// # Errors
    /// Where the user has no home directory.
    pub fn of_user() -> Result<Self, PlaceError> {
        if let Some(dir) = std::env::var_os(STATE_DIR).filter(|dir| !dir.is_empty()) {
            let dir = std::path::absolute(&dir).map_err(at(Path::new(&dir)))?;
            return Ok(Self::at(&dir));
        }
        let xdg = etcetera::base_strategy::Xdg::new().map_err(|_| PlaceError::Homeless)?;
        let state = xdg.state_dir().ok_or(PlaceError::Homeless)?;
        Ok(Self::at(&state.join("nntop")))
    }

    /// The one in a given state directory.
    #[must_use]
    pub fn at(state: &Path) -> Self {
        Self { runs: state.join("runs") }
    }

    /// The directory of the runs' directories.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.runs
    }

    /// Whether runs could be kept here; the directory is made.
    ///
    /// # Errors
    /// Where it cannot be made or written to.
    pub fn check_writable(&self) -> Result<(), PlaceError> {
        self.make()?;
        atomic::check_writable(&self.runs.join("check")).map_err(at(&self.runs))
    }

    fn make(&self) -> Result<(), PlaceError> {
        DirBuilder::new().mode(0o700).recursive(true).create(&self.runs).map_err(at(&self.runs))
    }

    /// Makes a directory for a new run, called as asked or by a name that is drawn.
    ///
    /// # Errors
    /// Where the name is bad or taken, or the directory cannot be made.
    pub fn create(&self, name: Option<&str>) -> Result<RunDir, PlaceError> {
        self.make()?;
        let mut private = DirBuilder::new();
        private.mode(0o700);
        let mut tries = 0;
        loop {
            let called = name.map_or_else(|| names::draw(tries), str::to_owned);
            if !names::is_good(&called) {
                return Err(PlaceError::Name(called));
            }
            let run = RunDir::at(self.runs.join(&called));
            match private.create(run.path()) {
                Ok(()) => return Ok(run),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(at(run.path())(error));
                }
                Err(_) if name.is_none() && tries < TRIES => tries += 1,
                Err(_) => return Err(PlaceError::Taken(called)),
            }
        }
    }

    /// All runs, in order of their names; none where there is no directory yet.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn runs(&self) -> Result<Vec<RunDir>, PlaceError> {
        let entries = match fs::read_dir(&self.runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at(&self.runs))?,
        };
        let paths = entries.flatten().map(|entry| RunDir::at(entry.path()));
        let mut runs: Vec<RunDir> = paths.filter(|run| run.path().is_dir()).collect();
        runs.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(runs)
    }

    /// The run of a name, or of the one name or id that begins so.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub fn find(&self, prefix: &str) -> Result<RunDir, PlaceError> {
        let mut runs = self.runs()?;
        if let Some(exact) = runs.iter().position(|run| run.name() == prefix) {
            return Ok(runs.swap_remove(exact));
        }
        let id = |run: &RunDir| super::record::Record::read(run).ok().map(|record| record.id);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_run_has_a_private_directory_and_a_name_of_its_own() {
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
