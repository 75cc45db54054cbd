//! The path of a run's socket. It is in the run's directory and not under `XDG_RUNTIME_DIR`,
//! because the system removes that directory at the user's last logout, and a run must survive the
//! logout.

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

/// Maximum length of a socket's path in bytes: `sockaddr_un` holds 108 including the final zero.
const MAX_LENGTH: usize = 107;

impl RunDir {
    /// The path of the socket, for clients.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let inside = self.path().join("socket");
        if fits(&inside) {
            return inside;
        }
        let address = files::read::bytes(&address_file(self), MAX_LENGTH as u64).ok();
        let address = address.map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
        address.filter(|address| is_private(address)).unwrap_or(inside)
    }

    /// Chooses the path of the socket: in the run's directory, or, if that path is too long, in a
    /// private directory under the system's temporary directory.
    ///
    /// # Errors
    /// If the private directory cannot be created or belongs to another user.
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

/// The file that holds the socket's path if it is not in the run's directory.
fn address_file(run: &RunDir) -> PathBuf {
    run.path().join("address")
}

fn fits(socket: &Path) -> bool {
    socket.as_os_str().len() <= MAX_LENGTH
}

/// Whether [`RunDir::place_socket`] could have chosen this path. Without this check, anybody who
/// can write the address file could have another file removed or replaced by a socket.
fn is_private(address: &Path) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    let name = address.file_name().and_then(OsStr::to_str);
    let Some(dir) = address.parent() else { return false };
    let named = dir.file_name().is_some_and(|dir| *dir == *format!("nntop-{uid}"));
    named && name.is_some_and(names::is_id) && check_private(dir, uid).is_ok()
}

/// Creates a directory that only this user may enter. An existing one must be private and not a
/// symbolic link, because its parent directory is writable for everybody.
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
