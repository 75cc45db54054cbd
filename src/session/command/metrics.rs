//! Finds metrics in the output of a command.

use crate::logs::text::Text;
use crate::logs::{LogReader, LogRecord};
use crate::protocol::Metrics;
use std::time::Instant;

/// Finds metrics in a stream of printed text.
#[derive(Debug, Default)]
pub(super) struct MetricReader {
    text: Text,
    /// The incomplete last line.
    rest: Vec<u8>,
    /// The current line is too long and is skipped to its end.
    skipping: bool,
}

/// Maximum amount of output that is searched for metrics at once, in bytes. Output beyond this and
/// [`RATE`] is not searched, so that a command that prints a lot is not slowed down.
const BURST: f64 = (4 << 20) as f64;
/// Amount of output that is searched for metrics in the long run, in bytes per second.
const RATE: f64 = (256 << 10) as f64;

/// A token bucket: how much more output may be searched.
#[derive(Debug)]
pub(super) struct SearchBudget {
    /// Bytes that were left at the time `at`.
    left: f64,
    at: Instant,
}

impl SearchBudget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// Whether `bytes` more bytes may be searched now.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * RATE;
        (self.left, self.at) = ((self.left + earned).min(BURST), now);
        let enough = self.left >= bytes as f64;
        if enough {
            self.left -= bytes as f64;
        }
        enough
    }
}

/// Maximum length in bytes of a line that is searched for metrics.
const MAX_LINE_LENGTH: usize = 64 << 10;

impl MetricReader {
    /// Reads output and passes on the metrics found, grouped by step. `now` is the wall time, in
    /// seconds since 1970, for lines without a time; `end` marks the end of the output.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        end: bool,
        now: f64,
        mut found: impl FnMut(Metrics),
    ) {
        let bytes = self.without_long_line(bytes);
        self.rest.extend_from_slice(bytes);
        let mut pending: Option<Metrics> = None;
        let mut sink = |record: LogRecord<'_>| {
            let LogRecord::Scalar { name, step, wall_time, value } = record else { return };
            let wall_time = if wall_time.is_finite() { wall_time } else { now };
            if let Some(metrics) = &mut pending
                && metrics.step == step
                && metrics.values.iter().all(|(known, _)| known != name)
            {
                metrics.values.push((name.to_owned(), value));
                return;
            }
            let values = vec![(name.to_owned(), value)];
            let next = Metrics { step, epoch: None, wall_time, values };
            if let Some(metrics) = pending.replace(next) {
                found(metrics);
            }
        };
        let taken = self.text.read(&self.rest, end, &mut sink).min(self.rest.len());
        self.rest.drain(..taken);
        if self.rest.len() > MAX_LINE_LENGTH {
            self.skip();
        }
        if let Some(metrics) = pending {
            found(metrics);
        }
    }

    /// Drops the incomplete line, and skips the output up to the end of the current line.
    pub(super) fn skip(&mut self) {
        self.rest.clear();
        self.skipping = true;
    }

    /// The part of new bytes that does not belong to a skipped line.
    fn without_long_line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !self.skipping {
            return bytes;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        self.skipping = end.is_none();
        end.map_or(&[], |end| &bytes[end + 1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&str]) -> Vec<(i64, Vec<(String, f64)>)> {
        let (mut reader, mut found) = (MetricReader::default(), Vec::new());
        for part in parts {
            reader.push(part.as_bytes(), false, 9.0, |m| found.push((m.step, m.values)));
        }
        reader.push(&[], true, 9.0, |m| found.push((m.step, m.values)));
        found
    }

    #[test]
    fn output_beyond_the_allowance_is_not_searched() {
        let start = Instant::now();
        let mut allowance = SearchBudget::new(start);
        assert!(allowance.take(4 << 20, start));
        assert!(!allowance.take(1, start));
        assert!(allowance.take(256 << 10, start + std::time::Duration::from_secs(1)));
        let (mut reader, mut found) = (MetricReader::default(), Vec::new());
        reader.push(b"step 1: lo", false, 9.0, |m| found.push(m.step));
        reader.skip();
        reader.push(b"ss 0.5\nstep 2: loss 0.5\n", true, 9.0, |m| found.push(m.step));
        assert_eq!(found, [2]);
    }

    #[test]
    fn an_endless_line_is_skipped_without_buffering_it() {
        let (mut reader, mut found) = (MetricReader::default(), Vec::new());
        let long = vec![b'x'; MAX_LINE_LENGTH / 2];
        for _ in 0..100 {
            reader.push(&long, false, 9.0, |m| found.push(m.step));
            assert!(reader.rest.len() <= MAX_LINE_LENGTH);
        }
        reader.push(b" loss 0.5\nstep 3: loss 0.25\n", true, 9.0, |m| found.push(m.step));
        assert_eq!(found, [3]);
    }

    #[test]
    fn values_of_one_step_are_grouped() {
        let text =
            "step 1: loss 0.5, acc 0.25\r\nsaving a picture\r\nstep 2: loss 0.4, acc 0.5\r\n";
        let values = |loss, acc| vec![("loss".to_owned(), loss), ("acc".to_owned(), acc)];
        let expected = [(1, values(0.5, 0.25)), (2, values(0.4, 0.5))];
        assert_eq!(read(&[text]), expected);
        let (start, end) = text.split_at(20);
        assert_eq!(read(&[start, end]), expected, "split into {start:?} and {end:?}");
    }
}
