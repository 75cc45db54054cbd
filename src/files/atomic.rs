//! Files that are whole or not there.

use rustix::fs::{Access, FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use tempfile::NamedTempFile;

/// What temporary files are called before they get their name; the number of the process that
/// writes them follows.
pub const PREFIX: &str = ".nntop-";
/// Symbolic links that are followed from one to the next, as Linux does.
const MOST_LINKS: u32 = 40;

/// Writes a file in one step: readers, a crash or a full disk see the old content or the new one,
/// never a part. The bytes are on the disk when this returns. A symbolic link stays, and what it
/// leads to is written, also where that does not exist yet. What is there already but is no regular
/// file (a pipe, a device) is written to as it is; a pipe must have a reader.
///
/// # Errors
/// Where the directory is missing or read-only, the disk is full, nobody reads the pipe, or links
/// lead in a circle; nothing is left behind.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, true, |file| file.write_all(bytes))
}

/// As [`write()`], but does not wait for the disk: a power cut may leave an empty file. For what is
/// checked when it is read and can be done without.
///
/// # Errors
/// As [`write()`].
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, false, |file| file.write_all(bytes))
}

/// As [`write()`], of what `print` writes.
///
/// # Errors
/// As [`write()`], and where `print` fails.
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

/// Whether `path` is the very file that is open.
#[must_use]
pub fn is_at(file: &File, path: &Path) -> bool {
    let inode = |about: fs::Metadata| (about.dev(), about.ino());
    let there = fs::symlink_metadata(path).map(inode);
    there.ok().zip(file.metadata().map(inode).ok()).is_some_and(|(there, open)| there == open)
}

/// Puts a file back at its path, where somebody has removed or replaced it, with all that the open
/// `file` still holds; false where it was there.
///
/// # Errors
/// Where it cannot be read, or not written.
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

/// Whether [`write()`] could write here, found out without leaving anything behind.
///
/// # Errors
/// Where the path is a directory, its directory is missing or read-only, or links lead in a circle.
pub fn check_writable(path: &Path) -> io::Result<()> {
    let target = resolve(path)?;
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // To open a pipe now and close it again would end whoever reads it.
        Ok(metadata) if !metadata.is_file() => Ok(rustix::fs::access(&target, Access::WRITE_OK)?),
        _ => temporary(parent(&target)).map(drop),
    }
}

/// A pipe or a device, opened without waiting for a reader.
fn open_special(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(|error| {
        let nobody = error.raw_os_error() == Some(Errno::NXIO.raw_os_error());
        let is_pipe = || fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo());
        if nobody && is_pipe() { io::Error::other("is a pipe that nobody reads") } else { error }
    })?;
    // From here on a slow reader is waited for.
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// A new temporary file, locked for as long as it is open: [`sweep`] leaves it alone.
fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", process::id()))
            // As any new file: readable as the user's umask says.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)
            .map_err(plain)?;
        // Where the file system has no locks, the number in the name has to do.
        let _ = flock(file.as_file(), FlockOperation::NonBlockingLockExclusive);
        // Somebody may have swept it before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
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

/// Removes the temporary files that a killed [`write()`] left in a directory: those whose lock no
/// process holds. A killed process holds none, even while it is a zombie or after its process id was
/// given to another one.
pub fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if let Some(writer) = entry.file_name().to_str().and_then(writer)
            && is_abandoned(&entry.path(), writer)
        {
            // Somebody else may have swept it just now.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// As [`sweep`], in the directory of the file that [`write()`] would write for `path`.
pub fn sweep_beside(path: &Path) {
    if let Ok(target) = resolve(path) {
        sweep(parent(&target));
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

/// The process that a temporary file is of.
fn writer(name: &str) -> Option<Pid> {
    let (process, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Pid::from_raw(process.parse().ok()?)
}

/// Where symbolic links lead from a path, whether or not something is there.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
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
    fn only_files_that_no_process_holds_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let held = temporary(dir.path()).unwrap();
        // As kill -9 leaves it; the number is that of a process that lives.
        let left = format!("{PREFIX}{}-abc", process::id());
        for name in [left.as_str(), ".nntop-notes", "model"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink("model", dir.path().join(".nntop-1-link")).unwrap();
        sweep(dir.path());
        let mut kept = names(dir.path());
        kept.sort();
        let held = held.path().file_name().unwrap().to_str().unwrap();
        let mut expected = [held, ".nntop-1-link", ".nntop-notes", "model"];
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
    fn a_link_to_what_is_not_there_yet_is_followed_and_a_circle_refused() {
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
    fn a_file_that_was_removed_or_replaced_comes_back_whole() {
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
    fn a_pipe_without_a_reader_is_an_error_and_no_wait() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        check_writable(&pipe).unwrap();
        let error = write(&pipe, b"x").unwrap_err();
        assert_eq!(error.to_string(), "is a pipe that nobody reads");
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
