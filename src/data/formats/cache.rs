//! Folders of pictures as they were decoded, kept for later starts.
//!
//! A kept file is used only while every picture has the path, size and time of change that it had.

use super::options::OpenOptions;
use super::part::Labels;
use super::part::Part;
use super::parts::{Parts, Role};
use crate::data::Images;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Raised when the meaning of a kept file changes, or what pictures become.
const MAGIC: &[u8; 16] = b"nntop-pictures-1";
/// Fewer pictures are decoded sooner than a file is worth its room.
const FEWEST: usize = 500;
/// Most bytes that are kept of all data sets; the oldest go first.
const MOST_KEPT: u64 = 4 << 30;
/// Longest text in a kept file.
const MOST_TEXT: u64 = 1 << 20;

/// A list of pictures, and the file where they are kept decoded.
#[derive(Debug)]
pub(super) struct Listed {
    file: PathBuf,
    /// Of paths, sizes, times and options.
    digest: [u8; 32],
}

impl Listed {
    /// Looks at every picture's size and time; `None` where nothing is to be kept.
    pub fn of<'a>(
        root: &Path,
        files: impl ExactSizeIterator<Item = &'a Path>,
        options: &OpenOptions,
    ) -> Option<Self> {
        let dir = options.cache.as_ref().filter(|_| files.len() >= FEWEST)?;
        let root = root.canonicalize().ok()?;
        let mut digest = Sha256::new();
        digest.update(MAGIC);
        for side in options.size.map_or([0, 0], |(width, height)| [width, height]) {
            digest.update((side as u64).to_le_bytes());
        }
        let place: [u8; 32] =
            digest.clone().chain_update(root.as_os_str().as_encoded_bytes()).finalize().into();
        for path in files {
            let about = fs::metadata(path).ok()?;
            let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(about.len().to_le_bytes());
            digest.update(changed.as_nanos().to_le_bytes());
        }
        let name = u64::from_be_bytes(*place.first_chunk()?);
        let file = dir.join(format!("{name:016x}.pictures"));
        Some(Self { file, digest: digest.finalize().into() })
    }
}

/// What was kept of a list of pictures; `None` where there is nothing, or it is of another list.
pub(super) fn load(listed: &Listed, root: &Path) -> Option<Parts> {
    let file = File::open(&listed.file).ok()?;
    let len = file.metadata().ok()?.len();
    let mut reader = Reader { inner: BufReader::new(file), left: len };
    if reader.array()? != *MAGIC || reader.array()? != listed.digest {
        return None;
    }
    let mut parts = Parts { resized: true, ..Parts::default() };
    parts.classes = Some(reader.texts()?);
    parts.notes = reader.texts()?;
    for role in Role::ALL {
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
        *parts.slot(role) = Some(Part { file: root.into(), images, labels });
    }
    (reader.left == 0).then_some(parts)
}

struct Reader<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Reader<R> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).ok()?;
        self.left = self.left.checked_sub(N as u64)?;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// So many bytes, if the file has as many left.
    fn bytes(&mut self, count: u64) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(count)?;
        let mut bytes = vec![0; count as usize];
        self.inner.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        let count = self.number().filter(|&count| count <= MOST_TEXT)?;
        (0..count)
            .map(|_| {
                let length = self.number().filter(|&length| length <= MOST_TEXT)?;
                String::from_utf8(self.bytes(length)?).ok()
            })
            .collect()
    }
}

/// Keeps what a list of pictures was decoded to. That this fails is no reason to stop: the next
/// start decodes again.
pub(super) fn store(listed: &Listed, parts: &Parts) {
    let Some(dir) = listed.file.parent() else { return };
    if write(dir, listed, parts).is_ok() {
        make_room(dir, &listed.file);
    }
}

fn write(dir: &Path, listed: &Listed, parts: &Parts) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(dir)?;
    let mut out = io::BufWriter::new(file.as_file_mut());
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
    out.flush()?;
    drop(out);
    file.persist(&listed.file).map_err(|error| error.error)?;
    Ok(())
}

/// Removes the oldest files until no more than [`MOST_KEPT`] bytes are left; the newest stays.
fn make_room(dir: &Path, newest: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut kept: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "pictures"))
        .filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some((about.modified().ok()?, about.len(), entry.path()))
        })
        .collect();
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, len, _)| len).sum();
    for (_, len, path) in kept {
        if total <= MOST_KEPT {
            break;
        }
        if path != newest && fs::remove_file(&path).is_ok() {
            total -= len;
        }
    }
}
