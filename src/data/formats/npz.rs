//! NumPy's `.npz`: a zip archive of arrays, such as Keras' `mnist.npz` (x_train, y_train, …); and
//! single `.npy` files in one directory.

use super::arrays::{Array, Values, assemble, choose};
use super::npy::{NpyHeader, NumberKind, ends, is_npy, read_header, read_values};
use super::options::OpenOptions;
use super::source::{BombGuard, SourceFile};
use super::splits::Splits;
use crate::data::DataError;
use std::fs::File;
use std::io::{BufReader, Read};
use zip::ZipArchive;

/// Maximum number of archive members that are examined.
const MAX_MEMBERS: usize = 1000;
const FORMAT: &str = "npz";

/// Whether a file is a zip archive that starts with an array.
pub(super) fn recognises(source: &SourceFile) -> bool {
    let head = &source.head;
    let name = head.get(26..28).map(|n| usize::from(u16::from_le_bytes([n[0], n[1]])));
    let named = name.and_then(|length| head.get(30..30 + length));
    head.starts_with(b"PK\x03\x04") && named.is_some_and(|name| name.ends_with(b".npy"))
}

/// Whether a file is a single array.
pub(super) fn recognises_npy(source: &SourceFile) -> bool {
    is_npy(&source.head)
}

/// An archive whose arrays can be read by index.
pub(super) struct Npz<'a> {
    source: &'a SourceFile,
    archive: ZipArchive<BufReader<File>>,
    /// Name without `.npy`, header, and member index.
    pub arrays: Vec<(String, NpyHeader, usize)>,
}

impl<'a> Npz<'a> {
    /// Reads the headers of all arrays of an archive.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn open(source: &'a SourceFile) -> Result<Self, DataError> {
        let damaged = |problem: String| source.damaged(FORMAT, problem);
        let file = File::open(&source.path)
            .map_err(|error| DataError::Read { file: source.path.clone(), source: error })?;
        let mut archive =
            ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(error.to_string()))?;
        let mut arrays = Vec::new();
        for index in 0..archive.len().min(MAX_MEMBERS) {
            let mut member = archive.by_index(index).map_err(|error| damaged(error.to_string()))?;
            let Some(name) = member.name().strip_suffix(".npy").map(String::from) else { continue };
            match read_header(&mut member) {
                Ok(header) => arrays.push((name, header, index)),
                // Arrays that are not used may have any type.
                Err(problem) if problem.contains("type") || problem.contains("objects") => {}
                Err(problem) => return Err(damaged(format!("its array {name} {problem}"))),
            }
        }
        Ok(Self { source, archive, arrays })
    }

    /// Reads an array by its index in [`Npz::arrays`].
    ///
    /// # Errors
    /// If it is damaged or too large.
    pub fn read(&mut self, index: usize) -> Result<Array, DataError> {
        let (name, _, member) = &self.arrays[index];
        let damaged =
            |problem: String| self.source.damaged(FORMAT, format!("its array {name} {problem}"));
        let member = self.archive.by_index(*member).map_err(|error| damaged(error.to_string()))?;
        let packed = member.compressed_size();
        let mut reader = BombGuard { inner: member, packed: move || packed, unpacked: 0 };
        let header = read_header(&mut reader).map_err(damaged)?;
        let array = read_values(&header, &mut reader).map_err(damaged)?;
        // Reading to the end verifies the archive's checksum.
        reader.read(&mut [0]).map_err(|error| damaged(ends(&error)))?;
        Ok(array)
    }

    /// Names and shapes, and whether the values are texts.
    pub fn named(&self) -> Vec<(String, Vec<usize>, bool)> {
        let texts = |header: &NpyHeader| {
            matches!(header.dtype.kind, NumberKind::Unicode | NumberKind::Bytes)
        };
        let named = self.arrays.iter();
        named.map(|(name, header, _)| (name.clone(), header.shape.clone(), texts(header))).collect()
    }
}

/// Reads the images and labels of an archive.
pub(super) fn read(sources: &[SourceFile], options: &OpenOptions) -> Result<Splits, DataError> {
    let source = match sources {
        [source] => source,
        [first, second, ..] => {
            let problem = format!("there is {} beside it", second.path.display());
            return Err(first.unsuitable(problem, "give one of the files"));
        }
        [] => return Ok(Splits::default()),
    };
    let mut npz = Npz::open(source)?;
    let named = npz.named();
    let chosen = choose(&named).map_err(|problem| {
        source
            .unsuitable(problem, "name images x and labels y, or x_train, y_train, x_test, y_test")
    })?;
    assemble(source, &named, &chosen, options, |index| npz.read(index))
}

/// Reads `.npy` files of one directory, such as `x_train.npy` and `y_train.npy`.
pub(super) fn read_npy(sources: &[SourceFile], options: &OpenOptions) -> Result<Splits, DataError> {
    let Some(first) = sources.first() else { return Ok(Splits::default()) };
    let load = |source: &SourceFile,
                whole: bool|
     -> Result<(NpyHeader, Option<Array>), DataError> {
        let damaged = |problem: String| source.damaged("npy", problem);
        let mut reader = source.reader()?;
        let header = read_header(&mut reader).map_err(damaged)?;
        let array =
            if whole { Some(read_values(&header, &mut reader).map_err(damaged)?) } else { None };
        Ok((header, array))
    };
    let mut named = Vec::new();
    for source in sources {
        let (header, _) = load(source, false)?;
        let texts = matches!(header.dtype.kind, NumberKind::Unicode | NumberKind::Bytes);
        named.push((source.name().replace(".npy", ""), header.shape, texts));
    }
    let advice = "put images and labels into one directory as x.npy and y.npy, or x_train.npy, y_train.npy, x_test.npy, y_test.npy";
    let chosen = choose(&named).map_err(|problem| first.unsuitable(problem, advice))?;
    assemble(first, &named, &chosen, options, |index| {
        let (header, array) = load(&sources[index], true)?;
        Ok(array.unwrap_or(Array { shape: header.shape, values: Values::Numbers(Vec::new()) }))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::formats::npy::tests::npy;
    use std::io::Write;
    use std::path::Path;
    use zip::CompressionMethod;
    use zip::write::{SimpleFileOptions, ZipWriter};

    /// Writes an archive as `numpy.savez_compressed` does.
    pub(in crate::data::formats) fn write_npz(file: &Path, arrays: &[(&str, Vec<u8>)]) {
        let mut archive = ZipWriter::new(File::create(file).unwrap());
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, bytes) in arrays {
            archive.start_file(format!("{name}.npy"), deflated).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
    }

    fn small(file: &Path) {
        let pixels: Vec<u8> = (0..6 * 4).collect();
        write_npz(
            file,
            &[("x", npy("|u1", &[6, 2, 2], &pixels)), ("y", npy("|u1", &[6], &[0, 1, 0, 1, 0, 1]))],
        );
    }

    fn open(file: &Path) -> Result<Splits, DataError> {
        let source = SourceFile::open(file)?;
        assert!(recognises(&source));
        read(&[source], &OpenOptions::default())
    }

    #[test]
    fn images_and_labels_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data");
        small(&file);
        let part = open(&file).unwrap().train.unwrap();
        // A small range of shades is stretched.
        assert_eq!((part.images.width, part.images.pixels[23]), (2, 255));
        assert_eq!(part.labels.len(), 6);
    }

    #[test]
    fn truncated_archives_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data.npz");
        small(&file);
        let whole = std::fs::read(&file).unwrap();
        for end in 60..whole.len() {
            std::fs::write(&file, &whole[..end]).unwrap();
            let error = open(&file).unwrap_err().to_string();
            assert!(error.contains("data.npz"), "{error}");
        }
    }

    #[test]
    fn decompression_bombs_and_false_headers_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bomb.npz");
        write_npz(
            &file,
            &[
                ("x", npy("|u1", &[100, 1024, 1024], &vec![0; 100 << 20])),
                ("y", npy("|u1", &[100], &[0; 100])),
            ],
        );
        let error = open(&file).unwrap_err().to_string();
        assert!(error.contains("decompression bomb"), "{error}");
        let lying = npy("|u1", &[600_000, 28, 28], &[0; 100]);
        write_npz(&file, &[("x", lying), ("y", npy("|u1", &[600_000], &vec![0; 600_000]))]);
        let error = open(&file).unwrap_err().to_string();
        assert!(error.contains("ends too early"), "{error}");
    }
}
