//! The output of a command: stored on disk up to a limit, and split into lines for the screen.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Interval at which the lock of a reader is checked.
const WAIT: Duration = Duration::from_millis(5);

/// The output file. Once it reaches half of the limit, it replaces the older half, and a new file
/// is started.
///
/// A process that passes the output on holds a shared lock on the half that it reads. That half is
/// replaced only after the lock is released, so a slow reader blocks the command like a full pipe
/// and misses nothing.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    older: PathBuf,
    file: File,
    written: u64,
    half: u64,
}

impl OutputFile {
    /// Opens `path` for appending; the older half is moved to `older`. `limit` is the maximum size
    /// of both together in bytes.
    ///
    /// # Errors
    /// If the file cannot be opened, or is a symbolic link.
    pub(super) fn open(path: &Path, older: PathBuf, limit: u64) -> io::Result<Self> {
        let file = append(path)?;
        let written = file.metadata()?.len();
        Ok(Self { path: path.into(), older, file, written, half: (limit / 2).max(1) })
    }

    /// Appends bytes as they were printed.
    ///
    /// # Errors
    /// If they cannot be written, for example to a full disk.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.written >= self.half {
                wait_for_reader(&self.older)?;
                fs::rename(&self.path, &self.older)?;
                self.file = append(&self.path)?;
                self.written = 0;
            }
            let room = usize::try_from(self.half - self.written).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.file.write_all(now)?;
            self.written += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }
}

/// Waits until nobody holds a lock on the file, or it does not exist.
fn wait_for_reader(path: &Path) -> io::Result<()> {
    loop {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(WAIT),
            Err(error) => return Err(error.into()),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// Maximum length of a line in bytes; longer ones are split.
const MAX_LENGTH: usize = 4096;

/// Splits a byte stream into lines. A carriage return overwrites the line, as on a terminal, so a
/// progress bar is one line.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed now ends the line, anything else overwrites
    /// it.
    returned: bool,
}

impl LineSplitter {
    /// Takes bytes and passes each complete line to `done`, without its line ending.
    pub(super) fn push(&mut self, bytes: &[u8], mut done: impl FnMut(String)) {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    done(self.take());
                    self.returned = false;
                }
                b'\r' => self.returned = true,
                _ => {
                    if std::mem::take(&mut self.returned) {
                        self.line.clear();
                    }
                    if self.line.len() == MAX_LENGTH {
                        done(self.take());
                    }
                    self.line.push(byte);
                }
            }
        }
    }

    /// The incomplete last line, such as a prompt or a progress bar; `None` if it is empty.
    pub(super) fn current(&self) -> Option<String> {
        (!self.line.is_empty()).then(|| String::from_utf8_lossy(&self.line).into_owned())
    }

    /// Ends the current line at the end of the output.
    pub(super) fn finish(&mut self) -> Option<String> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8]) -> (Vec<String>, Option<String>) {
        let (mut lines, mut found) = (LineSplitter::default(), Vec::new());
        lines.push(bytes, |line| found.push(line));
        (found, lines.current())
    }

    #[test]
    fn a_progress_bar_is_one_line() {
        let (found, current) = lines(b"start\r\n 10%\r 20%\r100%\r\nloss 0.5");
        assert_eq!(found, ["start", "100%"]);
        assert_eq!(current.as_deref(), Some("loss 0.5"));
    }

    #[test]
    fn an_endless_line_is_split() {
        let (found, current) = lines(&vec![b'x'; MAX_LENGTH + 3]);
        assert_eq!((found[0].len(), current.unwrap().len()), (MAX_LENGTH, 3));
    }

    #[test]
    fn the_file_keeps_the_newest_output_within_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output");
        let mut file = OutputFile::open(&path, path.with_extension("old"), 100).unwrap();
        let all: Vec<u8> = (0..=255).collect();
        all.chunks(7).for_each(|part| file.write(part).unwrap());
        let kept =
            [fs::read(path.with_extension("old")).unwrap(), fs::read(&path).unwrap()].concat();
        assert!(kept.len() <= 100 && kept.len() > 50, "{}", kept.len());
        assert!(all.ends_with(&kept));
        // Opening it again continues where it stopped.
        drop(file);
        OutputFile::open(&path, path.with_extension("old"), 100).unwrap().write(b"more").unwrap();
        assert!(fs::read(&path).unwrap().ends_with(b"more"));
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (target, path) = (dir.path().join("target"), dir.path().join("output"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(OutputFile::open(&path, path.with_extension("old"), 100).is_err());
        assert!(!target.exists());
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_chunk_boundaries(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cut in 0_usize..200,
        ) {
            let (mut parts, mut found) = (LineSplitter::default(), Vec::new());
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            parts.push(first, |line| found.push(line));
            parts.push(second, |line| found.push(line));
            prop_assert_eq!((found, parts.current()), lines(&bytes));
        }
    }
}
