//! The records that readers extract from logs, in log order.

use super::value::LogValue;

/// A record of a log. Names and texts are untrusted: they must be escaped before they are shown.
#[derive(Clone, Debug, PartialEq)]
pub enum LogRecord<'a> {
    /// A value of a metric. `wall_time` is in seconds since 1970, NaN if the log has none.
    Scalar { name: &'a str, step: i64, wall_time: f64, value: f64 },
    /// A hyper-parameter; nested names are joined by `.`.
    Config { name: &'a str, value: LogValue },
    /// A text at a step.
    Text { name: &'a str, step: i64, wall_time: f64, text: &'a str },
    /// An encoded picture (PNG or JPEG) at a step.
    Image { name: &'a str, step: i64, wall_time: f64, encoded: &'a [u8] },
    /// A histogram at a step, buckets from low to high.
    Histogram { name: &'a str, step: i64, wall_time: f64, buckets: &'a [HistogramBucket] },
    /// Training restarted at this step: earlier points at this step or later are superseded.
    Restart { step: i64 },
    /// The following records belong to this run of a file with several runs.
    Run { name: &'a str },
    /// The writer's name for the run.
    Title { name: &'a str },
    /// The group of the run, or its parent run.
    Group { name: &'a str },
    /// The state of the run according to the writer.
    State(WriterState),
    /// The same at a time, in seconds since 1970: data logged later show that the run continues.
    StateAt { state: WriterState, wall_time: f64 },
    /// Start time of the run, in seconds since 1970.
    Started { wall_time: f64 },
    /// A progress bar: completed and total units (0 if the total is unknown).
    Progress { done: u64, total: u64 },
    /// A line that the training printed.
    Line { text: &'a str },
    /// A problem of the log and its offset; reading continues.
    Warning { offset: u64, text: String },
    /// The file was rewritten or replaced: discard everything read from it; it is read again.
    Reset,
}

/// The number of values between two limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistogramBucket {
    pub left: f64,
    pub right: f64,
    pub count: f64,
}

/// The state of a run according to the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterState {
    Running,
    Finished,
    Failed,
}

/// Receives the records of a reader.
pub trait Sink {
    fn record(&mut self, record: LogRecord<'_>);
}

impl<F: FnMut(LogRecord<'_>)> Sink for F {
    fn record(&mut self, record: LogRecord<'_>) {
        self(record);
    }
}

/// Reads data appended to a file, piece by piece.
pub trait LogReader: Send {
    /// Reads the complete records at the start of `bytes`, which continue where the last call
    /// stopped, and returns the number of bytes consumed. That may exceed the length of `bytes`:
    /// the excess is to be skipped. The rest (an incomplete record) is passed again with more data
    /// after it. With `end` set there is no more data: whatever is readable of the rest is read.
    ///
    /// The records do not depend on how a file is divided into calls.
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize;

    /// Ranges of zeros that were skipped: if a network file system fills them in, the file must be
    /// read again.
    fn holes(&self) -> &[std::ops::Range<u64>] {
        &[]
    }
}

/// Maximum length of a piece passed to a reader, in bytes; a longer record is skipped.
pub const LONGEST_RECORD: usize = 64 << 20;

#[cfg(test)]
pub(crate) mod testing {
    use super::{LogReader, LogRecord};

    /// All records of a file that is read at once.
    pub fn whole(mut reader: impl LogReader, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut sink = |record: LogRecord<'_>| found.push(format!("{record:?}"));
        reader.read(bytes, true, &mut sink);
        found
    }

    /// All records of a file that grows to each of these lengths.
    pub fn growing(mut reader: impl LogReader, bytes: &[u8], lengths: &[usize]) -> Vec<String> {
        let mut found = Vec::new();
        let mut sink = |record: LogRecord<'_>| found.push(format!("{record:?}"));
        let mut start = 0;
        for &length in lengths {
            let length = length.min(bytes.len());
            if start < length {
                start += reader.read(&bytes[start..length], false, &mut sink);
            }
        }
        let rest = &bytes[start.min(bytes.len())..];
        reader.read(rest, true, &mut sink);
        found
    }

    /// Asserts that reading a file in pieces gives the same records as reading it at once.
    pub fn assert_pieces_give_same_records<R: LogReader>(
        make: impl Fn() -> R,
        bytes: &[u8],
        cut: &[usize],
    ) {
        let mut cut = cut.to_vec();
        cut.sort_unstable();
        assert_eq!(growing(make(), bytes, &cut), whole(make(), bytes), "cut at {cut:?}");
    }
}
