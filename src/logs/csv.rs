//! Tables with a header: Lightning, Keras, Ultralytics, timm, Stable-Baselines, Ray, pandas and
//! others that write a metric per column and a row per step.

use super::columns;
use super::lines::{self, MARK};
use super::number;
use super::record::{LogReader, LogRecord, Sink};
use super::value::LogValue;

/// Reads a table row by row. Cells that are empty or not numbers are ignored.
#[derive(Debug, Default)]
pub struct CsvReader {
    header: Option<CsvHeader>,
    offset: u64,
    /// Number of rows so far: the step if there is no step column.
    rows: i64,
    last_step: i64,
}

#[derive(Clone, Debug, PartialEq)]
struct CsvHeader {
    separator: char,
    names: Vec<String>,
    step: Option<usize>,
    time: Option<usize>,
}

impl LogReader for CsvReader {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let offset = self.offset;
        let read = lines::each(bytes, end, |at, line| match line {
            Some(line) => self.line(line, offset + at as u64, sink),
            None => warn(sink, offset + at as u64, "a row too long to read was skipped"),
        });
        self.offset += read as u64;
        read
    }
}

impl CsvReader {
    fn line(&mut self, line: &str, offset: u64, sink: &mut dyn Sink) {
        let line = line.strip_prefix(MARK).unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            return;
        }
        let Some(header) = &self.header else {
            self.header = CsvHeader::read(line);
            if self.header.is_none() {
                warn(sink, offset, "the first row is not a header");
            }
            return;
        };
        let cells = split(line, header.separator);
        if cells.len() != header.names.len() || header.is_repeated_by(&cells) {
            // A restarted writer may write its header again, or a different one.
            if let Some(again) = CsvHeader::read(line) {
                self.header = Some(again);
            } else {
                let (has, wants) = (cells.len(), header.names.len());
                let text =
                    format!("a row of {has} cells in a table of {wants} columns was skipped");
                warn(sink, offset, &text);
            }
            return;
        }
        let number = |cell: &str| match header.separator {
            ',' => number::parse(cell),
            _ => number::parse_with_comma(cell),
        };
        let step = header.step.map(|column| number(&cells[column]).and_then(number::to_step));
        let step = match step {
            Some(step) => step.unwrap_or(self.last_step),
            None => self.rows,
        };
        let wall_time = header.time.and_then(|column| {
            let cell = &cells[column];
            columns::wall_time(&number(cell).map_or(LogValue::Text(cell.clone()), LogValue::Number))
        });
        self.rows += 1;
        self.last_step = step;
        for (column, (name, cell)) in header.names.iter().zip(&cells).enumerate() {
            let is_axis =
                header.step == Some(column) || (header.time == Some(column) && wall_time.is_some());
            if let Some(value) = number(cell).filter(|_| !is_axis) {
                let wall_time = wall_time.unwrap_or(f64::NAN);
                sink.record(LogRecord::Scalar { name, step, wall_time, value });
            }
        }
    }
}

impl CsvHeader {
    /// Parses a row of names; `None` if it contains a number or fewer than two names.
    fn read(line: &str) -> Option<Self> {
        let separator = [',', ';', '\t']
            .into_iter()
            .max_by_key(|&separator| (split(line, separator).len(), separator == ','))?;
        let names = split(line, separator);
        let filled = names.iter().filter(|name| !name.is_empty()).count();
        if filled < 2 || names.iter().any(|name| number::parse(name).is_some()) {
            return None;
        }
        let ranked = names.iter().enumerate();
        let step = ranked
            .filter_map(|(column, name)| Some((columns::step_rank(name)?, column)))
            .min()
            .map(|(_, column)| column);
        let time = names.iter().position(|name| columns::is_time(name));
        Some(Self { separator, names, step, time })
    }

    fn is_repeated_by(&self, cells: &[String]) -> bool {
        self.names == cells
    }
}

/// Splits a row into cells, trimmed and unquoted.
fn split(line: &str, separator: char) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let (mut quoted, mut was_quoted) = (false, false);
    let mut characters = line.chars().peekable();
    let finish = |cell: &mut String, was_quoted: &mut bool, cells: &mut Vec<String>| {
        let text = if *was_quoted { cell.as_str() } else { cell.trim() };
        cells.push(text.to_owned());
        cell.clear();
        *was_quoted = false;
    };
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.trim().is_empty() => {
                cell.clear();
                (quoted, was_quoted) = (true, true);
            }
            c if c == separator && !quoted => finish(&mut cell, &mut was_quoted, &mut cells),
            c => cell.push(c),
        }
    }
    finish(&mut cell, &mut was_quoted, &mut cells);
    cells
}

fn warn(sink: &mut dyn Sink, offset: u64, text: &str) {
    sink.record(LogRecord::Warning { offset, text: text.to_owned() });
}

/// Recognises a table with metrics from the start of a file; returns a description of its columns,
/// `None` for other files.
#[must_use]
pub fn recognise(head: &str) -> Option<String> {
    let mut rows = head.lines().map(|line| line.strip_prefix(MARK).unwrap_or(line));
    let header =
        CsvHeader::read(rows.find(|row| !row.trim().is_empty() && !row.starts_with('#'))?)?;
    let row = rows.find(|row| !row.trim().is_empty())?;
    let cells = split(row, header.separator);
    let numbers = cells.iter().filter(|cell| number::parse_with_comma(cell).is_some()).count();
    if cells.len() != header.names.len() || numbers == 0 {
        return None;
    }
    let step = match header.step {
        Some(column) => format!("the step is `{}`", header.names[column]),
        None => "rows count as steps".to_owned(),
    };
    Some(format!("a header of {} columns, numbers below it; {step}", header.names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::{assert_pieces_give_same_records, whole};
    use proptest::prelude::*;

    #[test]
    fn a_repeated_header_starts_a_new_table_and_odd_rows_are_reported() {
        let text = "epoch,loss\n0,1.0\nepoch,loss,acc\n1,0.5,0.9\n2,0.4\n3,x,\n";
        let found = whole(CsvReader::default(), text.as_bytes());
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[3].contains("2 cells in a table of 3 columns"), "{found:?}");
    }

    #[test]
    fn times_are_not_metrics_but_durations_are() {
        let text = "step,time,x\n1,1795161600.5,2\n2,3.5,4\n";
        let found = whole(CsvReader::default(), text.as_bytes());
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("wall_time: 1795161600.5"), "{found:?}");
    }

    #[test]
    fn a_sentence_is_not_a_header() {
        assert_eq!(recognise("Hello, world\nthis is, prose\n"), None);
        assert_eq!(recognise("1,2\n3,4\n"), None);
        assert!(recognise("a;b\n1,5;2\n").is_some());
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            text in "(epoch,[a-c\"]{0,3},loss\r?\n)?([0-9]{1,3}[,;][0-9.enaN\"é]{0,6}(,[0-9]{0,2})?\r?\n){0,8}[0-9,]{0,4}",
            cut in proptest::collection::vec(0_usize..120, 0..5),
        ) {
            assert_pieces_give_same_records(CsvReader::default, text.as_bytes(), &cut);
        }
    }
}
