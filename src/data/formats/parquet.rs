//! Parquet files: their columns, row group by row group.
//!
//! A small reader that supports what common writers (pyarrow, pandas, polars, DuckDB and Hugging
//! Face's datasets) use for tables of pictures and numbers, with a limit on memory for any file.

mod pages;

use super::thrift::{ThriftStruct, ThriftValue, read_struct};
use pages::Pages;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

pub(super) const MAGIC: &[u8] = b"PAR1";
/// Maximum size of the metadata at the end of a file.
const MAX_METADATA: u64 = 64 << 20;
/// Maximum number of rows of a file, and of one row group.
const MAX_ROWS: i64 = 20_000_000;
const MAX_ROWS_OF_GROUP: i64 = 4_000_000;
/// Maximum number of values per row in a list column.
const MAX_OF_ROW: i64 = 100_000;

/// One value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ParquetValue {
    Null,
    Int(i64),
    Real(f64),
    Bytes(Rc<[u8]>),
}

/// A column of primitive values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ParquetColumn {
    /// Path in the schema, such as `image.bytes`.
    pub path: String,
    /// Physical type, as numbered in the format: 0 is BOOLEAN, 7 FIXED_LEN_BYTE_ARRAY.
    kind: i64,
    /// Bytes per value of type FIXED_LEN_BYTE_ARRAY.
    length: usize,
    /// Maximum definition level.
    optional: u8,
    /// Maximum repetition level; above 0 for a list column.
    pub repeated: u8,
}

/// An open parquet file.
#[derive(Debug)]
pub(super) struct ParquetFile {
    file: File,
    len: u64,
    pub columns: Vec<ParquetColumn>,
    groups: Vec<ThriftStruct>,
    pub rows: i64,
    /// Key-value metadata of the writer.
    pub metadata: Vec<(String, String)>,
}

impl ParquetFile {
    /// Opens a file and reads its metadata.
    ///
    /// # Errors
    /// A message if it is damaged or encrypted.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        let len = file.metadata().map_err(|error| error.to_string())?.len();
        let cut = "it ends too early: the metadata at its end is missing";
        let metadata = (|| {
            let start = len.checked_sub(8)?;
            file.seek(SeekFrom::Start(start)).ok()?;
            let mut end = [0; 8];
            file.read_exact(&mut end).ok()?;
            if &end[4..] != MAGIC {
                return None;
            }
            let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
            let start = start.checked_sub(length).filter(|_| length <= MAX_METADATA)?;
            file.seek(SeekFrom::Start(start)).ok()?;
            let mut metadata = vec![0; length as usize];
            file.read_exact(&mut metadata).ok()?;
            Some(metadata)
        })();
        let (fields, _) = read_struct(&metadata.ok_or(cut)?)?;
        let columns = columns(fields.list(2))?;
        let rows = fields.int(3).unwrap_or(0);
        let groups: Vec<ThriftStruct> =
            fields.list(4).iter().filter_map(as_fields).cloned().collect();
        let possible = |rows: i64, most: i64| (0..=most).contains(&rows);
        let of_group = |group: &ThriftStruct| group.int(3).unwrap_or(0);
        if !possible(rows, MAX_ROWS)
            || groups.iter().any(|group| !possible(of_group(group), MAX_ROWS_OF_GROUP))
            || groups.iter().map(of_group).sum::<i64>() != rows
        {
            return Err(format!("its metadata declares {rows} rows in {} groups", groups.len()));
        }
        let pair = |value: &ThriftValue| {
            let fields = as_fields(value)?;
            Some((fields.text(1)?, fields.text(2)?))
        };
        let metadata = fields.list(5).iter().filter_map(pair).collect();
        Ok(Self { file, len, columns, groups, rows, metadata })
    }

    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The values of a column in a row group: a list per row, with a single value unless it is a
    /// list column.
    ///
    /// # Errors
    /// A message if it is damaged or has an unsupported encoding.
    pub fn read(&mut self, group: usize, column: usize) -> Result<Vec<Vec<ParquetValue>>, String> {
        let schema = &self.columns[column];
        let inside = |problem: String| format!("column {}: {problem}", schema.path);
        let rows = self.groups[group].int(3).unwrap_or(0);
        let chunk =
            self.groups[group].list(1).get(column).and_then(as_fields).and_then(|c| c.fields(3));
        let chunk = chunk.ok_or_else(|| inside("its metadata is missing".into()))?;
        let most = if schema.repeated > 0 { MAX_OF_ROW.saturating_mul(rows.max(1)) } else { rows };
        let values = chunk.int(5).unwrap_or(0);
        if !(0..=most.min(MAX_ROWS)).contains(&values) {
            return Err(inside(format!("{values} values for {rows} rows")));
        }
        let mut pages = Pages::new(&mut self.file, self.len, chunk, schema).map_err(inside)?;
        let mut cells = Vec::new();
        let mut starts = Vec::new();
        while (cells.len() as i64) < values {
            pages.next(&mut cells, &mut starts, values as usize).map_err(inside)?;
        }
        if schema.repeated == 0 {
            return Ok(cells.into_iter().map(|cell| vec![cell]).collect());
        }
        if starts.len() as i64 != rows {
            return Err(inside(format!("{} lists for {rows} rows", starts.len())));
        }
        let ends = starts.iter().skip(1).copied().chain([cells.len()]);
        Ok(starts.iter().zip(ends).map(|(&start, end)| cells[start..end].to_vec()).collect())
    }
}

fn as_fields(value: &ThriftValue) -> Option<&ThriftStruct> {
    match value {
        ThriftValue::Struct(fields) => Some(fields),
        _ => None,
    }
}

/// The columns of a schema, which is a tree in depth-first order.
fn columns(schema: &[ThriftValue]) -> Result<Vec<ParquetColumn>, String> {
    // The groups above an element: path, definition level, repetition level, children not yet read.
    let mut above: Vec<(String, u8, u8, i64)> = Vec::new();
    let mut columns = Vec::new();
    for (index, element) in schema.iter().filter_map(as_fields).enumerate() {
        let name = element.text(4).unwrap_or_default();
        let children = element.int(5).unwrap_or(0);
        if index == 0 {
            above.push((String::new(), 0, 0, children));
            continue;
        }
        while above.last().is_some_and(|(_, _, _, left)| *left == 0) {
            above.pop();
        }
        let Some((path, optional, repeated, left)) = above.last_mut() else {
            return Err("its schema has more columns than it says".into());
        };
        *left -= 1;
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        let repetition = element.int(3).unwrap_or(0);
        let optional = optional.saturating_add(u8::from(repetition != 0));
        let repeated = repeated.saturating_add(u8::from(repetition == 2));
        match element.int(1) {
            Some(kind) if children == 0 => {
                let length = usize::try_from(element.int(2).unwrap_or(0)).unwrap_or(0);
                columns.push(ParquetColumn { path, kind, length, optional, repeated });
            }
            _ => above.push((path, optional, repeated, children)),
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::pages::runs;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_of_both_kinds_are_decoded() {
        // Four times 5, then 0 to 7 in three bits each, as in the format's documentation.
        let bytes = [0b1000, 5, 0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(runs(&bytes, 3, 12).unwrap(), [5, 5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(runs(&bytes, 3, 5).unwrap(), [5, 5, 5, 5, 0]);
        assert!(runs(&bytes, 3, 13).is_err());
        assert!(runs(&bytes[..5], 3, 12).is_err());
    }

    #[test]
    fn a_schema_is_a_tree_in_depth_first_order() {
        let element = |bytes: &[u8]| ThriftValue::Struct(read_struct(bytes).unwrap().0);
        let text = |name: &str| [&[0x18, name.len() as u8][..], name.as_bytes()].concat();
        // Root with two children: image (optional, with two children bytes and path), and label
        // (required).
        let root = [&[0x48, 6][..], b"schema", &[0x15, 4, 0]].concat();
        let group = [&[0x35, 2][..], &text("image"), &[0x15, 4, 0]].concat();
        let leaf = |kind: u8, repetition: u8, name: &str| {
            element(&[&[0x15, kind, 0x25, repetition][..], &text(name), &[0]].concat())
        };
        let schema = [
            element(&root),
            element(&group),
            leaf(12, 2, "bytes"),
            leaf(12, 2, "path"),
            leaf(4, 0, "label"),
        ];
        let found = columns(&schema).unwrap();
        let paths: Vec<_> = found.iter().map(|c| (c.path.as_str(), c.kind, c.optional)).collect();
        assert_eq!(paths, [("image.bytes", 6, 2), ("image.path", 6, 2), ("label", 2, 0)]);
    }

    proptest! {
        #[test]
        fn arbitrary_runs_do_not_panic(bytes: Vec<u8>, width in 0_u32..40, count in 0_usize..5000) {
            if let Ok(numbers) = runs(&bytes, width, count) {
                prop_assert_eq!(numbers.len(), count);
            }
        }
    }
}
