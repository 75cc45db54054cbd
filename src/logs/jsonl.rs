//! JSON lines, one object per line: detectron2, MMEngine, Ray Tune, MAE's `log.txt` and any script
//! that prints dictionaries as JSON.

use super::columns;
use super::json;
use super::lines::{self, MARK};
use super::number;
use super::record::{LogReader, LogRecord, Sink};
use super::value::LogValue;

/// Reads objects: numbers are metrics, with nested keys and list indices joined by `/`. An object
/// under `config` is the configuration. Other lines are skipped.
#[derive(Debug, Default)]
pub struct JsonLinesReader {
    offset: u64,
    rows: ObjectRows,
    warned: bool,
}

impl LogReader for JsonLinesReader {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let offset = self.offset;
        let read = lines::each(bytes, end, |at, line| {
            let text = line.map_or("", |line| line.strip_prefix(MARK).unwrap_or(line).trim());
            match json::parse(text) {
                Some(object @ LogValue::Map(_)) => self.rows.object(&object, sink),
                _ if text.is_empty() || self.warned => {}
                // A last line without a newline is incomplete rather than wrong.
                _ if end && !bytes[at..].contains(&b'\n') => {}
                _ => {
                    self.warned = true;
                    let text = "lines that are not JSON objects are skipped".to_owned();
                    sink.record(LogRecord::Warning { offset: offset + at as u64, text });
                }
            }
        });
        self.offset += read as u64;
        read
    }
}

/// Keys that are not metrics: Ray Tune's process id, and the configuration.
const NO_METRICS: [&str; 4] = ["pid", "config", "hyperparameters", "hparams"];

/// Converts objects with metrics to records; counts rows for those without a step.
#[derive(Debug, Default)]
pub struct ObjectRows {
    /// Number of objects with metrics so far.
    count: i64,
    configured: bool,
}

impl ObjectRows {
    /// Records the contents of an object.
    pub fn object(&mut self, object: &LogValue, sink: &mut dyn Sink) {
        let LogValue::Map(entries) = object else { return };
        for name in &NO_METRICS[1..] {
            if let Some(config @ LogValue::Map(_)) = object.get(name).filter(|_| !self.configured) {
                config.leaves(".", false, &mut |name, value| {
                    sink.record(LogRecord::Config { name, value: value.clone() });
                });
                self.configured = true;
            }
        }
        let step = entries
            .iter()
            .filter_map(|(name, value)| {
                let step = number::to_step(value.number()?)?;
                Some((columns::step_rank(name)?, name, step))
            })
            .min();
        let time = entries
            .iter()
            .filter(|(name, _)| columns::is_time(name))
            .find_map(|(name, value)| Some((name, columns::wall_time(value)?)));
        let wall_time = time.map_or(f64::NAN, |(_, seconds)| seconds);
        let at = step.map_or(self.count, |(_, _, step)| step);
        let mut any = false;
        for (name, value) in entries {
            let is_axis = step.is_some_and(|(_, axis, _)| axis == name)
                || time.is_some_and(|(axis, _)| axis == name);
            if is_axis || NO_METRICS.contains(&name.as_str()) {
                continue;
            }
            value.leaves("/", true, &mut |path, leaf| {
                let Some(value) = leaf.number() else { return };
                let nested = format!("{name}/{path}");
                let name = if path.is_empty() { name } else { &nested };
                sink.record(LogRecord::Scalar { name, step: at, wall_time, value });
                any = true;
            });
        }
        self.count += i64::from(any);
    }
}

/// Recognises JSON lines from the start of a file; returns a description, `None` for other files.
#[must_use]
pub fn recognise(head: &str) -> Option<String> {
    let mut lines = head.lines().map(|line| line.strip_prefix(MARK).unwrap_or(line).trim());
    let first = lines.find(|line| !line.is_empty())?;
    if !first.starts_with('{') || first.starts_with("{'") {
        return None;
    }
    let LogValue::Map(entries) = json::parse(first)? else { return None };
    let numbers = entries.iter().filter(|(_, value)| value.number().is_some()).count();
    let ranked = entries.iter().filter_map(|(name, _)| Some((columns::step_rank(name)?, name)));
    let step = ranked.min();
    let has_config = entries.iter().any(|(name, _)| name == "config");
    if numbers == 0 && !has_config {
        return None;
    }
    Some(match step {
        Some((name, _)) => format!("a JSON object per line, its step is `{name}`"),
        None => "a JSON object per line".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::{assert_pieces_give_same_records, whole};
    use proptest::prelude::*;

    #[test]
    fn rays_results_give_metrics_and_configuration() {
        let line = r#"{"training_iteration": 3, "timestamp": 1795161600, "config": {"lr": 0.1},
            "pid": 77, "loss": 0.5, "info": {"a": [1, 2]}, "done": false, "date": "x"}"#
            .replace('\n', " ");
        let found = whole(JsonLinesReader::default(), format!("{line}\n{line}\n").as_bytes());
        assert_eq!(found.len(), 7, "{found:?}");
        assert!(found[0].contains("Config") && found[2].contains("info/a/0"), "{found:?}");
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_offset() {
        let bytes = [&[0xff; 60][..], b"\n{\"loss\": 1}\n"].concat();
        let found = whole(JsonLinesReader::default(), &bytes);
        assert!(found[0].contains("Warning") && found[0].contains("offset: 0"), "{found:?}");
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            lines in proptest::collection::vec(
                "(\\{\"step\": [0-9], \"loss\": [0-9NaI.]{1,4}\\}|\\{\"a\": \\{\"b\": 1\\}\\}|prose|é)\r?",
                0..8,
            ),
            torn in "(\\{\"step\": 1, \"l)?",
            cut in proptest::collection::vec(0_usize..200, 0..5),
        ) {
            let mut text = lines.join("\n");
            text.push('\n');
            text.push_str(&torn);
            assert_pieces_give_same_records(JsonLinesReader::default, text.as_bytes(), &cut);
        }
    }
}
