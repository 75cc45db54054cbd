//! The session's socket: private to this user, and recreated if it is deleted.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum number of connections that wait to be accepted; further clients wait inside `connect`.
/// A short queue keeps the wait short, however fast a process connects.
const BACKLOG: i32 = 64;
/// Pause after the system had no descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// Why a wait for clients ended.
#[derive(Debug)]
pub(super) enum ListenerEvent {
    /// A client has connected.
    Connection(UnixStream),
    /// The other descriptor is readable.
    Other,
    /// The wait timed out.
    Timeout,
}

/// A socket that listens at a path.
#[derive(Debug)]
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket at `path`.
    identity: (u64, u64),
}

impl Listener {
    /// Listens at a path. A socket of a dead process is removed, but only after a connection
    /// attempt failed; a symbolic link, which would redirect clients, is always removed.
    ///
    /// # Errors
    /// If another process is listening, or the socket cannot be created.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let is_link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
        match UnixStream::connect(path) {
            _ if is_link => fs::remove_file(path)?,
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => fs::remove_file(path)?,
        }
        let listener = UnixListener::bind(path)?;
        // The standard library asks for the longest queue that the system allows.
        rustix::net::listen(&listener, BACKLOG)?;
        // The directory is private, so nobody can connect in between.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let metadata = fs::symlink_metadata(path)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { socket: listener, path: path.into(), identity })
    }

    /// Whether clients find this socket at its path.
    pub(super) fn is_there(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }

    /// Waits for a client, for `other` to become readable, or for the timeout.
    ///
    /// # Errors
    /// If the system call fails.
    pub(super) fn wait(
        &self,
        other: BorrowedFd<'_>,
        timeout: Duration,
    ) -> io::Result<ListenerEvent> {
        let mut polled = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::from_borrowed_fd(other, PollFlags::IN),
        ];
        let timespec = Timespec {
            tv_sec: timeout.as_secs().cast_signed(),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match poll(&mut polled, Some(&timespec)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(ListenerEvent::Timeout),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !polled[1].revents().is_empty() {
            return Ok(ListenerEvent::Other);
        }
        match self.socket.accept() {
            Ok((stream, _)) => Ok(ListenerEvent::Connection(stream)),
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    // Without a free descriptor the client stays in the backlog, and an immediate
                    // retry would busy-wait.
                    std::thread::sleep(EXHAUSTED_PAUSE);
                }
                Ok(ListenerEvent::Timeout)
            }
        }
    }

    /// The path it listens at.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.is_there() {
            // A leftover socket is checked and removed by the next process to listen.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The user at the other end of a socket.
///
/// # Errors
/// If the system does not support it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::session) fn peer(stream: &impl AsFd) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// On other systems only the private directory keeps other users out.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::session) fn peer(_stream: &impl AsFd) -> io::Result<u32> {
    Ok(rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        // Closed without being removed, as after SIGKILL.
        drop(UnixListener::bind(&path).unwrap());
        let listener = Listener::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = Listener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(listener.is_there());
        fs::remove_file(&path).unwrap();
        assert!(!listener.is_there());
        let again = Listener::bind(&path).unwrap();
        drop(listener);
        assert!(again.is_there(), "dropping the old listener keeps the new socket");
    }

    #[test]
    fn a_symbolic_link_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("socket"), dir.path().join("other"));
        let listener = Listener::bind(&path).unwrap();
        let elsewhere = UnixListener::bind(&other).unwrap();
        for target in [dir.path().join("dangling"), other] {
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(target, &path).unwrap();
            assert!(!listener.is_there());
            assert!(Listener::bind(&path).unwrap().is_there());
        }
        drop(elsewhere);
    }

    #[test]
    fn the_user_of_a_connection_is_known() {
        let (here, _there) = UnixStream::pair().unwrap();
        assert_eq!(peer(&here).unwrap(), rustix::process::geteuid().as_raw());
    }
}
