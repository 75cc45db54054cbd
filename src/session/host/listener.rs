//! The session's socket: only this user's, made again when somebody deletes it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long nobody is accepted after the system had no descriptor left for them.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// Why a wait for clients ended.
#[derive(Debug)]
pub(super) enum Wake {
    /// Somebody has connected.
    Connection(UnixStream),
    /// There is something to read on the other descriptor.
    Other,
    /// Nothing happened in time.
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
    /// Listens at a path. A socket that a dead process left there is removed, but only after
    /// nobody answered at it; so is a link, which would lead clients elsewhere.
    ///
    /// # Errors
    /// Where somebody answers, or the socket cannot be made.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let is_link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
        match UnixStream::connect(path) {
            _ if is_link => fs::remove_file(path)?,
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => fs::remove_file(path)?,
        }
        let listener = UnixListener::bind(path)?;
        // Nobody else can enter the directory meanwhile.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let metadata = fs::symlink_metadata(path)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { socket: listener, path: path.into(), identity })
    }

    /// Whether clients find this very socket at its path.
    pub(super) fn is_there(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }

    /// Waits for a client, for something to read on `other`, or for so long.
    ///
    /// # Errors
    /// Where the system cannot wait.
    pub(super) fn wait(&self, other: BorrowedFd<'_>, patience: Duration) -> io::Result<Wake> {
        let mut polled = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::from_borrowed_fd(other, PollFlags::IN),
        ];
        let timeout = Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut polled, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Wake::Timeout),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !polled[1].revents().is_empty() {
            return Ok(Wake::Other);
        }
        match self.socket.accept() {
            Ok((stream, _)) => Ok(Wake::Connection(stream)),
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    // Without a descriptor the client stays in the queue, and asking again at
                    // once would burn the CPU.
                    std::thread::sleep(EXHAUSTED);
                }
                Ok(Wake::Timeout)
            }
        }
    }

    /// Where it listens.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.is_there() {
            // What is left is probed and removed by whoever comes next.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The user at the other end of a socket.
///
/// # Errors
/// Where the system does not say.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::session) fn peer(stream: &impl AsFd) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// Elsewhere the private directory alone keeps others out.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::session) fn peer(_stream: &impl AsFd) -> io::Result<u32> {
    Ok(rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_removed_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        // Closed without being removed, as by kill -9.
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
        assert!(again.is_there(), "the old one removes only itself");
    }

    #[test]
    fn a_link_in_its_place_is_replaced() {
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
