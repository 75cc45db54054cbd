//! Tables of predictions as CSV, `.npz` and parquet.

use super::super::arrays::{self, Array, Values};
use super::super::csv::Records;
use super::super::npz::Npz;
use super::super::options::OpenOptions;
use super::super::parquet::{ParquetColumn, ParquetFile, ParquetValue};
use super::super::shades::Shades;
use super::super::source::SourceFile;
use super::super::split_images::Labels;
use super::columns::{ColumnPurpose, Columns, Scores, UndecodedPictures, purpose_of};
use super::{ADVICE, short};
use crate::data::{DataError, decode};
use std::sync::Arc;

/// Maximum number of values of all columns, and of rows.
const MAX_VALUES: usize = 1 << 28;
const MAX_ROWS: usize = 5_000_000;

/// Reads a text table with a header.
pub(super) fn read_csv(source: &SourceFile) -> Result<Columns, DataError> {
    let damaged = |problem: String| source.damaged("CSV", problem);
    let (mut records, mut record) = Records::open(source, 1)?;
    let mut columns =
        Columns { listed: record.iter().map(String::from).collect(), ..Columns::default() };
    let numbers = record.iter().filter(|field| field.parse::<f64>().is_ok()).count();
    let mut is_row = numbers == record.len();
    let mut purposes: Vec<ColumnPurpose> = if is_row {
        columns.listed.clear();
        without_header(record.len()).ok_or_else(|| source.unsuitable("has no header", ADVICE))?
    } else {
        record.iter().map(purpose_of).collect()
    };
    resolve_numbered(&mut purposes);
    let mut scores = Scores::default();
    for purpose in &purposes {
        if let ColumnPurpose::Score(name) = purpose {
            scores.names.push(name.clone());
        }
    }
    scores.columns = scores.names.len();
    let mut texts: [Vec<String>; 3] = Default::default();
    let mut confidence = Vec::new();
    let mut pixels = Shades::default();
    let firsts = [ColumnPurpose::Truth, ColumnPurpose::Predicted, ColumnPurpose::Path]
        .map(|wanted| purposes.iter().position(|purpose| *purpose == wanted));
    let conf_index = purposes.iter().position(|purpose| *purpose == ColumnPurpose::Confidence);
    let (mut line, mut values, mut rows) = (1, 0, 0);
    loop {
        if !is_row {
            if !records.read(&mut record)? {
                break;
            }
            line += 1;
        }
        is_row = false;
        rows += 1;
        values += record.len();
        if values > MAX_VALUES || rows > MAX_ROWS {
            let (bytes, limit) = (values as u64, MAX_VALUES as u64);
            return Err(DataError::TooLarge { file: source.path.clone(), bytes, limit });
        }
        for (texts, at) in texts.iter_mut().zip(firsts) {
            texts.extend(at.map(|at| record.get(at).unwrap_or_default().to_owned()));
        }
        for (at, field) in record.iter().enumerate() {
            let number = || -> Result<f32, DataError> {
                // An absent value, such as an empty field or `nan`, is NaN.
                if super::is_absent(field) {
                    return Ok(f32::NAN);
                }
                field.trim_end_matches('%').parse().map_err(|_| {
                    damaged(format!(
                        "line {line}, column {}: `{}` is not a number",
                        at + 1,
                        short(field)
                    ))
                })
            };
            match &purposes[at] {
                ColumnPurpose::Score(_) => scores.values.push(number()?),
                ColumnPurpose::Pixel => pixels.push(number()?),
                ColumnPurpose::Confidence if Some(at) == conf_index => confidence.push(number()?),
                _ => {}
            }
        }
    }
    let [truth, predicted, paths] = texts;
    columns.truth = firsts[0].map(|_| truth);
    columns.predicted = firsts[1].map(|_| predicted);
    columns.confidence = conf_index.map(|_| confidence);
    columns.scores = (scores.columns > 1).then_some(scores);
    columns.pictures = pictures_of(Vec::new(), pixels, firsts[2].map(|_| paths));
    Ok(columns)
}

/// Two columns without a header are the true label and the prediction.
fn without_header(columns: usize) -> Option<Vec<ColumnPurpose>> {
    (columns == 2).then(|| vec![ColumnPurpose::Truth, ColumnPurpose::Predicted])
}

/// The purpose of an array, derived from its name and shape.
fn purpose_of_array(name: &str, shape: &[usize], texts: bool) -> ColumnPurpose {
    let lower = name.to_lowercase();
    let images = ["x", "images", "image", "pixels", "data", "inputs", "input", "pictures"];
    let stem = lower.trim_end_matches("_test").trim_end_matches("_val").trim_start_matches("test_");
    if texts && shape.len() == 1 {
        return match purpose_of(name) {
            ColumnPurpose::Other | ColumnPurpose::Pixel => ColumnPurpose::Other,
            purpose => purpose,
        };
    }
    if shape.len() > 2 || shape.len() == 2 && images.contains(&stem) {
        return ColumnPurpose::Pixel;
    }
    match purpose_of(name) {
        ColumnPurpose::Predicted | ColumnPurpose::Confidence | ColumnPurpose::Other
            if shape.len() == 2 && shape[1] > 1 =>
        {
            ColumnPurpose::Score(String::new())
        }
        purpose => purpose,
    }
}

/// Reads an archive of arrays.
pub(super) fn read_npz(source: &SourceFile) -> Result<Columns, DataError> {
    let mut npz = Npz::open(source)?;
    let mut columns = Columns::default();
    let named = npz.named();
    columns.listed = named.iter().map(|(name, shape, _)| format!("{name} {shape:?}")).collect();
    for (index, (name, shape, texts)) in named.iter().enumerate() {
        let purpose = match purpose_of_array(name, shape, *texts) {
            // Unnamed arrays, `arr_0` and `arr_1`: the true labels are first.
            ColumnPurpose::Other | ColumnPurpose::Numbered(_) | ColumnPurpose::Path
                if shape.len() == 1 && !texts =>
            {
                match (name.starts_with("arr_"), columns.truth.is_some()) {
                    (true, false) => ColumnPurpose::Truth,
                    (true, true) => ColumnPurpose::Predicted,
                    _ => ColumnPurpose::Other,
                }
            }
            purpose => purpose,
        };
        match purpose {
            ColumnPurpose::Truth if columns.truth.is_none() => {
                columns.truth = Some(texts_of(source, name, npz.read(index)?)?);
            }
            ColumnPurpose::Predicted if columns.predicted.is_none() => {
                columns.predicted = Some(texts_of(source, name, npz.read(index)?)?);
            }
            ColumnPurpose::Confidence if columns.confidence.is_none() => {
                let numbers = npz.read(index)?.into_numbers().unwrap_or_default();
                columns.confidence = Some(numbers.into_iter().map(|value| value as f32).collect());
            }
            ColumnPurpose::Score(_) if columns.scores.is_none() && shape.len() == 2 => {
                let numbers = npz.read(index)?.into_numbers().unwrap_or_default();
                let values = numbers.into_iter().map(|value| value as f32).collect();
                columns.scores = Some(Scores { names: Vec::new(), columns: shape[1], values });
            }
            ColumnPurpose::Pixel
                if matches!(
                    columns.pictures,
                    UndecodedPictures::Nothing | UndecodedPictures::Paths(_)
                ) =>
            {
                let array = npz.read(index)?;
                let options = OpenOptions::default();
                let images = arrays::images(source, name, array, &options, &mut columns.notes)?;
                columns.pictures = UndecodedPictures::Images(images);
            }
            ColumnPurpose::Path
                if *texts && matches!(columns.pictures, UndecodedPictures::Nothing) =>
            {
                if let Values::Texts(paths) = npz.read(index)?.values {
                    columns.pictures = UndecodedPictures::Paths(paths);
                }
            }
            ColumnPurpose::Classes if *texts => {
                if let Values::Texts(names) = npz.read(index)?.values {
                    columns.classes = Some(names);
                }
            }
            _ => {}
        }
    }
    Ok(columns)
}

/// Labels as texts; for one-hot rows the index of the maximum.
fn texts_of(source: &SourceFile, name: &str, array: Array) -> Result<Vec<String>, DataError> {
    if let (Values::Numbers(numbers), [_]) = (&array.values, &array.shape[..])
        && numbers.iter().any(|number| number.is_nan())
    {
        let text = |number: &f64| if number.is_nan() { String::new() } else { number.to_string() };
        return Ok(numbers.iter().map(text).collect());
    }
    arrays::labels(source, name, array).map(Labels::into_names)
}

/// Decides what numbered columns contain: probabilities if there is no column of predictions,
/// otherwise pixels. A single column of scores is the confidence of the prediction.
fn resolve_numbered(purposes: &mut [ColumnPurpose]) {
    let scores =
        purposes.iter().filter(|purpose| matches!(purpose, ColumnPurpose::Score(_))).count();
    let answered = scores > 0 || purposes.contains(&ColumnPurpose::Predicted);
    for purpose in purposes {
        match purpose {
            ColumnPurpose::Numbered(_) if answered => *purpose = ColumnPurpose::Pixel,
            ColumnPurpose::Numbered(name) => *purpose = ColumnPurpose::Score(name.clone()),
            ColumnPurpose::Score(_) if scores == 1 => *purpose = ColumnPurpose::Confidence,
            _ => {}
        }
    }
}

/// The pictures of a table: encoded ones, otherwise pixels, otherwise paths.
fn pictures_of(
    encoded: Vec<Option<Arc<[u8]>>>,
    pixels: Shades,
    paths: Option<Vec<String>>,
) -> UndecodedPictures {
    match paths {
        _ if encoded.iter().any(Option::is_some) => UndecodedPictures::Encoded(encoded),
        _ if pixels.len() > 0 => UndecodedPictures::Rows(pixels),
        Some(paths) => UndecodedPictures::Paths(paths),
        None => UndecodedPictures::Nothing,
    }
}

/// Whether a column of a parquet file holds the bytes of encoded pictures, as `image.bytes` does.
fn is_encoded(column: &str) -> bool {
    column.rsplit_once('.').is_some_and(|(_, last)| last == "bytes")
}

/// The purpose of each column of a parquet file.
fn purposes_of_columns(table: &ParquetFile) -> Vec<ColumnPurpose> {
    let purpose = |column: &ParquetColumn| {
        let first = column.path.split('.').next().unwrap_or_default();
        let shape: &[usize] = if column.repeated > 0 { &[1, 2] } else { &[1] };
        match purpose_of_array(first, shape, false) {
            ColumnPurpose::Other if is_encoded(&column.path) => ColumnPurpose::Path,
            purpose => purpose,
        }
    };
    table.columns.iter().map(purpose).collect()
}

/// The class names in the metadata written by Hugging Face's `datasets`.
fn names_of_classes(table: &ParquetFile) -> Option<Vec<String>> {
    let (_, text) = table.metadata.iter().find(|(key, _)| key == "huggingface")?;
    let metadata: serde_json::Value = serde_json::from_str(text).ok()?;
    let features = metadata.get("info")?.get("features")?.as_object()?;
    let names = features.values().find_map(|feature| feature.get("names")?.as_array())?;
    names.iter().map(|name| name.as_str().map(String::from)).collect()
}

/// Reads a parquet file.
pub(super) fn read_parquet(source: &SourceFile) -> Result<Columns, DataError> {
    let damaged = |problem: String| source.damaged("parquet", problem);
    let mut table = ParquetFile::open(&source.path).map_err(damaged)?;
    let mut columns = Columns {
        listed: table.columns.iter().map(|column| column.path.clone()).collect(),
        ..Columns::default()
    };
    let purposes = purposes_of_columns(&table);
    columns.classes = names_of_classes(&table);
    let flat = purposes.iter().enumerate().filter_map(|(at, purpose)| match purpose {
        ColumnPurpose::Score(name) if table.columns[at].repeated == 0 => Some((at, name.clone())),
        _ => None,
    });
    let flat: Vec<(usize, String)> = flat.collect();
    let position = |wanted: ColumnPurpose| purposes.iter().position(|purpose| *purpose == wanted);
    let list = purposes.iter().enumerate().position(|(at, purpose)| {
        matches!(purpose, ColumnPurpose::Score(_)) && table.columns[at].repeated > 0
    });
    let pixel = purposes.iter().enumerate().position(|(at, purpose)| {
        *purpose == ColumnPurpose::Pixel && table.columns[at].repeated > 0
    });
    let bytes = table.columns.iter().position(|column| is_encoded(&column.path));
    let path = purposes.iter().enumerate().position(|(at, purpose)| {
        *purpose == ColumnPurpose::Path && !is_encoded(&table.columns[at].path)
    });
    let wanted = [position(ColumnPurpose::Truth), position(ColumnPurpose::Predicted)];
    let conf_index = position(ColumnPurpose::Confidence);
    let mut scores = Scores::default();
    let (mut pixels, mut encoded, mut paths) = (Shades::default(), Vec::new(), Vec::new());
    let (mut truth, mut predicted, mut confidence) = (Vec::new(), Vec::new(), Vec::new());
    let mut values = 0;
    for group in 0..table.groups() {
        let mut read = |column: usize| -> Result<Vec<Vec<ParquetValue>>, DataError> {
            let rows = table.read(group, column).map_err(damaged)?;
            values += rows.iter().map(Vec::len).sum::<usize>();
            if values > MAX_VALUES {
                let (bytes, limit) = (values as u64, MAX_VALUES as u64);
                return Err(DataError::TooLarge { file: source.path.clone(), bytes, limit });
            }
            Ok(rows)
        };
        for (column, texts) in wanted.into_iter().zip([&mut truth, &mut predicted]) {
            if let Some(column) = column {
                texts.extend(read(column)?.iter().map(|cells| text_of(cells.first())));
            }
        }
        if let Some(column) = conf_index {
            confidence.extend(read(column)?.iter().map(|cells| number_of(cells.first())));
        }
        if let Some(column) = list {
            for cells in read(column)? {
                if scores.columns == 0 {
                    scores.columns = cells.len();
                }
                if cells.len() != scores.columns {
                    let problem = format!("rows of {} and {} scores", scores.columns, cells.len());
                    return Err(damaged(problem));
                }
                scores.values.extend(cells.iter().map(|cell| number_of(Some(cell))));
            }
        } else if flat.len() > 1 {
            let each: Vec<Vec<f32>> = flat
                .iter()
                .map(|(column, _)| {
                    Ok(read(*column)?.iter().map(|cells| number_of(cells.first())).collect())
                })
                .collect::<Result<_, DataError>>()?;
            let rows = each.iter().map(Vec::len).min().unwrap_or(0);
            (0..rows).for_each(|row| scores.values.extend(each.iter().map(|column| column[row])));
        }
        if let Some(column) = bytes {
            encoded.extend(read(column)?.into_iter().map(|mut cells| match cells.pop() {
                Some(ParquetValue::Bytes(bytes)) => Some(Arc::<[u8]>::from(&bytes[..])),
                _ => None,
            }));
        } else if let Some(column) = pixel {
            for cells in read(column)? {
                for cell in &cells {
                    pixels.push(number_of(Some(cell)));
                }
            }
        }
        if let Some(column) = path {
            for cells in read(column)? {
                let (picture, path) = picture_or_path(cells.first());
                encoded.extend(bytes.is_none().then_some(picture));
                paths.push(path);
            }
        }
    }
    if list.is_none() {
        scores.columns = flat.len();
        scores.names = flat.into_iter().map(|(_, name)| name).collect();
    }
    columns.truth = wanted[0].map(|_| truth);
    columns.predicted = wanted[1].map(|_| predicted);
    columns.confidence = conf_index.map(|_| confidence);
    columns.scores = (scores.columns > 1).then_some(scores);
    columns.pictures = pictures_of(encoded, pixels, path.map(|_| paths));
    Ok(columns)
}

/// The encoded picture or the path in a cell of a column named for paths: some programs store
/// encoded pictures in such a column.
fn picture_or_path(cell: Option<&ParquetValue>) -> (Option<Arc<[u8]>>, String) {
    match cell {
        // A path may start like an encoded picture, for example with `BM`, but is UTF-8.
        Some(ParquetValue::Bytes(bytes))
            if decode::is_picture(bytes) && str::from_utf8(bytes).is_err() =>
        {
            (Some(Arc::from(&bytes[..])), String::new())
        }
        cell => (None, text_of(cell)),
    }
}

fn text_of(cell: Option<&ParquetValue>) -> String {
    match cell {
        Some(ParquetValue::Int(number)) => number.to_string(),
        Some(ParquetValue::Real(number)) if number.is_nan() => String::new(),
        Some(ParquetValue::Real(number)) => number.to_string(),
        Some(ParquetValue::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(ParquetValue::Null) | None => String::new(),
    }
}

fn number_of(cell: Option<&ParquetValue>) -> f32 {
    match cell {
        Some(ParquetValue::Int(number)) => *number as f32,
        Some(ParquetValue::Real(number)) => *number as f32,
        _ => f32::NAN,
    }
}
