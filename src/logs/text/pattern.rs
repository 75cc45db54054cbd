//! Reads lines with a user-defined pattern.

use super::ansi;
use crate::logs::columns;
use crate::logs::lines::LONGEST_LINE;
use crate::logs::number;
use crate::logs::record::{LogReader, LogRecord, Sink};
use regex_lite::Regex;

/// Reads lines that match a regular expression. Its named groups are metrics; a group called
/// `step`, `epoch`, `iter` or similar is the step. The groups `name` and `value` are a metric whose
/// name is in the line.
#[derive(Debug)]
pub struct PatternText {
    pattern: Regex,
    offset: u64,
    rows: i64,
}

impl PatternText {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// If the pattern is not a regular expression or has no named group.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
        if pattern.capture_names().flatten().next().is_none() {
            return Err(
                "the pattern has no named group: write (?<loss>…) around each number".to_owned()
            );
        }
        Ok(Self { pattern, offset: 0, rows: 0 })
    }

    fn line(&mut self, line: &str, sink: &mut dyn Sink) {
        sink.record(LogRecord::Line { text: line });
        for captures in self.pattern.captures_iter(line) {
            let mut named: Vec<(&str, f64)> = Vec::new();
            let group = |name| captures.name(name).map(|found| found.as_str());
            if let (Some(name), Some(value)) =
                (group("name"), group("value").and_then(number::parse))
            {
                named.push((name, value));
            }
            for name in self.pattern.capture_names().flatten() {
                let value = group(name).and_then(number::parse);
                if let Some(value) = value.filter(|_| !matches!(name, "name" | "value")) {
                    named.push((name, value));
                }
            }
            let ranked = named.iter().filter_map(|&(name, value)| {
                Some((columns::step_rank(name)?, name, number::to_step(value)?))
            });
            let axis = ranked.min();
            let step = axis.map_or(self.rows, |(_, _, step)| step);
            for &(name, value) in &named {
                if axis.is_none_or(|(_, axis, _)| axis != name) {
                    sink.record(LogRecord::Scalar { name, step, wall_time: f64::NAN, value });
                }
            }
            self.rows += 1;
        }
    }
}

impl LogReader for PatternText {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let ends = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r');
            let length = match ends {
                Some(length) => length,
                None if end || rest.len() > LONGEST_LINE => rest.len(),
                None => break,
            };
            let line = ansi::plain(&String::from_utf8_lossy(&rest[..length.min(LONGEST_LINE)]));
            if !line.is_empty() {
                self.line(&line, sink);
            }
            at = (at + length + 1).min(bytes.len());
        }
        self.offset += at as u64;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::whole;

    #[test]
    fn named_groups_are_metrics() {
        let reader = PatternText::new(r"E(?<epoch>\d+) L=(?<loss>[\d.]+)").expect("a pattern");
        let found = whole(reader, b"E3 L=0.5\nnothing\nE4 L=0.25\n");
        let scalars: Vec<_> = found.iter().filter(|record| record.starts_with("Scalar")).collect();
        assert_eq!(scalars.len(), 2);
        assert!(scalars[1].contains("step: 4") && scalars[1].contains("0.25"), "{scalars:?}");
        let reader = PatternText::new(r"(?<name>\w+)<(?<value>[\d.]+)>").expect("a pattern");
        let found = whole(reader, b"a<1> b<2>\n");
        assert_eq!(found.iter().filter(|record| record.starts_with("Scalar")).count(), 2);
        assert!(PatternText::new("(").is_err() && PatternText::new("a+").is_err());
    }
}
