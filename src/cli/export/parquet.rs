//! A table as a Parquet file with dictionary-encoded texts and 64-bit numbers, compressed with
//! Snappy.

use super::table::{ExportedValue, RowWriter, WIDE_COLUMNS, WideRow};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::io::{self, Write};
use std::sync::Arc;

/// Number of rows that are buffered and written as one group.
const ROW_GROUP: usize = 1 << 18;

/// A file that is being written.
pub(super) struct ParquetTable<W: Write + Send> {
    /// The target, until the columns are known.
    target: Option<W>,
    file: Option<SerializedFileWriter<W>>,
    columns: Vec<ColumnBuffer>,
    rows: usize,
}

/// The buffered values of a column.
enum ColumnBuffer {
    Text(TextBuffer),
    Step(Vec<i64>),
    Number(NumberBuffer),
}

/// Texts; consecutive equal ones are stored once.
#[derive(Default)]
struct TextBuffer {
    values: Vec<ByteArray>,
    last: Option<(String, ByteArray)>,
}

/// Numbers, and whether each row has one.
#[derive(Default)]
struct NumberBuffer {
    values: Vec<f64>,
    present: Vec<i16>,
    /// Whether values may be missing.
    optional: bool,
}

impl<W: Write + Send> ParquetTable<W> {
    pub(super) fn new(target: W) -> Self {
        Self { target: Some(target), file: None, columns: Vec::new(), rows: 0 }
    }

    fn begin(&mut self, fields: Vec<(String, ColumnBuffer)>) -> io::Result<()> {
        let types = fields.iter().map(|(name, column)| column.field(name));
        let types = types.collect::<Result<Vec<TypePtr>, _>>().map_err(io_error)?;
        let schema =
            Type::group_type_builder("schema").with_fields(types).build().map_err(io_error)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("nntop ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let Some(target) = self.target.take() else { return Ok(()) };
        let file = SerializedFileWriter::new(target, Arc::new(schema), Arc::new(properties));
        self.file = Some(file.map_err(io_error)?);
        self.columns = fields.into_iter().map(|(_, column)| column).collect();
        Ok(())
    }

    fn end_row(&mut self) -> io::Result<()> {
        self.rows += 1;
        if self.rows < ROW_GROUP { Ok(()) } else { self.write_group() }
    }

    fn write_group(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| self.rows > 0) else { return Ok(()) };
        self.rows = 0;
        let mut group = file.next_row_group().map_err(io_error)?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column().map_err(io_error)? else { break };
            column.write(writer.untyped()).map_err(io_error)?;
            writer.close().map_err(io_error)?;
        }
        group.close().map(drop).map_err(io_error)
    }
}

impl<W: Write + Send> RowWriter for ParquetTable<W> {
    fn begin_long(&mut self) -> io::Result<()> {
        let fields = vec![
            ("run", ColumnBuffer::Text(TextBuffer::default())),
            ("metric", ColumnBuffer::Text(TextBuffer::default())),
            ("step", ColumnBuffer::Step(Vec::new())),
            (
                "wall_time",
                ColumnBuffer::Number(NumberBuffer { optional: true, ..NumberBuffer::default() }),
            ),
            ("value", ColumnBuffer::Number(NumberBuffer::default())),
        ];
        self.begin(fields.into_iter().map(|(name, column)| (name.to_owned(), column)).collect())
    }

    fn long(&mut self, row: &ExportedValue<'_>) -> io::Result<()> {
        if let [run, metric, step, wall_time, value] = self.columns.as_mut_slice() {
            run.text(row.run);
            metric.text(row.metric);
            step.step(row.step);
            wall_time.number(row.wall_time);
            value.number(Some(row.value));
        }
        self.end_row()
    }

    fn begin_wide(&mut self, metrics: &[String]) -> io::Result<()> {
        let [run, step, wall_time] = WIDE_COLUMNS.map(str::to_owned);
        let numbers =
            || ColumnBuffer::Number(NumberBuffer { optional: true, ..NumberBuffer::default() });
        let mut fields = vec![
            (run, ColumnBuffer::Text(TextBuffer::default())),
            (step, ColumnBuffer::Step(Vec::new())),
            (wall_time, numbers()),
        ];
        fields.extend(metrics.iter().map(|metric| (metric.clone(), numbers())));
        self.begin(fields)
    }

    fn wide(&mut self, row: &WideRow<'_>) -> io::Result<()> {
        if let [run, step, numbers @ ..] = self.columns.as_mut_slice() {
            run.text(row.run);
            step.step(row.step);
            let values = std::iter::once(row.wall_time).chain(row.values.iter().copied());
            numbers.iter_mut().zip(values).for_each(|(column, value)| column.number(value));
        }
        self.end_row()
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group()?;
        match self.file.take() {
            Some(file) => file.close().map(drop).map_err(io_error),
            None => Ok(()),
        }
    }
}

impl ColumnBuffer {
    fn field(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let (kind, logical, repetition) = match self {
            Self::Text(_) => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED)
            }
            Self::Step(_) => (Physical::INT64, None, Repetition::REQUIRED),
            Self::Number(numbers) if numbers.optional => {
                (Physical::DOUBLE, None, Repetition::OPTIONAL)
            }
            Self::Number(_) => (Physical::DOUBLE, None, Repetition::REQUIRED),
        };
        let field = Type::primitive_type_builder(name, kind)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()?;
        Ok(Arc::new(field))
    }

    fn text(&mut self, text: &str) {
        let Self::Text(texts) = self else { return };
        let value = match &texts.last {
            Some((last, value)) if last == text => value.clone(),
            _ => {
                let value = ByteArray::from(text);
                texts.last = Some((text.to_owned(), value.clone()));
                value
            }
        };
        texts.values.push(value);
    }

    fn step(&mut self, step: i64) {
        if let Self::Step(steps) = self {
            steps.push(step);
        }
    }

    fn number(&mut self, number: Option<f64>) {
        if let Self::Number(numbers) = self {
            numbers.present.push(i16::from(number.is_some()));
            numbers.values.extend(number);
        }
    }

    /// Writes the buffered values and clears them.
    fn write(&mut self, to: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, to) {
            (Self::Text(texts), ColumnWriter::ByteArrayColumnWriter(to)) => {
                to.write_batch(&texts.values, None, None)?;
                texts.values.clear();
            }
            (Self::Step(steps), ColumnWriter::Int64ColumnWriter(to)) => {
                to.write_batch(steps, None, None)?;
                steps.clear();
            }
            (Self::Number(numbers), ColumnWriter::DoubleColumnWriter(to)) => {
                let present = numbers.optional.then_some(numbers.present.as_slice());
                to.write_batch(&numbers.values, present, None)?;
                numbers.values.clear();
                numbers.present.clear();
            }
            _ => return Err(ParquetError::General("columns are out of order".to_owned())),
        }
        Ok(())
    }
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::export::table::TableWriter;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use std::fs::File;

    fn rows(wide: bool) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let target = File::create(file.path()).unwrap();
        let mut table = TableWriter::new(Box::new(ParquetTable::new(target)), wide).unwrap();
        for (metric, step, wall_time, value) in
            [("a", 1, Some(1.5), 0.25), ("b", 1, None, f64::INFINITY), ("a", 2, None, 3.5)]
        {
            table.push(&ExportedValue { run: "r/1", metric, step, wall_time, value }).unwrap();
        }
        table.finish().unwrap();
        let reader = SerializedFileReader::new(File::open(file.path()).unwrap()).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        rows.map(|row| row.unwrap().to_string()).collect()
    }

    #[test]
    fn the_written_file_can_be_read() {
        assert_eq!(
            rows(false),
            [
                "{run: \"r/1\", metric: \"a\", step: 1, wall_time: 1.5, value: 0.25}",
                "{run: \"r/1\", metric: \"b\", step: 1, wall_time: null, value: inf}",
                "{run: \"r/1\", metric: \"a\", step: 2, wall_time: null, value: 3.5}",
            ]
        );
        assert_eq!(
            rows(true),
            [
                "{run: \"r/1\", step: 1, wall_time: 1.5, a: 0.25, b: inf}",
                "{run: \"r/1\", step: 2, wall_time: null, a: 3.5, b: null}",
            ]
        );
    }
}
