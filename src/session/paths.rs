//! Where runs live on the disk.
//!
//! A run has a directory of its own under the state directory. Its socket lies there too, not
//! under `XDG_RUNTIME_DIR`: the system removes that when the last login ends, which is the very
//! moment a run must outlive.

use super::names;
use crate::engine::atomic;
use etcetera::BaseStrategy;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A directory to use instead of the state directory.
pub const STATE_DIR: &str = "NNTOP_STATE_DIR";
/// Longest path of a socket in bytes: `sockaddr_un` has room for 108 with the closing zero.
const LONGEST_SOCKET: usize = 107;
/// Names that are drawn before giving up.
const TRIES: u32 = 1000;

/// Why a run's place cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("there is no home directory to keep runs in; set {STATE_DIR} to a directory")]
    Homeless,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{0}` cannot be a run's name: give up to 40 letters, digits, and `-`, `_`, `.`")]
    Name(String),
    #[error(
        "there is a run called `{0}` already: give another name, or remove it by `nntop rm {0}`"
    )]
    Taken(String),
    #[error("no run is called `{0}`; `nntop ls` lists them")]
    Unknown(String),
    #[error("`{prefix}` could mean {}; give more letters", names.join(", "))]
    Ambiguous { prefix: String, names: Vec<String> },
    #[error(
        "{}: is not a private directory of this user, so no socket is put there; remove it", path.display()
    )]
    Foreign { path: PathBuf },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PlaceError + '_ {
    move |source| PlaceError::Io { path: path.into(), source }
}

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
            let run = RunDir { path: self.runs.join(&called) };
            match private.create(&run.path) {
                Ok(()) => return Ok(run),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(at(&run.path)(error));
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
        let paths = entries.flatten().map(|entry| RunDir { path: entry.path() });
        let mut runs: Vec<RunDir> = paths.filter(|run| run.path.is_dir()).collect();
        runs.sort_by(|a, b| a.path.cmp(&b.path));
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

/// A run's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// The run that lives in a directory.
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

    /// What the run is: see [`super::Record`].
    #[must_use]
    pub fn spec(&self) -> PathBuf {
        self.path.join("spec.json")
    }

    /// Its facts, an object a line.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// What happened, for people.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The directory of its checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Says where the socket is, when it is not in the directory.
    fn address_file(&self) -> PathBuf {
        self.path.join("address")
    }

    /// Takes the run's lock, which says that it lives, for as long as the file is open anywhere;
    /// `None` where somebody else has it.
    ///
    /// # Errors
    /// Where the lock file cannot be opened or locked.
    pub fn lock(&self) -> Result<Option<File>, PlaceError> {
        let path = self.lock_file();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(at(&path))?;
        // Somebody who only asks who lives holds it for a moment.
        for _ in 0..20 {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(file)),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(at(&path)(error.into())),
            }
        }
        Ok(None)
    }

    /// Whether `file` is the run's lock file, and not one that was removed.
    #[must_use]
    pub fn is_locked_by(&self, file: &File) -> bool {
        let inode = |m: fs::Metadata| (m.dev(), m.ino());
        let there = fs::metadata(self.lock_file()).map(inode);
        there.ok().zip(file.metadata().map(inode).ok()).is_some_and(|(a, b)| a == b)
    }

    /// Whether a session process holds the run.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let Ok(file) = File::open(self.lock_file()) else { return false };
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    }

    /// Removes the run and all that is kept of it; false where it is live.
    ///
    /// # Errors
    /// Where something of it cannot be removed.
    pub fn remove(&self) -> Result<bool, PlaceError> {
        // Held until the end, so that nobody resumes what is being removed.
        let Some(_lock) = self.lock()? else { return Ok(false) };
        let _ = fs::remove_file(self.socket());
        fs::remove_dir_all(&self.path).map_err(at(&self.path))?;
        Ok(true)
    }

    /// Where clients find the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let inside = self.path.join("socket");
        if fits(&inside) {
            return inside;
        }
        let address = fs::read(self.address_file()).ok();
        address.map_or(inside, |bytes| PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
    }

    /// Where the session puts the socket: in the directory, or, where its path is too long for a
    /// socket, in a private directory named by the user's id in the system's temporary directory.
    ///
    /// # Errors
    /// Where that directory cannot be made or belongs to somebody else.
    pub fn place_socket(&self, id: &str) -> Result<PathBuf, PlaceError> {
        let inside = self.path.join("socket");
        if fits(&inside) {
            return Ok(inside);
        }
        let uid = rustix::process::geteuid().as_raw();
        let mut dir = std::env::temp_dir().join(format!("nntop-{uid}"));
        if !fits(&dir.join(id)) {
            dir = Path::new("/tmp").join(format!("nntop-{uid}"));
        }
        make_private(&dir, uid)?;
        let socket = dir.join(id);
        let address = self.address_file();
        atomic::write(&address, socket.as_os_str().as_bytes()).map_err(at(&address))?;
        Ok(socket)
    }
}

fn fits(socket: &Path) -> bool {
    socket.as_os_str().len() <= LONGEST_SOCKET
}

/// Makes a directory that only this user may enter; one that exists must be such a directory, and
/// no link to one: everybody may write where it lies.
fn make_private(dir: &Path, uid: u32) -> Result<(), PlaceError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(dir)(error)),
        _ => {}
    }
    let found = fs::symlink_metadata(dir).map_err(at(dir))?;
    let open_to_others = found.mode() & 0o077 != 0;
    if found.is_dir() && found.uid() == uid && !open_to_others {
        return Ok(());
    }
    Err(PlaceError::Foreign { path: dir.into() })
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

    #[test]
    fn the_lock_says_who_lives() {
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

    #[test]
    fn a_path_too_long_for_a_socket_falls_back_to_a_private_directory() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(&state.path().join("x".repeat(100))).create(Some("long")).unwrap();
        let id = names::id();
        let socket = run.place_socket(&id).unwrap();
        assert!(fits(&socket) && !socket.starts_with(state.path()));
        assert_eq!(run.socket(), socket);
        let dir = socket.parent().unwrap();
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let (open, link) = (state.path().join("open"), state.path().join("link"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(state.path(), &link).unwrap();
        for dir in [&open, &link] {
            assert!(matches!(make_private(dir, uid), Err(PlaceError::Foreign { .. })));
        }
        assert!(make_private(&state.path().join("new"), uid).is_ok());
        assert!(make_private(&state.path().join("new"), uid + 1).is_err());
    }
}
