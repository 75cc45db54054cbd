//! Files that are whole or not there.

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

/// What temporary files are called before they get their name; the number of the process that
/// writes them follows.
const PREFIX: &str = ".nntop-";

/// Writes a file in one step: readers, a crash or a full disk see the old content or the new one,
/// never a part. The bytes are on the disk when this returns. What is there already but is no
/// regular file (a pipe, a device) is written to as it is.
///
/// # Errors
/// Where the directory is missing or read-only, or the disk is full; nothing is left behind.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = resolve(path);
    if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
        return OpenOptions::new().write(true).open(&target)?.write_all(bytes);
    }
    let dir = parent(&target);
    // As any new file: readable as the user's umask says.
    let mut file = tempfile::Builder::new()
        .prefix(&prefix(process::id()))
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(plain)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

/// Whether [`write()`] could write here, found out without leaving anything behind.
///
/// # Errors
/// Where the path is a directory, or its directory is missing or read-only.
pub fn check_writable(path: &Path) -> io::Result<()> {
    let target = resolve(path);
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            OpenOptions::new().write(true).open(&target).map(drop)
        }
        _ => {
            let prefix = prefix(process::id());
            let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(parent(&target));
            file.map(drop).map_err(plain)
        }
    }
}

/// What went wrong, without the name of a temporary file, which says nothing to anybody.
fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((what, _)) => io::Error::new(error.kind(), what),
        None => error,
    }
}

/// Removes what a [`write()`] that was killed has left in a directory: the temporary files of
/// processes that are gone.
pub fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let gone = |pid| test_kill_process(pid) == Err(Errno::SRCH);
        if name.to_str().and_then(writer).is_some_and(gone) {
            // Somebody else may have swept it just now.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn prefix(process: u32) -> String {
    format!("{PREFIX}{process}-")
}

/// The process that a temporary file is of.
fn writer(name: &str) -> Option<Pid> {
    let (process, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Pid::from_raw(process.parse().ok()?)
}

/// Where a symbolic link leads, so that the link stays and its target is replaced.
fn resolve(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.into())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        write(&path, b"one").unwrap();
        check_writable(&path).unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["model"]);
    }

    #[test]
    fn only_the_leftovers_of_processes_that_are_gone_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let mut gone = process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let left = format!("{}abc", prefix(gone.id()));
        let mine = format!("{}abc", prefix(process::id()));
        for name in [left.as_str(), mine.as_str(), ".nntop-notes", "model"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        sweep(dir.path());
        let mut kept = names(dir.path());
        kept.sort();
        let mut expected = [mine.as_str(), ".nntop-notes", "model"];
        expected.sort_unstable();
        assert_eq!(kept, expected);
        sweep(&dir.path().join("none"));
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, b"one").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"two");
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        if !Path::new("/dev/full").exists() {
            return eprintln!("skipped: no /dev/full here");
        }
        let error = write(Path::new("/dev/full"), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }

    #[test]
    fn directories_that_are_missing_or_no_directories_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().join("none/model"), dir.path().into()] {
            assert!(check_writable(&path).is_err(), "{}", path.display());
            assert!(write(&path, b"x").is_err(), "{}", path.display());
        }
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_goes_wrong_is_told_without_the_temporary_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("missing/x"), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(PREFIX), "{error}");
    }
}
