//! Atomic writes: a file has its old content or the new one, never a mixture or a part.

use rustix::fs::{Access, FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use tempfile::NamedTempFile;

/// Prefix of the names of temporary files; the process id of the writer follows.
pub const PREFIX: &str = ".nntop-";
/// Maximum length of a chain of symbolic links, as in Linux.
const MAX_LINKS: u32 = 40;

/// Writes a file atomically: readers see the old content or the new one, never a part, even after a
/// crash or on a full disk. The bytes are on the disk when this returns. Symbolic links are followed,
/// even if the target does not exist yet. An existing pipe or device is written to directly; a pipe
/// must have a reader.
///
/// # Errors
/// If the directory is missing or read-only, the disk is full, the pipe has no reader, or there is a
/// loop of symbolic links; no temporary file is left.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, true, |file| file.write_all(bytes))
}

/// As [`write()`], but without fsync: a power failure may leave an empty file. For files that are
/// checked when they are read and can be recreated.
///
/// # Errors
/// As [`write()`].
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, false, |file| file.write_all(bytes))
}

/// As [`write()`], with the content that `print` writes.
///
/// # Errors
/// As [`write()`], and if `print` fails.
pub fn write_with(path: &Path, print: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    replace(path, true, print)
}

fn replace(
    path: &Path,
    sync: bool,
    print: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let target = resolve(path)?;
    if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
        return print(&mut open_special(&target)?);
    }
    let dir = parent(&target);
    let mut file = temporary(dir)?;
    print(file.as_file_mut())?;
    if sync {
        file.as_file().sync_all()?;
    }
    file.persist(&target).map_err(|error| error.error)?;
    if sync { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Whether `path` still names the open file.
#[must_use]
pub fn is_at(file: &File, path: &Path) -> bool {
    let inode = |data: fs::Metadata| (data.dev(), data.ino());
    let there = fs::symlink_metadata(path).map(inode);
    there.ok().zip(file.metadata().map(inode).ok()).is_some_and(|(there, open)| there == open)
}

/// Restores a file that was deleted or replaced at `path`, with the content of the open `file`.
/// Returns false if it was still there.
///
/// # Errors
/// If it cannot be read or written.
pub fn restore(file: &File, path: &Path) -> io::Result<bool> {
    if is_at(file, path) {
        return Ok(false);
    }
    write_with(path, |copy| {
        let mut buffer = vec![0; 64 << 10];
        let mut at = 0;
        loop {
            match file.read_at(&mut buffer, at)? {
                0 => return Ok(()),
                count => copy.write_all(&buffer[..count])?,
            }
            at = copy.metadata()?.len();
        }
    })?;
    Ok(true)
}

/// Checks that [`write()`] could write here, without leaving anything behind.
///
/// # Errors
/// If the path is a directory, its parent is missing or read-only, or there is a loop of links.
pub fn check_writable(path: &Path) -> io::Result<()> {
    let target = resolve(path)?;
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // Opening a pipe and closing it again would send its reader an end of file.
        Ok(metadata) if !metadata.is_file() => Ok(rustix::fs::access(&target, Access::WRITE_OK)?),
        _ => temporary(parent(&target)).map(drop),
    }
}

/// Opens a pipe or a device without waiting for a reader.
fn open_special(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(|error| {
        let no_reader = error.raw_os_error() == Some(Errno::NXIO.raw_os_error());
        let is_pipe = || fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo());
        if no_reader && is_pipe() { io::Error::other("is a pipe without a reader") } else { error }
    })?;
    // Writes wait for a slow reader.
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// A new temporary file, locked while it is open so that [`remove_abandoned`] leaves it alone.
fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", process::id()))
            // The usual mode of a new file, which the umask restricts.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)
            .map_err(without_path)?;
        // On a file system without locks, the process id in the name has to suffice.
        let _ = flock(file.as_file(), FlockOperation::NonBlockingLockExclusive);
        // Another process may have swept it before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// The error without the path of the temporary file, which the user does not know.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((what, _)) => io::Error::new(error.kind(), what),
        None => error,
    }
}

/// Removes the temporary files that a killed [`write()`] left in a directory: those whose lock no
/// process holds. A killed process holds none, even while it is a zombie or after its process id was
/// given to another one.
pub fn remove_abandoned(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if let Some(writer) = entry.file_name().to_str().and_then(writer)
            && is_abandoned(&entry.path(), writer)
        {
            // Another process may have swept it at the same time.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// As [`remove_abandoned`], in the directory of the file that [`write()`] would write for `path`.
pub fn sweep_beside(path: &Path) {
    if let Ok(target) = resolve(path) {
        remove_abandoned(parent(&target));
    }
}

fn is_abandoned(path: &Path, writer: Pid) -> bool {
    let Ok(file) = super::read::open_own(OpenOptions::new().read(true), path) else { return false };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => true,
        Err(Errno::WOULDBLOCK) => false,
        // A file system without locks.
        Err(_) => test_kill_process(writer) == Err(Errno::SRCH),
    }
}

/// The process that wrote a temporary file, from its name.
fn writer(name: &str) -> Option<Pid> {
    let (process, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Pid::from_raw(process.parse().ok()?)
}

/// The target of a chain of symbolic links, whether or not it exists.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = parent(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(Errno::LOOP.into())
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
    fn a_file_is_replaced_without_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        write(&path, b"one").unwrap();
        check_writable(&path).unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["model"]);
    }

    #[test]
    fn only_files_that_no_process_holds_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let held = temporary(dir.path()).unwrap();
        // As left by a process killed with SIGKILL; the number is that of a running process.
        let left = format!("{PREFIX}{}-abc", process::id());
        for name in [left.as_str(), ".nntop-notes", "model"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink("model", dir.path().join(".nntop-1-link")).unwrap();
        remove_abandoned(dir.path());
        let mut kept = names(dir.path());
        kept.sort();
        let held = held.path().file_name().unwrap().to_str().unwrap();
        let mut expected = [held, ".nntop-1-link", ".nntop-notes", "model"];
        expected.sort_unstable();
        assert_eq!(kept, expected);
        remove_abandoned(&dir.path().join("none"));
    }

    #[test]
    fn a_symbolic_link_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, b"one").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"two");
    }

    #[test]
    fn dangling_links_are_followed_and_loops_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name| dir.path().join(name);
        std::os::unix::fs::symlink("second", at("first")).unwrap();
        std::os::unix::fs::symlink(at("new"), at("second")).unwrap();
        check_writable(&at("first")).unwrap();
        write(&at("first"), b"x").unwrap();
        assert_eq!(fs::read(at("new")).unwrap(), b"x");
        assert!(fs::symlink_metadata(at("first")).unwrap().is_symlink());
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        for result in [write(&at("circle"), b"x"), check_writable(&at("circle"))] {
            assert_eq!(result.unwrap_err().raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        }
        assert!(fs::symlink_metadata(at("circle")).unwrap().is_symlink());
    }

    #[test]
    fn a_deleted_or_replaced_file_is_restored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        let content = vec![b'x'; 200_000];
        write(&path, &content).unwrap();
        let file = File::open(&path).unwrap();
        assert!(!restore(&file, &path).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(restore(&file, &path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), content);
        let file = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"other").unwrap();
        assert!(restore(&file, &path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), content);
    }

    #[test]
    fn a_pipe_without_a_reader_is_an_error_without_waiting() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        check_writable(&pipe).unwrap();
        let error = write(&pipe, b"x").unwrap_err();
        assert_eq!(error.to_string(), "is a pipe without a reader");
    }

    #[test]
    fn a_device_is_written_to_directly() {
        if !Path::new("/dev/full").exists() {
            return eprintln!("skipped: there is no /dev/full");
        }
        let error = write(Path::new("/dev/full"), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }

    #[test]
    fn missing_parents_and_directories_are_rejected() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().join("none/model"), dir.path().into()] {
            assert!(check_writable(&path).is_err(), "{}", path.display());
            assert!(write(&path, b"x").is_err(), "{}", path.display());
        }
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn errors_do_not_name_the_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("missing/x"), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(PREFIX), "{error}");
    }
}
