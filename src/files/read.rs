//! Bounded reads of regular files.
//!
//! An untrusted path may name a pipe without a writer, an endless device, or a sparse file of any
//! size. Opening it must not block, and nothing is allocated before its length is known.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file for reading, and returns its length in bytes.
///
/// # Errors
/// If it is missing, cannot be read, or is a directory, pipe, socket or device.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    regular(OpenOptions::new().read(true), path, OFlags::NONBLOCK)
}

/// Opens a regular file with `options`, without blocking on a pipe and without following a symbolic
/// link in the last component of the path.
///
/// # Errors
/// As [`open`], and if the path is a symbolic link.
pub fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let (file, _) = regular(options, path, OFlags::NONBLOCK | OFlags::NOFOLLOW)?;
    Ok(file)
}

fn regular(options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<(File, u64)> {
    let file = options.custom_flags(flags.bits().cast_signed()).open(path).map_err(|error| {
        let refused_link = flags.contains(OFlags::NOFOLLOW)
            && error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        if refused_link {
            io::Error::other("is a symbolic link, which is not followed")
        } else {
            error
        }
    })?;
    let data = file.metadata()?;
    if data.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !data.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    // Reads of a regular file ignore O_NONBLOCK, so the flag need not be cleared.
    Ok((file, data.len()))
}

/// The bytes of a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and if it is longer.
pub fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    rest(file, length, most)
}

/// The text of a regular file of at most `most` bytes.
///
/// # Errors
/// As [`bytes`], and if it is not UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(bytes(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not text in UTF-8"))
}

/// The rest of a file that has `length` more bytes, which must be at most `most`.
///
/// # Errors
/// If it cannot be read, or is longer.
pub fn rest(file: impl Read, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let too_long = || {
        let problem = format!("is longer than the {most} bytes that are read");
        Err(io::Error::new(io::ErrorKind::FileTooLarge, problem))
    };
    if length > most {
        return too_long();
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| io::ErrorKind::OutOfMemory)?;
    // The file may have grown since its length was read.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { too_long() } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::fs;

    #[test]
    fn special_files_are_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for path in [pipe.as_path(), dir.path(), Path::new("/dev/zero")] {
            assert!(bytes(path, 10).is_err(), "{}", path.display());
        }
        let error = text(&pipe, 10).unwrap_err();
        assert_eq!(error.to_string(), "is not a regular file");
    }

    #[test]
    fn a_file_longer_than_the_limit_is_refused_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let sparse = dir.path().join("sparse");
        File::create(&sparse).unwrap().set_len(1 << 42).unwrap();
        let error = bytes(&sparse, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        fs::write(dir.path().join("ten"), b"0123456789").unwrap();
        assert_eq!(bytes(&dir.path().join("ten"), 10).unwrap(), b"0123456789");
        assert!(bytes(&dir.path().join("ten"), 9).is_err());
        // A file that grows while it is read.
        assert!(rest(&b"0123456789"[..], 3, 9).is_err());
    }

    #[test]
    fn only_open_follows_a_symbolic_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, b"x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(bytes(&link, 10).unwrap(), b"x");
        let error = open_own(OpenOptions::new().read(true), &link).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert!(open_own(OpenOptions::new().append(true), &file).is_ok());
    }
}
