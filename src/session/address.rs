//! Where a run's socket lies: in the run's directory, not under `XDG_RUNTIME_DIR`, which the system
//! removes when the last login ends: the very moment a run must outlive.

use super::names;
use super::place::{PlaceError, at};
use super::run_dir::RunDir;
use crate::files::{self, atomic};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Longest path of a socket in bytes: `sockaddr_un` has room for 108 with the closing zero.
const LONGEST: usize = 107;

impl RunDir {
    /// Where clients find the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let inside = self.path().join("socket");
        if fits(&inside) {
            return inside;
        }
        let address = files::read::bytes(&address_file(self), LONGEST as u64).ok();
        let address = address.map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
        address.filter(|address| is_private(address)).unwrap_or(inside)
    }

    /// Where the session puts the socket: in the directory, or, where its path is too long for a
    /// socket, in a private directory named by the user's id in the system's temporary directory.
    ///
    /// # Errors
    /// Where that directory cannot be made or belongs to somebody else.
    pub fn place_socket(&self, id: &str) -> Result<PathBuf, PlaceError> {
        let inside = self.path().join("socket");
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
        let address = address_file(self);
        atomic::write(&address, socket.as_os_str().as_bytes()).map_err(at(&address))?;
        Ok(socket)
    }
}

/// Says where the socket is, when it is not in the directory.
fn address_file(run: &RunDir) -> PathBuf {
    run.path().join("address")
}

fn fits(socket: &Path) -> bool {
    socket.as_os_str().len() <= LONGEST
}

/// Whether an address is one that [`RunDir::place_socket`] gives: whoever can write the file could
/// otherwise have another one removed, or made into a socket.
fn is_private(address: &Path) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    let name = address.file_name().and_then(OsStr::to_str);
    let Some(dir) = address.parent() else { return false };
    let named = dir.file_name().is_some_and(|dir| *dir == *format!("nntop-{uid}"));
    named && name.is_some_and(names::is_id) && check_private(dir, uid).is_ok()
}

/// Makes a directory that only this user may enter; one that exists must be such a directory, and
/// no link to one: everybody may write where it lies.
fn make_private(dir: &Path, uid: u32) -> Result<(), PlaceError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(dir)(error)),
        _ => {}
    }
    check_private(dir, uid)
}

fn check_private(dir: &Path, uid: u32) -> Result<(), PlaceError> {
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
    use crate::session::Home;
    use std::os::unix::fs::PermissionsExt;

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
    fn an_address_elsewhere_is_not_followed() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(&state.path().join("x".repeat(100))).create(Some("long")).unwrap();
        let mine = run.place_socket(&names::id()).unwrap();
        let victim = state.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        let in_private = mine.with_file_name("notes");
        let open = state.path().join(mine.parent().unwrap().file_name().unwrap());
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        for address in [victim.clone(), in_private, open.join(names::id())] {
            fs::write(address_file(&run), address.as_os_str().as_bytes()).unwrap();
            assert_eq!(run.socket(), run.path().join("socket"), "{}", address.display());
        }
        fs::write(address_file(&run), victim.as_os_str().as_bytes()).unwrap();
        assert!(run.remove().unwrap());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
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
