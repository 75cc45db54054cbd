//! Binary batches of CIFAR-10 and CIFAR-100: records of a label (CIFAR-100: a coarse and a fine
//! one) and 32×32 pixels in red, green and blue planes.

use super::arrays::interleave;
use super::npy::ends;
use super::options::OpenOptions;
use super::source::SourceFile;
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::{DataError, Images};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;
const FORMAT: &str = "CIFAR";
/// Maximum number of records of a file; CIFAR's have 10,000 or 50,000.
const MAX_RECORDS: u64 = 300_000;
/// Numbers of coarse and fine classes of CIFAR-100.
const COARSE: u8 = 20;
const FINE: u8 = 100;
/// Number of classes of CIFAR-10.
const CLASSES: u8 = 10;

/// Number of labels before the pixels of each record: 1 (CIFAR-10) or 2 (CIFAR-100); `None` for
/// other files. There is no magic number, so the length and the labels must match.
fn labels_of(len: u64, head: &[u8]) -> Option<usize> {
    let whole = |labels: usize| len > 0 && len.is_multiple_of((labels + PIXELS) as u64);
    let records = |labels: usize| head.chunks(labels + PIXELS).filter(move |r| r.len() >= labels);
    if whole(1) && records(1).all(|record| record[0] < CLASSES) {
        return Some(1);
    }
    let fine = |record: &[u8]| record[0] < COARSE && record[1] < FINE;
    (whole(2) && records(2).all(fine)).then_some(2)
}

pub(super) fn recognises(source: &SourceFile) -> bool {
    !source.gzipped && labels_of(source.len, &source.head).is_some()
}

/// Reads all batches of a directory; file names determine the split.
pub(super) fn read(sources: &[SourceFile], _: &OpenOptions) -> Result<Splits, DataError> {
    reject_truncated(sources)?;
    let mut parts = Splits::default();
    for source in sources {
        let split = Split::of(&source.name()).unwrap_or(Split::Train);
        parts.add(split, batch(source)?)?;
    }
    Ok(parts)
}

/// Rejects a truncated batch: a `.bin` file beside the others whose length is not a multiple of the
/// record size. It is not recognised as a batch, so its images would be missing silently.
fn reject_truncated(sources: &[SourceFile]) -> Result<(), DataError> {
    let Some(dir) = sources.first().and_then(|source| source.path.parent()) else { return Ok(()) };
    let is_batch = |path: &Path| path.extension().is_some_and(|extension| extension == "bin");
    if !sources.iter().all(|source| is_batch(&source.path)) {
        return Ok(());
    }
    let beside = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut others: Vec<PathBuf> = beside
        .filter(|path| is_batch(path) && sources.iter().all(|source| source.path != *path))
        .collect();
    others.sort();
    for path in others {
        let other = SourceFile::open(&path)?;
        let record = 1 + PIXELS as u64;
        if other.len == 0
            || !other.len.is_multiple_of(record) && !other.len.is_multiple_of(record + 1)
        {
            let problem =
                format!("it is cut off: {} bytes are not a whole number of records", other.len);
            return Err(other.damaged(FORMAT, problem));
        }
    }
    Ok(())
}

fn batch(source: &SourceFile) -> Result<SplitImages, DataError> {
    let damaged = |problem: String| source.damaged(FORMAT, problem);
    let labels = labels_of(source.len, &source.head)
        .ok_or_else(|| damaged("it is not a whole number of records".into()))?;
    let count = source.len / (labels + PIXELS) as u64;
    if count > MAX_RECORDS {
        let bytes = count * PIXELS as u64;
        return Err(DataError::TooLarge {
            file: source.path.clone(),
            bytes,
            limit: MAX_RECORDS * PIXELS as u64,
        });
    }
    let mut reader = source.reader()?;
    let mut record = vec![0; labels + PIXELS];
    let mut pixels = Vec::new();
    let mut numbers = Vec::new();
    for index in 0..count {
        reader.read_exact(&mut record).map_err(|error| damaged(ends(&error)))?;
        let (label, image) = record.split_at(labels);
        let label = label[labels - 1];
        let most = if labels == 1 { CLASSES } else { FINE };
        if label >= most {
            return Err(damaged(format!(
                "record {index} has label {label}, but labels must be less than {most}"
            )));
        }
        numbers.push(i64::from(label));
        pixels.extend_from_slice(image);
    }
    interleave(&mut pixels, 3, SIDE * SIDE);
    let images = Images { width: SIDE, height: SIDE, channels: 3, pixels, labels: Vec::new() };
    Ok(SplitImages { file: source.path.clone(), images, labels: Labels::Numbers(numbers) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(labels: &[u8]) -> Vec<u8> {
        let planes = [1, 2, 3].map(|colour| vec![colour; SIDE * SIDE]).concat();
        [labels, &planes].concat()
    }

    fn source(dir: &std::path::Path, name: &str, bytes: &[u8]) -> SourceFile {
        fs::write(dir.join(name), bytes).unwrap();
        SourceFile::open(&dir.join(name)).unwrap()
    }

    #[test]
    fn records_of_cifar_10_and_cifar_100_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let ten = [record(&[9]), record(&[0])].concat();
        let hundred = [record(&[19, 99]), record(&[0, 7])].concat();
        let sources = [source(dir.path(), "a", &ten), source(dir.path(), "test.bin", &ten)];
        assert!(sources.iter().all(recognises));
        let parts = read(&sources, &OpenOptions::default()).unwrap();
        let train = parts.train.unwrap();
        assert_eq!(train.labels, Labels::Numbers(vec![9, 0]));
        assert_eq!(train.images.pixels[..6], [1, 2, 3, 1, 2, 3]);
        assert_eq!(parts.test.unwrap().labels.len(), 2);
        let fine = source(dir.path(), "b", &hundred);
        let parts = read(&[fine], &OpenOptions::default()).unwrap();
        assert_eq!(parts.train.unwrap().labels, Labels::Numbers(vec![99, 7]));
    }

    #[test]
    fn files_with_other_lengths_or_labels_are_not_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let whole = [record(&[9]), record(&[0])].concat();
        for end in [1, 3072, 3075, 6145] {
            assert!(!recognises(&source(dir.path(), "a", &whole[..end])), "{end}");
        }
        assert!(!recognises(&source(dir.path(), "a", &record(&[10]))));
    }
}
