//! MLflow's file store: `mlruns/EXPERIMENT/RUN/` with one file per metric, parameter and tag.

use super::lines;
use super::number;
use super::record::{LogReader, LogRecord, Sink, WriterState};
use super::value::LogValue;
use super::yaml;
use std::path::Path;

/// Reads the file of a metric: lines of `milliseconds value step`, where the step may be missing,
/// and the name and digest of a data set may follow.
#[derive(Debug)]
pub struct MetricFile {
    name: String,
    offset: u64,
}

impl MetricFile {
    /// The name of the metric is the file's path below `metrics`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { name: below(path, "metrics").unwrap_or_default(), offset: 0 }
    }
}

impl LogReader for MetricFile {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let offset = self.offset;
        let read = lines::each(bytes, end, |at, line| {
            let line = line.unwrap_or_default();
            match point(line) {
                Some((wall_time, value, step)) => {
                    sink.record(LogRecord::Scalar { name: &self.name, step, wall_time, value });
                }
                None if line.trim().is_empty() => {}
                None => {
                    let text =
                        "a line that is not `milliseconds value step` was skipped".to_owned();
                    sink.record(LogRecord::Warning { offset: offset + at as u64, text });
                }
            }
        });
        self.offset += read as u64;
        read
    }
}

fn point(line: &str) -> Option<(f64, f64, i64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let milliseconds = number::parse(fields.first()?)?;
    let value = number::parse(fields.get(1)?)?;
    let step = match fields.len() {
        2 => 0,
        3 | 5 => fields[2].parse().ok()?,
        _ => return None,
    };
    Some((milliseconds / 1e3, value, step))
}

/// Reads a run's `meta.yaml`.
///
/// # Errors
/// A message if it is not one.
pub fn read_meta(bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
    let meta = yaml::parse(&String::from_utf8_lossy(bytes))?;
    let text = |name| match meta.get(name) {
        Some(LogValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    if let Some(name) = text("run_name") {
        sink.record(LogRecord::Title { name: &name });
    }
    if let Some(start) = meta.get("start_time").and_then(LogValue::number) {
        sink.record(LogRecord::Started { wall_time: start / 1e3 });
    }
    // RunStatus: 1 RUNNING, 2 SCHEDULED, 3 FINISHED, 4 FAILED, 5 KILLED; older versions write the
    // name.
    let state = match meta.get("status") {
        Some(LogValue::Number(3.0)) => Some(WriterState::Finished),
        Some(LogValue::Number(4.0 | 5.0)) => Some(WriterState::Failed),
        Some(LogValue::Number(_)) => Some(WriterState::Running),
        Some(LogValue::Text(name)) => state_of(name),
        _ => None,
    };
    if let Some(state) = state {
        sink.record(LogRecord::State(state));
    }
    Ok(())
}

/// Converts MLflow's name of a state.
#[must_use]
pub fn state_of(name: &str) -> Option<WriterState> {
    match name {
        "FINISHED" => Some(WriterState::Finished),
        "FAILED" | "KILLED" => Some(WriterState::Failed),
        "RUNNING" | "SCHEDULED" => Some(WriterState::Running),
        _ => None,
    }
}

/// Reads the file of a parameter, whose content is the value.
///
/// # Errors
/// None; the signature is that of [`super::formats::WholeReader`].
pub fn read_parameter(path: &Path, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
    let name = below(path, "params").unwrap_or_default();
    let value = LogValue::from_word(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
    sink.record(LogRecord::Config { name: &name, value });
    Ok(())
}

/// The part of a path below the last directory with this name, joined by `/`.
fn below(path: &Path, folder: &str) -> Option<String> {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let at = parts.iter().rposition(|part| part == folder)?;
    Some(parts[at + 1..].join("/"))
}

/// The run directory of a path in a file store: the one with a `meta.yaml` above `metrics` or
/// `params`.
#[must_use]
pub fn run_of<'a>(path: &'a Path, folder: &str) -> Option<&'a Path> {
    let run = path.ancestors().skip(1).find(|dir| dir.ends_with(folder))?.parent()?;
    run.join("meta.yaml").is_file().then_some(run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::assert_pieces_give_same_records;
    use proptest::prelude::*;

    #[test]
    fn slashes_in_names_are_directories() {
        let reader = MetricFile::new(Path::new("mlruns/1/ab/metrics/train/loss"));
        assert_eq!(reader.name, "train/loss");
        assert_eq!(point("1000 0.5 3"), Some((1.0, 0.5, 3)));
        assert_eq!(point("1000 0.5"), Some((1.0, 0.5, 0)));
        assert_eq!(point("1000 0.5 3 data abc"), Some((1.0, 0.5, 3)));
        assert_eq!(point("1000 0.5 3 data"), None);
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            text in "([0-9]{1,4} [0-9.na]{1,3} [0-9]{0,2}\n){0,8}[0-9 ]{0,5}",
            cut in proptest::collection::vec(0_usize..80, 0..5),
        ) {
            let make = || MetricFile::new(Path::new("r/metrics/x"));
            assert_pieces_give_same_records(make, text.as_bytes(), &cut);
        }
    }
}
