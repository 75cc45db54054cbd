//! A classifier's predictions for labelled images: a table with a row per image in CSV, `.npz` or
//! parquet.

mod columns;
mod pictures;
mod tables;

use super::classes::MAX_CLASSES;
use super::foreign;
use super::options::OpenOptions;
use super::source::SourceFile;
use super::{npz, parquet_images};
use crate::data::{DataError, Dataset, Images};
use columns::{Columns, Scores};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The remedy for a table with missing columns.
const ADVICE: &str = "name the true labels `label`, the predicted ones `prediction` (or a column `prob_CLASS` for each class), and the pictures `path`, or `pixel0`, `pixel1`, …";

/// Labelled images and a classifier's prediction for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictedDataset {
    /// The images with their true labels, as test images. If the table has no pictures the images
    /// are 0 pixels wide and high.
    pub data: Dataset,
    /// Row-major (images × classes), from 0 to 1 or not finite: the probabilities of the table, or
    /// otherwise the confidence (or 1) for the predicted class and 0 for the others.
    pub outputs: Vec<f32>,
    /// The predicted class of each image; `None` if it is missing or a probability is not finite.
    pub answers: Vec<Option<u32>>,
}

impl PredictedDataset {
    /// Reads a table in any supported format. The notes of [`PredictedDataset::data`] list what was
    /// assumed.
    ///
    /// # Errors
    /// If the file is missing, damaged or not such a table; the error names the file and a remedy.
    pub fn open(file: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        let source = SourceFile::open(file)?;
        let columns = if npz::recognises(&source) {
            tables::read_npz(&source)?
        } else if parquet_images::recognises(&source) {
            tables::read_parquet(&source)?
        } else if let Some(error) = foreign::error_for(&source) {
            return Err(error);
        } else {
            tables::read_csv(&source)?
        };
        number_and_decode(&source, columns, options)
    }

    /// Adds the pictures of another data set's test images, which must be as many and in the same
    /// order; the labels remain those of the table.
    ///
    /// # Errors
    /// A message if the numbers differ.
    pub fn with_pictures(mut self, data: &Dataset) -> Result<Self, String> {
        let (found, expected) = (data.test.len(), self.answers.len());
        if found != expected {
            return Err(format!(
                "{} has {found} test images for {expected} predictions",
                data.name
            ));
        }
        let labels = std::mem::take(&mut self.data.test.labels);
        self.data.test = Images { labels, ..data.test.clone() };
        if self.data.classes.len() == data.classes.len() {
            self.data.classes.clone_from(&data.classes);
        }
        self.data.notes.retain(|note| note != pictures::NONE);
        Ok(self)
    }

    /// Whether there are pictures.
    #[must_use]
    pub fn has_pictures(&self) -> bool {
        self.data.test.width > 0
    }
}

/// Numbers the classes, derives outputs and predictions, and decodes the pictures.
fn number_and_decode(
    source: &SourceFile,
    mut columns: Columns,
    options: &OpenOptions,
) -> Result<PredictedDataset, DataError> {
    let unsuitable = |problem: String| source.unsuitable(problem, ADVICE);
    let Some(truth) = columns.truth.take() else {
        return Err(unsuitable(format!(
            "has no column of true labels: it has {}",
            columns.names()
        )));
    };
    let rows = truth.len();
    if rows == 0 {
        return Err(unsuitable("has no rows".into()));
    }
    let predicted = columns.predicted.take();
    if predicted.is_none() && columns.scores.is_none() {
        let names = columns.names();
        return Err(unsuitable(format!("has no column of predictions: it has {names}")));
    }
    let lengths = [
        predicted.as_ref().map(Vec::len),
        columns.confidence.as_ref().map(Vec::len),
        columns.scores.as_ref().map(|scores| scores.values.len() / scores.columns.max(1)),
    ];
    if let Some(other) = lengths.into_iter().flatten().find(|&other| other != rows) {
        return Err(unsuitable(format!("has {rows} true labels and {other} predictions")));
    }
    let mut notes = std::mem::take(&mut columns.notes);
    let classes =
        Classes::of(&truth, predicted.as_deref(), &columns, &mut notes).map_err(unsuitable)?;
    let number = |(row, text): (usize, &String)| {
        classes.number(text).ok_or_else(|| {
            unsuitable(format!(
                "row {} has the label `{}`, which is not a class",
                row + 1,
                short(text)
            ))
        })
    };
    let labels: Vec<u32> = truth.iter().enumerate().map(number).collect::<Result<_, _>>()?;
    let predicted: Option<Vec<Option<u32>>> = match predicted {
        None => None,
        Some(predicted) => Some(
            predicted
                .iter()
                .enumerate()
                .map(
                    |(row, text)| {
                        if is_absent(text) { Ok(None) } else { number((row, text)).map(Some) }
                    },
                )
                .collect::<Result<_, DataError>>()?,
        ),
    };
    let count = classes.names.len();
    let (outputs, answers) = match columns.scores.take() {
        Some(scores) => {
            let outputs = probabilities(scores, &mut notes);
            let largest = |row: &[f32]| {
                let best = (0..row.len()).reduce(|a, b| if row[b] > row[a] { b } else { a });
                best.map(|best| best as u32)
            };
            let answers = outputs.chunks_exact(count).enumerate().map(|(row, outputs)| {
                let finite = outputs.iter().all(|output| output.is_finite());
                let chosen =
                    predicted.as_ref().map_or_else(|| largest(outputs), |predicted| predicted[row]);
                chosen.filter(|_| finite)
            });
            let answers = answers.collect();
            (outputs, answers)
        }
        None => outputs_of(predicted.unwrap_or_default(), columns.confidence.as_deref(), count),
    };
    let without = answers.iter().filter(|answer: &&Option<u32>| answer.is_none()).count();
    if without > 0 {
        notes.push(format!(
            "{without} of {rows} rows have no prediction (missing, or not a finite number): they are not counted in the confusion matrix"
        ));
    }
    let mut test = pictures::decode(source, &mut columns, rows, options, &mut notes)?;
    test.labels = labels.iter().map(|&label| label as u8).collect();
    let name = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let data = Dataset { name, classes: classes.names, test, notes, ..Dataset::default() };
    Ok(PredictedDataset { data, outputs, answers })
}

/// Outputs and predictions for a table of predicted classes without probabilities.
fn outputs_of(
    predicted: Vec<Option<u32>>,
    confidence: Option<&[f32]>,
    classes: usize,
) -> (Vec<f32>, Vec<Option<u32>>) {
    let mut outputs = vec![0.0; predicted.len() * classes];
    let mut answers = predicted;
    for (row, answer) in answers.iter_mut().enumerate() {
        let confidence = confidence.map_or(1.0, |confidence| confidence[row]);
        *answer = answer.filter(|_| confidence.is_finite());
        if let Some(class) = *answer {
            outputs[row * classes + class as usize] = confidence.clamp(0.0, 1.0);
        }
    }
    (outputs, answers)
}

/// Converts scores to numbers from 0 to 1: unchanged if they are in that range, divided by 100 if
/// they are percentages, otherwise by softmax.
fn probabilities(scores: Scores, notes: &mut Vec<String>) -> Vec<f32> {
    let Scores { columns, mut values, .. } = scores;
    let finite = || values.iter().filter(|value| value.is_finite());
    if finite().all(|value| (-1e-3..=1.001).contains(value)) {
        return values;
    }
    let percent = finite().all(|value| (-0.1..=100.1).contains(value))
        && values.chunks_exact(columns).take(100).all(|row| {
            let sum: f32 = row.iter().sum();
            !sum.is_finite() || (sum - 100.0).abs() < 2.0
        });
    if percent {
        for value in &mut values {
            *value /= 100.0;
        }
        return values;
    }
    notes.push("scores outside 0 to 1 were converted to probabilities by softmax".into());
    for row in values.chunks_exact_mut(columns) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for value in &mut *row {
            *value = (*value - largest).exp();
        }
        let sum: f32 = row.iter().sum();
        for value in row {
            *value /= sum;
        }
    }
    values
}

/// The classes of a table, in the order of their outputs.
struct Classes {
    names: Vec<String>,
    /// The class of each label as written in the table.
    numbers: BTreeMap<String, u32>,
}

impl Classes {
    /// Class names come from the probability columns, the table, or the labels; otherwise classes
    /// are numbered from 0, or from 1 if no label is 0 and there is an output for the highest.
    fn of(
        truth: &[String],
        predicted: Option<&[String]>,
        columns: &Columns,
        notes: &mut Vec<String>,
    ) -> Result<Self, String> {
        let predicted = predicted.unwrap_or_default().iter().filter(|text| !is_absent(text));
        let written: BTreeSet<&str> =
            truth.iter().chain(predicted).map(|text| whole(text)).collect();
        let scores = columns.scores.as_ref();
        let outputs = scores.map(|scores| scores.columns);
        let numbers: Option<BTreeSet<i64>> = written.iter().map(|text| text.parse().ok()).collect();
        let of_columns = scores.map(|scores| &scores.names).filter(|names| {
            !names.is_empty() && names.iter().any(|name| whole(name).parse::<i64>().is_err())
        });
        let given = of_columns.or(columns.classes.as_ref()).filter(|names| {
            outputs.is_none_or(|outputs| outputs == names.len())
                && (numbers.is_some()
                    || written.iter().all(|text| names.iter().any(|name| name == text)))
        });
        let classes = match (numbers, given) {
            (Some(numbers), given) => {
                let (lowest, highest) = (numbers.first(), numbers.last());
                let (lowest, highest) = (*lowest.unwrap_or(&0), *highest.unwrap_or(&0));
                let count = given.map(Vec::len).or(outputs);
                let first = match count {
                    Some(count) => i64::from(lowest >= 1 && highest == count as i64),
                    None => lowest.clamp(0, 1),
                };
                let found = highest.saturating_sub(first).saturating_add(1).max(2);
                let count = count.unwrap_or(usize::try_from(found).unwrap_or(usize::MAX));
                if lowest < first || found > count.max(2) as i64 {
                    return Err(format!(
                        "has labels from {lowest} to {highest} for {count} classes"
                    ));
                }
                limit(count)?;
                let numbers = (first..first + count as i64).zip(0..);
                let numbers = numbers.map(|(label, number)| (label.to_string(), number)).collect();
                let names = match given {
                    Some(names) => names.clone(),
                    None => (first..first + count as i64).map(|label| label.to_string()).collect(),
                };
                Self { names, numbers }
            }
            (None, Some(names)) => Self::named(names.clone()),
            (None, None) => {
                let names: Vec<String> = written.iter().map(ToString::to_string).collect();
                match outputs {
                    Some(outputs) if outputs != names.len() => {
                        return Err(format!(
                            "has {} different labels, but {outputs} probabilities per row",
                            names.len()
                        ));
                    }
                    Some(_) => notes.push(
                        "probabilities are taken to be in the alphabetical order of the labels"
                            .into(),
                    ),
                    None => {}
                }
                Self::named(names)
            }
        };
        limit(classes.names.len())?;
        Ok(classes)
    }

    fn named(names: Vec<String>) -> Self {
        let numbers = names.iter().cloned().zip(0..).collect();
        Self { names, numbers }
    }

    fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(whole(text)).copied()
    }
}

fn limit(classes: usize) -> Result<(), String> {
    let too_many = || format!("has {classes} classes, but at most {MAX_CLASSES} are supported");
    if classes > MAX_CLASSES { Err(too_many()) } else { Ok(()) }
}

/// A field without surrounding whitespace, whole numbers without `.0`: `3` for `3.0`.
fn whole(text: &str) -> &str {
    let text = text.trim();
    let short = text.strip_suffix(".0").unwrap_or(text);
    if short.parse::<i64>().is_ok() { short } else { text }
}

/// Whether a field contains no label.
fn is_absent(text: &str) -> bool {
    let text = text.trim();
    ["", "nan", "none", "null", "na", "n/a", "-"].iter().any(|none| text.eq_ignore_ascii_case(none))
}

/// The start of an untrusted text, for errors.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(24).collect()
}

#[cfg(test)]
mod tests;
