//! Follows a log file: polls and reopens it, and continues reading at the last good offset.

use super::formats::{LogFormat, ReaderKind};
use super::record::{LONGEST_RECORD, LogRecord, Sink};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const CHUNK: usize = 512 << 10;
/// Maximum number of bytes read per poll, so that the first curves of a huge file appear soon, and
/// the catalog is not locked for long.
const BUDGET: usize = 4 << 20;
/// Number of bytes at the start of a file, and before the offset, that are compared to detect that
/// the file was rewritten.
const FINGERPRINT: usize = 256;
/// Maximum size of a file that is read as a whole.
const LONGEST_WHOLE: u64 = 1 << 30;

/// A file with the offset up to which it was read, and its state at that time.
pub struct LogFile {
    path: PathBuf,
    format: &'static LogFormat,
    /// Creates a new reader; `None` for the reader of the format.
    make: Option<Box<dyn Fn() -> ReaderKind + Send>>,
    source: ReaderKind,
    offset: u64,
    stamp: Option<FileStamp>,
    /// The start of the file and the bytes before the offset, as last read.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Why the last poll failed.
    problem: Option<String>,
    /// Whether more data is left than one poll reads.
    is_behind: bool,
    /// Time of the last write, in seconds since 1970, as of the last poll that read data.
    modified: f64,
}

/// The properties that reveal a change of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// Length and modification time of a write-ahead log beside it.
    log: Option<(u64, i64, i64)>,
}

/// The result of polling a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    Unchanged,
    /// Data was read, though not necessarily a complete record.
    Read,
    /// The file does not exist, perhaps temporarily.
    Gone,
}

impl std::fmt::Debug for LogFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogFile")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl LogFile {
    /// A file of a format; `head` is its start, as far as known.
    #[must_use]
    pub fn new(path: &Path, format: &'static LogFormat, head: &[u8]) -> Self {
        Self::build(path, format, (format.open)(path, head), None)
    }

    /// A file that is read by a custom reader.
    #[must_use]
    pub fn with_reader(
        path: &Path,
        format: &'static LogFormat,
        make: impl Fn() -> ReaderKind + Send + 'static,
    ) -> Self {
        Self::build(path, format, make(), Some(Box::new(make)))
    }

    fn build(
        path: &Path,
        format: &'static LogFormat,
        source: ReaderKind,
        make: Option<Box<dyn Fn() -> ReaderKind + Send>>,
    ) -> Self {
        let path = path.to_path_buf();
        let (head, tail) = (Vec::new(), Vec::new());
        Self {
            path,
            format,
            make,
            source,
            offset: 0,
            stamp: None,
            head,
            tail,
            problem: None,
            is_behind: false,
            modified: f64::NAN,
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn format(&self) -> &'static LogFormat {
        self.format
    }

    /// The offset up to which the file was read, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether more data is left than one poll reads.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Time of the last write, in seconds since 1970, as of the last poll that read data.
    #[must_use]
    pub fn modified(&self) -> Option<f64> {
        Some(self.modified).filter(|time| time.is_finite())
    }

    /// Why the last poll failed.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Reads new data. With `end` set the file is considered complete, so that a last line without
    /// a newline counts too. `scratch` is a buffer that can be reused between calls.
    ///
    /// # Errors
    /// If the file exists and cannot be opened or read.
    pub fn poll(
        &mut self,
        end: bool,
        scratch: &mut Vec<u8>,
        sink: &mut dyn Sink,
    ) -> io::Result<Poll> {
        // Opening makes a network file system return current data; an open descriptor would not.
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Poll::Gone),
            Err(error) => return Err(error),
        };
        let stamp = self.stamp_of(&file)?;
        if self.stamp == Some(stamp) && !end {
            return Ok(Poll::Unchanged);
        }
        match &self.source {
            ReaderKind::Whole(_) => self.read_whole(&file, stamp, sink),
            ReaderKind::Stream(_) => self.read_on(&file, stamp, end, scratch, sink),
        }
    }

    fn stamp_of(&self, file: &File) -> io::Result<FileStamp> {
        let data = file.metadata()?;
        let log = match &self.source {
            ReaderKind::Whole(_) => {
                let mut beside = self.path.as_os_str().to_owned();
                beside.push("-wal");
                fs::metadata(beside).ok().map(|log| (log.len(), log.mtime(), log.mtime_nsec()))
            }
            ReaderKind::Stream(_) => None,
        };
        Ok(FileStamp {
            device: data.dev(),
            inode: data.ino(),
            length: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
            log,
        })
    }

    fn read_whole(
        &mut self,
        file: &File,
        stamp: FileStamp,
        sink: &mut dyn Sink,
    ) -> io::Result<Poll> {
        if self.stamp == Some(stamp) {
            return Ok(Poll::Unchanged);
        }
        if stamp.length > LONGEST_WHOLE {
            self.problem = Some(format!("{} bytes are too many to read at once", stamp.length));
            self.stamp = Some(stamp);
            return Ok(Poll::Unchanged);
        }
        let mut bytes = vec![0; stamp.length as usize];
        file.read_exact_at(&mut bytes, 0)?;
        let ReaderKind::Whole(read) = &self.source else { return Ok(Poll::Unchanged) };
        let mut again = self.offset > 0;
        let mut forget_first = |record: LogRecord<'_>| {
            if std::mem::take(&mut again) {
                sink.record(LogRecord::Reset);
            }
            sink.record(record);
        };
        let result = read(&self.path, bytes, &mut forget_first);
        self.problem = result.err();
        self.modified = stamp.modified.0 as f64 + stamp.modified.1 as f64 / 1e9;
        // An incomplete document is read again, even if its modification time does not change.
        self.stamp = if self.problem.is_none() { Some(stamp) } else { None };
        self.offset = stamp.length.max(1);
        Ok(Poll::Read)
    }

    fn read_on(
        &mut self,
        file: &File,
        stamp: FileStamp,
        end: bool,
        scratch: &mut Vec<u8>,
        sink: &mut dyn Sink,
    ) -> io::Result<Poll> {
        if self.offset > 0 {
            match self.compare(file, stamp)? {
                RereadResult::Same => {}
                RereadResult::Zeros => return Ok(Poll::Unchanged),
                RereadResult::Other => {
                    self.source = self
                        .make
                        .as_ref()
                        .map_or_else(|| (self.format.open)(&self.path, &[]), |make| make());
                    self.offset = 0;
                    self.head.clear();
                    sink.record(LogRecord::Reset);
                }
            }
        }
        let ReaderKind::Stream(reader) = &mut self.source else { return Ok(Poll::Unchanged) };
        let start = self.offset;
        let mut filled = 0;
        self.is_behind = false;
        loop {
            if !end && self.offset - start > BUDGET as u64 {
                self.is_behind = true;
                break;
            }
            if scratch.len() < filled + CHUNK {
                scratch.resize(filled + CHUNK, 0);
            }
            let count = read_at(file, &mut scratch[filled..], self.offset + filled as u64)?;
            filled += count;
            let is_last = count == 0;
            let taken = reader.read(&scratch[..filled], end && is_last, sink);
            self.offset += taken as u64;
            if is_last {
                break;
            }
            if taken >= filled {
                filled = 0;
            } else {
                scratch.copy_within(taken..filled, 0);
                filled -= taken;
            }
            if filled > LONGEST_RECORD + CHUNK {
                // No record is that long: skip the data.
                self.offset += filled as u64;
                filled = 0;
            }
        }
        if scratch.len() > 8 * CHUNK {
            scratch.truncate(8 * CHUNK);
            scratch.shrink_to_fit();
        }
        self.remember(file)?;
        self.modified = stamp.modified.0 as f64 + stamp.modified.1 as f64 / 1e9;
        self.stamp = Some(stamp).filter(|_| !self.is_behind);
        Ok(if self.offset > start || start == 0 { Poll::Read } else { Poll::Unchanged })
    }

    /// Compares the start of the file, and the bytes before the offset, with those read before.
    fn compare(&self, file: &File, stamp: FileStamp) -> io::Result<RereadResult> {
        let moved =
            self.stamp.is_some_and(|old| (old.device, old.inode) != (stamp.device, stamp.inode));
        // Skipping a long record may move the offset beyond the end of the file.
        let shrunk = self.stamp.is_some_and(|old| stamp.length < old.length);
        if moved || (shrunk && stamp.length < self.offset) {
            return Ok(RereadResult::Other);
        }
        let mut zeros = false;
        let places =
            [(0, &self.head), (self.offset.saturating_sub(self.tail.len() as u64), &self.tail)];
        for (at, known) in places {
            let mut now = vec![0; known.len()];
            if read_at(file, &mut now, at)? < known.len() {
                return Ok(RereadResult::Other);
            }
            if now != *known {
                // A network file system may return zeros temporarily.
                if now.iter().all(|&byte| byte == 0) {
                    zeros = true;
                } else {
                    return Ok(RereadResult::Other);
                }
            }
        }
        if zeros {
            return Ok(RereadResult::Zeros);
        }
        let ReaderKind::Stream(reader) = &self.source else { return Ok(RereadResult::Same) };
        for hole in reader.holes().iter().take(8) {
            let mut now = [0; 16];
            read_at(file, &mut now, hole.start)?;
            if now.iter().any(|&byte| byte != 0) {
                return Ok(RereadResult::Other);
            }
        }
        Ok(RereadResult::Same)
    }

    fn remember(&mut self, file: &File) -> io::Result<()> {
        let wanted = FINGERPRINT.min(self.offset as usize);
        if self.head.len() < wanted {
            self.head.resize(wanted, 0);
            let got = read_at(file, &mut self.head, 0)?;
            self.head.truncate(got);
        }
        self.tail.resize(wanted, 0);
        let got = read_at(file, &mut self.tail, self.offset - wanted as u64)?;
        if got < wanted {
            self.tail.clear();
        }
        Ok(())
    }
}

enum RereadResult {
    Same,
    /// Data that was read turned into zeros: wait.
    Zeros,
    Other,
}

/// Reads as many bytes as available, up to the buffer's length.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
