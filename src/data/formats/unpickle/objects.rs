//! The objects of a pickle, and their conversion to arrays and texts.

use super::super::arrays::{Array, Values};
use super::super::npy::{Dtype, NpyHeader, NumberKind, read_values};
use std::borrow::Cow;

/// Maximum nesting depth that is followed.
const MAX_DEPTH: usize = 16;

/// The index of an object of a pickle.
pub(in crate::data::formats) type ObjectId = usize;

/// An object of a pickle.
#[derive(Clone, Debug)]
pub(in crate::data::formats) enum PickleObject {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Bytes, and texts of Python 2.
    Bytes(Vec<u8>),
    Text(String),
    /// A list, a tuple or a set.
    Sequence(Vec<ObjectId>),
    Dict(Vec<(ObjectId, ObjectId)>),
    /// A class or function, by module and name.
    Global(String),
    /// The result of calling a class or function.
    Call {
        function: ObjectId,
        arguments: ObjectId,
        state: Option<ObjectId>,
    },
}

/// All objects of a pickle, and its root.
#[derive(Debug)]
pub(in crate::data::formats) struct Pickle {
    pub(super) objects: Vec<PickleObject>,
    pub(super) root: ObjectId,
}

impl Pickle {
    pub fn root(&self) -> &PickleObject {
        &self.objects[self.root]
    }

    pub fn get(&self, id: ObjectId) -> &PickleObject {
        &self.objects[id]
    }

    /// A text, written by Python 2 or 3.
    pub fn text(&self, id: ObjectId) -> Option<String> {
        match self.get(id) {
            PickleObject::Text(text) => Some(text.clone()),
            PickleObject::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    fn int(&self, id: ObjectId) -> Option<i64> {
        match self.get(id) {
            PickleObject::Int(number) => Some(*number),
            PickleObject::Bool(set) => Some(i64::from(*set)),
            _ => None,
        }
    }

    fn items(&self, id: ObjectId) -> Option<&[ObjectId]> {
        match self.get(id) {
            PickleObject::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// A description of the object for error messages.
    pub fn describe(&self, id: ObjectId) -> String {
        match self.get(id) {
            PickleObject::Dict(entries) => {
                let keys: Vec<String> =
                    entries.iter().take(8).filter_map(|(key, _)| self.text(*key)).collect();
                format!("a dictionary with the keys {}", keys.join(", "))
            }
            PickleObject::Sequence(items) => format!("a list or tuple of {} items", items.len()),
            PickleObject::Call { function, .. } => match self.get(*function) {
                PickleObject::Global(name) => format!("an object of {name}"),
                _ => "an object".into(),
            },
            PickleObject::Global(name) => format!("the class or function {name}"),
            _ => "a single value".into(),
        }
    }

    /// Converts an object to an array: a numpy array, or a list of numbers, texts or rows of
    /// numbers.
    ///
    /// # Errors
    /// A message if a numpy array is damaged.
    pub fn array(&self, id: ObjectId) -> Result<Option<Array>, String> {
        match self.get(id) {
            PickleObject::Call { .. } => self.numpy(id, 0),
            PickleObject::Sequence(items) if !items.is_empty() => Ok(self.list(items)),
            _ => Ok(None),
        }
    }

    fn list(&self, items: &[ObjectId]) -> Option<Array> {
        let shape = vec![items.len()];
        if let Some(texts) = items.iter().map(|&id| self.text(id)).collect::<Option<Vec<_>>>() {
            return Some(Array { shape, values: Values::Texts(texts) });
        }
        if let Some(numbers) = items.iter().map(|&id| self.number(id)).collect::<Option<Vec<_>>>() {
            return Some(Array { shape, values: Values::Numbers(numbers) });
        }
        let rows: Vec<Vec<f64>> = items
            .iter()
            .map(|&row| self.items(row)?.iter().map(|&id| self.number(id)).collect())
            .collect::<Option<_>>()?;
        let columns = rows.first()?.len();
        let even = rows.iter().all(|row| row.len() == columns);
        even.then(|| Array {
            shape: vec![rows.len(), columns],
            values: Values::Numbers(rows.concat()),
        })
    }

    fn number(&self, id: ObjectId) -> Option<f64> {
        match self.get(id) {
            PickleObject::Float(number) => Some(*number),
            // A numpy scalar: its type and its bytes.
            PickleObject::Call { function, arguments, .. }
                if self.is_called(*function, &["scalar"]) =>
            {
                let [dtype, bytes] = self.items(*arguments)? else { return None };
                let (dtype, bytes) = (self.dtype(*dtype)?, self.bytes(*bytes, 0)?);
                (bytes.len() == dtype.size).then(|| dtype.number(&bytes))
            }
            _ => self.int(id).map(|number| number as f64),
        }
    }

    /// Whether a numpy global has one of these names; its module name depends on the version of
    /// numpy.
    fn is_called(&self, function: ObjectId, names: &[&str]) -> bool {
        let PickleObject::Global(global) = self.get(function) else { return false };
        let known = global.starts_with("numpy.") || global.starts_with("_codecs.");
        known && global.rsplit('.').next().is_some_and(|name| names.contains(&name))
    }

    fn numpy(&self, id: ObjectId, depth: usize) -> Result<Option<Array>, String> {
        let PickleObject::Call { function, arguments, state } = self.get(id) else {
            return Ok(None);
        };
        let arguments = self.items(*arguments).unwrap_or_default();
        let parts = if self.is_called(*function, &["_reconstruct"]) {
            let state = state.and_then(|state| self.items(state)).unwrap_or_default();
            let [_, shape, dtype, fortran, bytes] = state else { return Ok(None) };
            Some((*shape, *dtype, self.int(*fortran) == Some(1), *bytes))
        } else if self.is_called(*function, &["_frombuffer"]) {
            let [bytes, dtype, shape, order] = arguments else { return Ok(None) };
            let fortran = self.text(*order).is_some_and(|order| order == "F");
            Some((*shape, *dtype, fortran, *bytes))
        } else {
            None
        };
        let Some((shape, dtype, fortran, bytes)) = parts else { return Ok(None) };
        let sizes = self.items(shape).unwrap_or_default();
        let shape: Option<Vec<usize>> = sizes
            .iter()
            .map(|&size| self.int(size).and_then(|size| usize::try_from(size).ok()))
            .collect();
        let (Some(shape), Some(dtype)) = (shape, self.dtype(dtype)) else {
            return Err("holds an array of a type or shape that cannot be read".into());
        };
        let bytes = self.bytes(bytes, depth).ok_or("holds an array without its bytes")?;
        let header = NpyHeader { dtype, shape, fortran };
        if header.count()?.saturating_mul(dtype.size) != bytes.len() {
            return Err(format!(
                "holds an array of {} bytes whose shape is {:?}",
                bytes.len(),
                header.shape
            ));
        }
        read_values(&header, &mut &*bytes).map(Some)
    }

    fn bytes(&self, id: ObjectId, depth: usize) -> Option<Cow<'_, [u8]>> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.get(id) {
            PickleObject::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            // Python 3 encodes bytes in old protocols as `_codecs.encode(text, "latin1")`, and a
            // bytearray as a call with bytes.
            PickleObject::Call { function, arguments, .. } => {
                let first = *self.items(*arguments)?.first()?;
                if let (PickleObject::Text(text), true) =
                    (self.get(first), self.is_called(*function, &["encode"]))
                {
                    return text
                        .chars()
                        .map(|c| u8::try_from(u32::from(c)).ok())
                        .collect::<Option<Vec<u8>>>()
                        .map(Cow::Owned);
                }
                self.bytes(first, depth + 1)
            }
            _ => None,
        }
    }

    fn dtype(&self, id: ObjectId) -> Option<Dtype> {
        let PickleObject::Call { function, arguments, state } = self.get(id) else { return None };
        if !self.is_called(*function, &["dtype"]) {
            return None;
        }
        let text = self.text(*self.items(*arguments)?.first()?)?;
        let dtype = Dtype::parse(&text).ok().filter(|dtype| dtype.kind != NumberKind::Unicode)?;
        let order = state.and_then(|state| self.text(*self.items(state)?.get(1)?));
        Some(Dtype { big_endian: order.is_some_and(|order| order == ">"), ..dtype })
    }
}
