//! Data sets in Python pickles: batches of CIFAR-10 and CIFAR-100, the book's `mnist.pkl.gz`, and
//! dictionaries of arrays.

use super::arrays::{Array, Values, assemble, choose};
use super::foreign;
use super::options::OpenOptions;
use super::source::SourceFile;
use super::splits::{Split, Splits};
use super::unpickle::{self, ObjectId, Pickle, PickleObject};
use crate::data::DataError;

const FORMAT: &str = "pickle";
/// The keys of class names.
const NAMES: [&str; 3] = ["label_names", "fine_label_names", "class_names"];
const ADVICE: &str = "the only supported pickles are CIFAR's batches, the book's mnist.pkl.gz and \
     dictionaries of arrays; save others as .npz: `numpy.savez('data.npz', x=images, y=labels)`";

pub(super) fn recognises(source: &SourceFile) -> bool {
    foreign::is_pickle(source)
}

/// Reads all batches of a directory, and their class names.
pub(super) fn read(sources: &[SourceFile], options: &OpenOptions) -> Result<Splits, DataError> {
    let mut parts = Splits::default();
    let mut other = None;
    for source in sources {
        let pickle =
            unpickle::read(source.reader()?).map_err(|problem| source.damaged(FORMAT, problem))?;
        let named = named_arrays(source, &pickle)?;
        if let Some(names) = class_names(&pickle) {
            parts.classes = Some(names);
        }
        let arrays: Vec<_> = named
            .iter()
            .map(|(name, array)| {
                let texts = matches!(array.values, Values::Texts(_));
                (name.clone(), array.shape.clone(), texts)
            })
            .collect();
        let chosen = match choose(&arrays) {
            Ok(chosen) => chosen,
            Err(_) if class_names(&pickle).is_some() => continue,
            Err(problem) => {
                other = other.or(Some(source.unsuitable(
                    format!(
                        "is a Python pickle (not run here) of {}, and {problem}",
                        describe(&pickle)
                    ),
                    ADVICE,
                )));
                continue;
            }
        };
        let mut arrays_left: Vec<Option<Array>> =
            named.into_iter().map(|(_, array)| Some(array)).collect();
        let batch = assemble(source, &arrays, &chosen, options, |index| {
            arrays_left[index]
                .take()
                .ok_or_else(|| source.unsuitable("uses an array twice", ADVICE))
        })?;
        merge(&mut parts, batch, Split::of(&source.name()))?;
    }
    match other {
        Some(error) if parts.train.is_none() && parts.test.is_none() => Err(error),
        _ => Ok(parts),
    }
}

/// Adds the images of a file to the split that its name indicates, unless the file has several.
fn merge(parts: &mut Splits, mut batch: Splits, split: Option<Split>) -> Result<(), DataError> {
    let alone = batch.validation.is_none() && batch.test.is_none();
    for of in Split::ALL {
        if let Some(part) = batch.slot(of).take() {
            parts.add(if alone { split.unwrap_or(of) } else { of }, part)?;
        }
    }
    parts.classes = parts.classes.take().or(batch.classes);
    parts.notes.append(&mut batch.notes);
    parts.notes.dedup();
    Ok(())
}

fn describe(pickle: &Pickle) -> String {
    match pickle.root() {
        PickleObject::Dict(entries) => {
            let keys: Vec<String> =
                entries.iter().take(8).filter_map(|(key, _)| pickle.text(*key)).collect();
            format!("a dictionary with the keys {}", keys.join(", "))
        }
        PickleObject::Sequence(items) => match items.first() {
            Some(first) => format!("{} items, the first {}", items.len(), pickle.describe(*first)),
            None => "nothing".into(),
        },
        PickleObject::Call { function, .. } => match pickle.get(*function) {
            PickleObject::Global(name) => format!("an object of {name}"),
            _ => "an object".into(),
        },
        _ => "a single value".into(),
    }
}

fn class_names(pickle: &Pickle) -> Option<Vec<String>> {
    let PickleObject::Dict(entries) = pickle.root() else { return None };
    let named = entries
        .iter()
        .find(|(key, _)| pickle.text(*key).is_some_and(|key| NAMES.contains(&key.as_str())));
    match pickle.get(named?.1) {
        PickleObject::Sequence(items) => items.iter().map(|&item| pickle.text(item)).collect(),
        _ => None,
    }
}

/// The arrays of a dictionary by key; those of two or three pairs (three in the book) as `x_train`,
/// `y_train` and so on; those of a single pair as `x` and `y`.
fn named_arrays(source: &SourceFile, pickle: &Pickle) -> Result<Vec<(String, Array)>, DataError> {
    let mut named: Vec<(String, ObjectId)> = Vec::new();
    match pickle.root() {
        PickleObject::Dict(entries) => {
            named.extend(entries.iter().filter_map(|&(key, id)| Some((pickle.text(key)?, id))));
        }
        PickleObject::Sequence(parts) => {
            let splits: &[&str] = match parts.len() {
                2 => &["train", "test"],
                3 => &["train", "validation", "test"],
                _ => &[],
            };
            for (split, &part) in splits.iter().zip(parts) {
                if let PickleObject::Sequence(pair) = pickle.get(part)
                    && let [x, y] = pair[..]
                {
                    named.extend([(format!("x_{split}"), x), (format!("y_{split}"), y)]);
                }
            }
            if let ([x, y], true) = (&parts[..], named.is_empty()) {
                named.extend([("x".to_owned(), *x), ("y".to_owned(), *y)]);
            }
        }
        _ => {}
    }
    let mut arrays = Vec::new();
    for (name, id) in named {
        let array = pickle.array(id).map_err(|problem| source.damaged(FORMAT, problem))?;
        if let Some(array) = array {
            arrays.push((name, array));
        }
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::formats::split_images::Labels;
    use std::fs;

    /// A CIFAR batch as written by Python 2: `{'labels': [3, 5], 'data': array}`.
    fn batch(label: u8) -> Vec<u8> {
        let mut bytes = b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(".to_vec();
        bytes.extend([b'K', label, b'K', 5, b'e']);
        bytes.extend(b"U\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\0\x85U\x01b\x87R");
        // State: version, shape, dtype, order, bytes.
        bytes.extend(b"(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T");
        bytes.extend(6144_u32.to_le_bytes());
        bytes.extend((0..6144).map(|at| (at % 251) as u8));
        bytes.extend(b"tbu.");
        bytes
    }

    #[test]
    fn cifar_batches_are_read_and_their_channels_interleaved() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str, bytes: &[u8]| {
            let file = dir.path().join(name);
            fs::write(&file, bytes).unwrap();
            SourceFile::open(&file).unwrap()
        };
        let meta = b"\x80\x02}q\x01U\x0blabel_namesq\x02]q\x03(U\x03catq\x04U\x03dogq\x05es.";
        let sources = [
            open("data_batch_1", &batch(3)),
            open("data_batch_2", &batch(4)),
            open("test_batch", &batch(6)),
            open("batches.meta", meta),
        ];
        assert!(sources.iter().all(recognises));
        let parts = read(&sources, &OpenOptions::default()).unwrap();
        let (train, test) = (parts.train.unwrap(), parts.test.unwrap());
        assert_eq!((train.images.width, train.images.height, train.images.channels), (32, 32, 3));
        // Red, green and blue of the first pixel are 1,024 bytes apart in the file.
        assert_eq!(train.images.pixels[..3], [0, (1024 % 251) as u8, (2048 % 251) as u8]);
        assert_eq!(train.labels, Labels::Numbers(vec![3, 5, 4, 5]));
        assert_eq!(test.labels, Labels::Numbers(vec![6, 5]));
        assert_eq!(parts.classes.unwrap(), ["cat", "dog"]);
    }

    #[test]
    fn other_pickles_are_errors_that_describe_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("model.pkl");
        fs::write(&file, b"\x80\x03csklearn.svm\nSVC\nq\0)\x81q\x01.").unwrap();
        let sources = [SourceFile::open(&file).unwrap()];
        let error = read(&sources, &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains("sklearn.svm.SVC") && error.contains("savez"), "{error}");
    }

    #[test]
    fn truncated_batches_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let whole = batch(3);
        let file = dir.path().join("data_batch_1");
        for percent in 1..100 {
            fs::write(&file, &whole[..whole.len() * percent / 100]).unwrap();
            let sources = [SourceFile::open(&file).unwrap()];
            let error = read(&sources, &OpenOptions::default()).unwrap_err().to_string();
            assert!(error.contains("data_batch_1"), "{error}");
        }
    }
}
