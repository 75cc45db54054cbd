//! A file and its first bytes, decompressed if it is gzipped.

use crate::data::DataError;
use crate::files;
use flate2::read::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Number of bytes at the start of a file used to recognise it.
const HEAD: u64 = 8 << 10;
/// Compressed data may unpack to this many bytes regardless of its size.
const UNPACKED_FREELY: u64 = 64 << 20;
/// Larger data may unpack to at most this many times its size; real images stay below 20.
const MAX_RATIO: u64 = 100;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A readable regular file and its first bytes.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub path: PathBuf,
    /// Size of the file on disk, in bytes.
    pub len: u64,
    /// Whether it is compressed with gzip, regardless of its name.
    pub gzipped: bool,
    /// Its first bytes, decompressed.
    pub head: Vec<u8>,
}

impl SourceFile {
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let wrap = |source| DataError::Read { file: path.into(), source };
        let (mut file, len) = files::read::open(path).map_err(wrap)?;
        let mut head = Vec::new();
        (&mut file).take(HEAD).read_to_end(&mut head).map_err(wrap)?;
        let gzipped = head.starts_with(&GZIP);
        if gzipped {
            let mut unpacked = Vec::new();
            // The start of a truncated gzip file is enough.
            let _ = MultiGzDecoder::new(head.as_slice()).take(HEAD).read_to_end(&mut unpacked);
            head = unpacked;
        }
        Ok(Self { path: path.into(), len, gzipped, head })
    }

    /// Reads the file from the start, decompressed.
    pub fn reader(&self) -> Result<Box<dyn Read>, DataError> {
        let file = File::open(&self.path)
            .map_err(|source| DataError::Read { file: self.path.clone(), source })?;
        let file = BufReader::with_capacity(128 << 10, file);
        if !self.gzipped {
            return Ok(Box::new(file));
        }
        let consumed = Rc::new(Cell::new(0));
        let counted = CountingReader { inner: file, consumed: Rc::clone(&consumed) };
        let unpacker = MultiGzDecoder::new(counted);
        Ok(Box::new(BombGuard { inner: unpacker, packed: move || consumed.get(), unpacked: 0 }))
    }

    /// The file name in lower case, without `.gz`; used to determine the split, never the format.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.strip_suffix(".gz").map_or(name.clone(), String::from)
    }

    /// The error for a damaged file of a known format.
    pub fn damaged(&self, format: &'static str, problem: impl ToString) -> DataError {
        DataError::Damaged { file: self.path.clone(), format, problem: problem.to_string() }
    }

    /// The error for an intact file that cannot be used.
    pub fn unsuitable(&self, problem: impl ToString, advice: impl ToString) -> DataError {
        DataError::Unsuitable {
            file: self.path.clone(),
            problem: problem.to_string(),
            advice: advice.to_string(),
        }
    }
}

/// Counts the bytes read.
struct CountingReader<R> {
    inner: R,
    consumed: Rc<Cell<u64>>,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.consumed.set(self.consumed.get() + count as u64);
        Ok(count)
    }
}

/// A reader of decompressed data that fails on a decompression bomb.
pub(super) struct BombGuard<R, F> {
    pub inner: R,
    /// Compressed bytes read so far, or in total.
    pub packed: F,
    pub unpacked: u64,
}

impl<R: Read, F: Fn() -> u64> Read for BombGuard<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.unpacked += count as u64;
        let packed = (self.packed)();
        if self.unpacked > UNPACKED_FREELY.max(packed.saturating_mul(MAX_RATIO)) {
            return Err(io::Error::other(format!(
                "a decompression bomb: {packed} bytes unpack to more than {} MB",
                self.unpacked >> 20
            )));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn a_gzip_bomb_is_stopped_before_it_fills_memory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("images");
        let mut packer = GzEncoder::new(File::create(&file).unwrap(), Compression::fast());
        let zeros = vec![0; 1 << 20];
        (0..80).for_each(|_| packer.write_all(&zeros).unwrap());
        packer.finish().unwrap();
        let source = SourceFile::open(&file).unwrap();
        assert!(source.gzipped && source.head.iter().all(|&byte| byte == 0));
        let mut buffer = vec![0; 1 << 20];
        let mut reader = source.reader().unwrap();
        let mut read = 0;
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(0) => panic!("{read} bytes came out"),
                Ok(count) => read += count,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("decompression bomb"), "{error}");
        assert!(read as u64 <= UNPACKED_FREELY, "{read}");
    }
}
