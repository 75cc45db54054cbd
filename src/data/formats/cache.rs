//! A cache of decoded folders of pictures.
//!
//! A cache file is used only if the path, length and modification time of every picture are unchanged.

use super::options::OpenOptions;
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::Images;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Incremented whenever the file format or the decoding of pictures changes.
const MAGIC: &[u8; 16] = b"nntop-pictures-2";
/// Minimum number of pictures for which a cache file is written.
const MIN_PICTURES: usize = 500;
/// Maximum total size of the cache in bytes; the oldest files are removed first.
const MAX_KEPT: u64 = 4 << 30;
/// Maximum length of a text in a cache file.
const MAX_TEXT: u64 = 1 << 20;

/// The cache file for a list of pictures, and the digest by which it is validated.
#[derive(Debug)]
pub(super) struct CacheKey {
    file: PathBuf,
    /// SHA-256 of the paths, lengths and modification times of all pictures, and of the options.
    digest: [u8; 32],
}

impl CacheKey {
    /// Reads the length and modification time of every picture; `None` if no cache is used.
    pub fn of<'a>(
        root: &Path,
        files: impl ExactSizeIterator<Item = &'a Path>,
        options: &OpenOptions,
    ) -> Option<Self> {
        let dir = options.cache.as_ref().filter(|_| files.len() >= MIN_PICTURES)?;
        let root = root.canonicalize().ok()?;
        let mut digest = Sha256::new();
        digest.update(MAGIC);
        for side in options.size.map_or([0, 0], |(width, height)| [width, height]) {
            digest.update((side as u64).to_le_bytes());
        }
        let place: [u8; 32] =
            digest.clone().chain_update(root.as_os_str().as_encoded_bytes()).finalize().into();
        for path in files {
            let metadata = fs::metadata(path).ok()?;
            let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(metadata.len().to_le_bytes());
            digest.update(changed.as_nanos().to_le_bytes());
        }
        let name = u64::from_be_bytes(*place.first_chunk()?);
        let file = dir.join(format!("{name:016x}.pictures"));
        Some(Self { file, digest: digest.finalize().into() })
    }
}

/// Loads the cache file; `None` if it is missing, outdated or damaged.
pub(super) fn load(listed: &CacheKey, root: &Path) -> Option<Splits> {
    let file = File::open(&listed.file).ok()?;
    let len = file.metadata().ok()?.len();
    let sum = crc32fast::Hasher::new();
    let mut reader = CacheReader { inner: BufReader::new(file), left: len, sum };
    if reader.array()? != *MAGIC || reader.array()? != listed.digest {
        return None;
    }
    let mut parts = Splits { resized: true, ..Splits::default() };
    parts.classes = Some(reader.texts()?);
    parts.notes = reader.texts()?;
    for split in Split::ALL {
        let count = reader.number()? as usize;
        if count == 0 {
            continue;
        }
        let [width, height, channels] =
            [reader.number()?, reader.number()?, reader.number()?].map(|n| n as usize);
        let labels = reader.bytes(count as u64)?;
        let size = count.checked_mul(width)?.checked_mul(height)?.checked_mul(channels)?;
        let pixels = reader.bytes(size as u64)?;
        let images = Images { width, height, channels, pixels, labels: Vec::new() };
        let labels = Labels::Numbers(labels.into_iter().map(i64::from).collect());
        *parts.slot(split) = Some(SplitImages { file: root.into(), images, labels });
    }
    let sum = reader.sum.clone().finalize();
    let kept = u32::from_le_bytes(reader.array()?);
    (reader.left == 0 && kept == sum).then_some(parts)
}

struct CacheReader<R> {
    inner: R,
    /// Number of bytes not yet read.
    left: u64,
    /// Checksum of the bytes read.
    sum: crc32fast::Hasher,
}

impl<R: Read> CacheReader<R> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).ok()?;
        self.left = self.left.checked_sub(N as u64)?;
        self.sum.update(&bytes);
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads this many bytes, if the file has that many left.
    fn bytes(&mut self, count: u64) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(count)?;
        let mut bytes = vec![0; count as usize];
        self.inner.read_exact(&mut bytes).ok()?;
        self.sum.update(&bytes);
        Some(bytes)
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        let count = self.number().filter(|&count| count <= MAX_TEXT)?;
        (0..count)
            .map(|_| {
                let length = self.number().filter(|&length| length <= MAX_TEXT)?;
                String::from_utf8(self.bytes(length)?).ok()
            })
            .collect()
    }
}

/// Writes the cache file. Errors are ignored; without a cache file, pictures are decoded again.
pub(super) fn store(listed: &CacheKey, parts: &Splits) {
    let Some(dir) = listed.file.parent() else { return };
    if write(dir, listed, parts).is_ok() {
        make_room(dir, &listed.file);
    }
}

fn write(dir: &Path, listed: &CacheKey, parts: &Splits) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(dir)?;
    let out = io::BufWriter::new(file.as_file_mut());
    let mut out = ChecksumWriter { inner: out, sum: crc32fast::Hasher::new() };
    let texts = |out: &mut dyn Write, texts: &[String]| -> io::Result<()> {
        out.write_all(&(texts.len() as u64).to_le_bytes())?;
        texts.iter().try_for_each(|text| {
            out.write_all(&(text.len() as u64).to_le_bytes())?;
            out.write_all(text.as_bytes())
        })
    };
    out.write_all(MAGIC)?;
    out.write_all(&listed.digest)?;
    texts(&mut out, parts.classes.as_deref().unwrap_or_default())?;
    texts(&mut out, &parts.notes)?;
    for part in [&parts.train, &parts.validation, &parts.test] {
        let labels: Vec<u8> = match part.as_ref().map(|part| &part.labels) {
            Some(Labels::Numbers(numbers)) => numbers.iter().map(|&number| number as u8).collect(),
            _ => Vec::new(),
        };
        out.write_all(&(labels.len() as u64).to_le_bytes())?;
        if let (Some(part), false) = (part, labels.is_empty()) {
            let Images { width, height, channels, pixels, .. } = &part.images;
            for number in [width, height, channels] {
                out.write_all(&(*number as u64).to_le_bytes())?;
            }
            out.write_all(&labels)?;
            out.write_all(pixels)?;
        }
    }
    let sum = out.sum.clone().finalize();
    out.write_all(&sum.to_le_bytes())?;
    out.flush()?;
    drop(out);
    file.persist(&listed.file).map_err(|error| error.error)?;
    Ok(())
}

/// Computes the checksum of the bytes written.
struct ChecksumWriter<W> {
    inner: W,
    sum: crc32fast::Hasher,
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Removes the oldest files until at most [`MAX_KEPT`] bytes are left; never removes the newest.
fn make_room(dir: &Path, newest: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut kept: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "pictures"))
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, len, _)| len).sum();
    for (_, len, path) in kept {
        if total <= MAX_KEPT {
            break;
        }
        if path != newest && fs::remove_file(&path).is_ok() {
            total -= len;
        }
    }
}
