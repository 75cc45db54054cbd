//! Text tables with an image per row: Kaggle's `label,pixel0,pixel1,…`, with or without a header.

use super::arrays::size_of_row;
use super::options::OpenOptions;
use super::shades::Shades;
use super::source::SourceFile;
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::{DataError, Images};
use csv::{ReaderBuilder, StringRecord};
use std::io::{self, Read};

const FORMAT: &str = "CSV";
/// Minimum and maximum number of columns.
const MIN_COLUMNS: usize = 5;
const MAX_COLUMNS: usize = 200_000;
/// Maximum length of a line in bytes.
const MAX_LINE: usize = 4 << 20;
/// Maximum number of values of a table.
const MAX_VALUES: usize = 1 << 29;
/// Common names of the label column.
const LABEL_NAMES: [&str; 8] =
    ["label", "labels", "class", "target", "y", "digit", "category", "classes"];

/// Whether a file is a text table: its first or second line consists of numbers, except for at most
/// 1 field (4 if there are more than 32), or its only line consists of names of pixels.
pub(super) fn recognises(source: &SourceFile) -> bool {
    let Ok(text) = std::str::from_utf8(whole_characters(&source.head)) else { return false };
    let text = text.trim_start_matches('\u{feff}');
    let Some(delimiter) = delimiter(text) else { return false };
    // A row of many pixels may be longer than the head of the file.
    let lines: Vec<Vec<&str>> = text
        .lines()
        .take(2)
        .map(|line| line.split(delimiter).map(|field| field.trim().trim_matches('"')).collect())
        .collect();
    // JSON also has commas between numbers.
    if text.trim_start().starts_with(['{', '[']) {
        return false;
    }
    let numbers = |fields: &[&str]| {
        let others = fields.iter().filter(|field| field.parse::<f64>().is_err()).count();
        others <= if fields.len() > 32 { 4 } else { 1 }
    };
    match &lines[..] {
        [only] => only.len() >= MIN_COLUMNS && (numbers(only) || names_pixels(only)),
        [first, second, ..] => {
            first.len() >= MIN_COLUMNS && (numbers(second) || numbers(first)) && second.len() > 1
        }
        _ => false,
    }
}

/// The bytes up to the last complete character.
fn whole_characters(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => &head[..error.valid_up_to()],
        _ => head,
    }
}

/// Whether all but at most 4 fields start with `p` or `x`, such as `pixel0` or `x0`.
fn names_pixels(fields: &[&str]) -> bool {
    fields.iter().filter(|field| field.to_lowercase().starts_with(['p', 'x'])).count() + 4
        >= fields.len()
}

/// The field delimiter, guessed from the first line.
fn delimiter(text: &str) -> Option<char> {
    let line = text.lines().next()?;
    let most = [',', ';', '\t'].into_iter().max_by_key(|&c| line.matches(c).count())?;
    (line.matches(most).count() + 1 >= MIN_COLUMNS).then_some(most)
}

/// The field delimiter of a table with any number of columns.
fn delimiter_of(source: &SourceFile) -> u8 {
    let text = String::from_utf8_lossy(whole_characters(&source.head)).into_owned();
    let line = text.lines().next().unwrap_or_default();
    let count = |c: char| line.matches(c).count();
    [';', '\t'].into_iter().fold(',', |most, c| if count(c) > count(most) { c } else { most }) as u8
}

/// Reads all tables of a directory; file names determine the split.
pub(super) fn read(sources: &[SourceFile], options: &OpenOptions) -> Result<Splits, DataError> {
    let mut parts = Splits::default();
    let mut unlabelled = None;
    for source in sources {
        match table(source, options)? {
            CsvTable::Labelled(part, notes) => {
                parts.notes.extend(notes);
                let split = Split::of(&source.name()).unwrap_or(Split::Train);
                parts.add(split, part)?;
            }
            CsvTable::Unlabelled(rows) => {
                let name = source.path.file_name().unwrap_or_default().display().to_string();
                parts.notes.push(format!("{name} was skipped: its {rows} images have no labels"));
                unlabelled = Some(source);
            }
        }
    }
    parts.notes.dedup();
    match unlabelled {
        Some(source) if parts.train.is_none() && parts.test.is_none() => Err(source
            .unsuitable("has no column of labels", "name that column `label`, or put it first")),
        _ => Ok(parts),
    }
}

enum CsvTable {
    Labelled(SplitImages, Vec<String>),
    /// Rows without labels, such as Kaggle's test.csv.
    Unlabelled(usize),
}

/// A reader that rejects lines that are too long to be kept in memory.
struct ShortLines<R> {
    inner: R,
    /// Number of bytes since the last line feed.
    line: usize,
}

impl<R: Read> Read for ShortLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match buffer[..count].iter().rposition(|&byte| byte == b'\n') {
            Some(at) => self.line = count - at,
            None => self.line += count,
        }
        if self.line > MAX_LINE {
            return Err(io::Error::other(format!("a line of more than {MAX_LINE} bytes")));
        }
        Ok(count)
    }
}

/// The records of a text table.
pub(super) struct Records<'a> {
    source: &'a SourceFile,
    reader: csv::Reader<ShortLines<Box<dyn Read>>>,
}

impl<'a> Records<'a> {
    /// Opens a table and reads its first record.
    ///
    /// # Errors
    /// If it cannot be read, is empty, or has too few or too many columns.
    pub fn open(
        source: &'a SourceFile,
        min_columns: usize,
    ) -> Result<(Self, StringRecord), DataError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter_of(source))
            .trim(csv::Trim::All)
            .from_reader(ShortLines { inner: source.reader()?, line: 0 });
        let mut records = Self { source, reader };
        let mut first = StringRecord::new();
        if !records.read(&mut first)? {
            return Err(source.damaged(FORMAT, "it is empty"));
        }
        if !(min_columns..=MAX_COLUMNS).contains(&first.len()) {
            return Err(source.damaged(FORMAT, format!("it has {} columns", first.len())));
        }
        Ok((records, first))
    }

    /// Reads the next record; false at the end.
    ///
    /// # Errors
    /// If it cannot be read, or has another number of columns than the first.
    pub fn read(&mut self, record: &mut StringRecord) -> Result<bool, DataError> {
        let read = self.reader.read_record(record);
        read.map_err(|error| self.source.damaged(FORMAT, explain(&error)))
    }
}

fn table(source: &SourceFile, options: &OpenOptions) -> Result<CsvTable, DataError> {
    let damaged = |problem: String| source.damaged(FORMAT, problem);
    let (mut records, mut record) = Records::open(source, MIN_COLUMNS)?;
    let columns = record.len();
    let mut layout = ColumnLayout::of(&record);
    if layout.header && !records.read(&mut record)? {
        return Err(damaged("it has a header and no rows".into()));
    }
    let mut labels: Vec<[String; 2]> = Vec::new();
    let mut shades = Shades::default();
    let mut row = 1 + usize::from(layout.header);
    let mut rows = 0;
    loop {
        let ends = [layout.label.unwrap_or(0), columns - 1];
        labels.push(ends.map(|at| record.get(at).unwrap_or_default().to_owned()));
        for (at, field) in record.iter().enumerate() {
            if layout.skipped.contains(&at) || (layout.label == Some(at)) {
                continue;
            }
            // Without a header, the label is in the first or last column, decided after all rows.
            if layout.label.is_none() && !layout.unlabelled && (at == 0 || at == columns - 1) {
                let value = field.parse().unwrap_or(f32::NAN);
                layout.ends[usize::from(at != 0)].push(value);
                continue;
            }
            let value: f32 = field.parse().map_err(|_| {
                let shown: String = field.chars().take(20).filter(|c| !c.is_control()).collect();
                damaged(format!("line {row}, column {}: `{shown}` is not a number", at + 1))
            })?;
            shades.push(value);
        }
        rows += 1;
        if shades.len() > MAX_VALUES {
            let (bytes, limit) = (shades.len() as u64, MAX_VALUES as u64);
            return Err(DataError::TooLarge { file: source.path.clone(), bytes, limit });
        }
        if !records.read(&mut record)? {
            break;
        }
        row += 1;
    }
    if layout.unlabelled {
        return Ok(CsvTable::Unlabelled(rows));
    }
    let (shades, last) = layout.choose_label_column(shades, rows);
    let labels = labels.into_iter().map(|[first, end]| if last { end } else { first }).collect();
    let pixels = shades.len() / rows;
    let (width, height, channels) = size_of_row(pixels, options);
    let (mut bytes, note) = shades.finish().map_err(damaged)?;
    let mut notes: Vec<String> = note.into_iter().collect();
    if channels == 3 {
        super::arrays::interleave(&mut bytes, 3, width * height);
        notes.push(format!(
            "{pixels} columns are {width}×{height} pixels of red, then green, then blue"
        ));
    } else if height == 1 {
        notes.push(format!(
            "{pixels} columns are not a square: images are {pixels}×1; override with --size WxH"
        ));
    }
    let images = Images { width, height, channels, pixels: bytes, labels: Vec::new() };
    let part = SplitImages { file: source.path.clone(), images, labels: Labels::of_texts(labels) };
    Ok(CsvTable::Labelled(part, notes))
}

/// What each column contains.
struct ColumnLayout {
    header: bool,
    /// The label column, if a header names it.
    label: Option<usize>,
    /// Whether the header has no label column.
    unlabelled: bool,
    /// Columns that are neither labels nor pixels, such as an index.
    skipped: Vec<usize>,
    /// Without a header: the values of the first and last column.
    ends: [Vec<f32>; 2],
}

impl ColumnLayout {
    fn of(first: &StringRecord) -> Self {
        let numbers = first.iter().filter(|field| field.parse::<f64>().is_ok()).count();
        // If labels are texts, one field of each row is not a number.
        let header = numbers + 1 < first.len();
        let name =
            |field: &str| field.trim_start_matches('\u{feff}').trim_matches('"').to_lowercase();
        let mut layout = Self {
            header,
            label: None,
            unlabelled: false,
            skipped: Vec::new(),
            ends: [Vec::new(), Vec::new()],
        };
        if !header {
            if let Some(text) = first.iter().position(|field| field.parse::<f64>().is_err()) {
                layout.label = Some(text);
            }
            return layout;
        }
        layout.label = first.iter().position(|field| LABEL_NAMES.contains(&name(field).as_str()));
        layout.unlabelled = layout.label.is_none();
        let other =
            |field: &str| matches!(name(field).as_str(), "" | "id" | "index" | "unnamed: 0");
        layout.skipped =
            first.iter().enumerate().filter(|(_, field)| other(field)).map(|(at, _)| at).collect();
        layout
    }

    /// Decides whether the first or the last column is the label. It is the last if that consists
    /// of whole numbers and the first does not, or is constant (the corner of an image is empty)
    /// while the last is not. Returns the pixels, including the other column, and whether the
    /// label is in the last column.
    fn choose_label_column(&self, inner: Shades, rows: usize) -> (Shades, bool) {
        if self.label.is_some() {
            return (inner, false);
        }
        let [first, end] = &self.ends;
        let whole = |values: &[f32]| values.iter().all(|value| value.fract() == 0.0);
        let changes =
            |values: &[f32]| values.windows(2).any(|pair| pair[0].to_bits() != pair[1].to_bits());
        let last = (!whole(first) && whole(end)) || (!changes(first) && changes(end) && whole(end));
        let width = inner.len() / rows;
        let mut shades = Shades::default();
        let value = |at: usize| match &inner {
            Shades::Bytes(bytes) => f32::from(bytes[at]),
            Shades::Reals(reals) => reals[at],
        };
        for row in 0..rows {
            if last {
                shades.push(first[row]);
            }
            (0..width).for_each(|column| shades.push(value(row * width + column)));
            if !last {
                shades.push(end[row]);
            }
        }
        (shades, last)
    }
}

fn explain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line} has {len} fields, but the first has {expected_len}")
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            format!("line {} is not UTF-8", pos.as_ref().map_or(0, csv::Position::line))
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn open(name: &str, text: &str) -> Result<Splits, DataError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), text).unwrap();
        let source = SourceFile::open(&dir.path().join(name)).unwrap();
        assert!(recognises(&source), "{text}");
        read(&[source], &OpenOptions::default())
    }

    fn train(text: &str) -> (Vec<u8>, Labels) {
        let part = open("table", text).unwrap().train.unwrap();
        (part.images.pixels, part.labels)
    }

    #[test]
    fn tables_with_and_without_a_header_are_read() {
        let expected = (vec![0, 100, 200, 3, 9, 8, 7, 6], Labels::Numbers(vec![5, 1]));
        assert_eq!(train("label,p0,p1,p2,p3\n5,0,100,200,3\n1,9,8,7,6\n"), expected);
        assert_eq!(train("5,0,100,200,3\n1,9,8,7,6\n"), expected);
        assert_eq!(train("p0;p1;p2;p3;class\r\n0;100;200;3;5\r\n9;8;7;6;1\r\n"), expected);
        assert_eq!(
            train("\u{feff}\"label\",\"p0\",\"p1\",\"p2\",\"p3\"\n5,0,100,200,3\n1,9,8,7,6\n"),
            expected
        );
    }

    #[test]
    fn a_constant_first_column_without_header_is_a_pixel() {
        let (pixels, labels) = train("0,100,200,3,5\n0,8,7,6,1\n");
        assert_eq!(labels, Labels::Numbers(vec![5, 1]));
        assert_eq!(pixels, [0, 100, 200, 3, 0, 8, 7, 6]);
    }

    #[test]
    fn labels_may_be_names_and_pixels_real_numbers() {
        let (pixels, labels) = train("label,p0,p1,p2,p3\ncat,0,0.5,1,0\ndog,1,1,1,1\n");
        assert_eq!(labels, Labels::Names(vec!["cat".into(), "dog".into()]));
        assert_eq!(pixels[..4], [0, 128, 255, 0]);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, why) in [
            ("label,p0,p1,p2,p3\n5,0,1,2,3\n1,9,8\n", "line 3 has 3 fields"),
            ("label,p0,p1,p2,p3\n5,0,1,2,3\n1,9,x,7,6\n", "`x` is not a number"),
            ("p0,p1,p2,p3,p4\n5,0,1,2,3\n", "no column of labels"),
            ("label,p0,p1,p2,p3\n5,0,1,2,nan\n", "finite"),
        ] {
            let error = open("train.csv", text).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("train.csv"), "{error}");
        }
    }

    #[test]
    fn an_overlong_line_is_an_error() {
        let endless = "1,".repeat(MAX_LINE);
        let error = open("train.csv", &format!("1,2,3,4,5\n{endless}")).unwrap_err().to_string();
        assert!(error.contains("a line of more than"), "{error}");
    }

    #[test]
    fn other_texts_are_not_recognised() {
        let dir = tempfile::tempdir().unwrap();
        for text in [
            "cat\ndog\n",
            "a, b, c, d, e and others\nand more words, as, one, writes, them\n",
            "{\"a\": [1,2,3,4,5,6]}",
        ] {
            fs::write(dir.path().join("notes"), text).unwrap();
            assert!(!recognises(&SourceFile::open(&dir.path().join("notes")).unwrap()), "{text}");
        }
    }
}
