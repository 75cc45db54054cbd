//! What a reader finds in a log, in the order in which it stands there.

use super::value::Value;

/// One thing found in a log. Names and texts are as their writer wrote them: whoever shows them
/// must make them harmless first.
#[derive(Clone, Debug, PartialEq)]
pub enum Record<'a> {
    /// A value of a metric. `wall_time` is seconds since 1970, NaN where the log has none.
    Scalar { name: &'a str, step: i64, wall_time: f64, value: f64 },
    /// A hyper-parameter; nested ones are joined by `.`.
    Config { name: &'a str, value: Value },
    /// A text at a step.
    Text { name: &'a str, step: i64, wall_time: f64, text: &'a str },
    /// An encoded picture (PNG or JPEG) at a step.
    Image { name: &'a str, step: i64, wall_time: f64, encoded: &'a [u8] },
    /// A histogram at a step, buckets from low to high.
    Histogram { name: &'a str, step: i64, wall_time: f64, buckets: &'a [Bucket] },
    /// Training restarted at this step: earlier points at this step or later are superseded.
    Restart { step: i64 },
    /// What follows belongs to this run of a file that holds several.
    Run { name: &'a str },
    /// What the run is called by its writer.
    Title { name: &'a str },
    /// The group its writer put the run into, or its parent run.
    Group { name: &'a str },
    /// How the run stands, by its writer's own account.
    State(State),
    /// When the run began, seconds since 1970.
    Started { wall_time: f64 },
    /// A progress bar: units done and in all (0 where the total is unknown).
    Progress { done: u64, total: u64 },
    /// A line that the training printed.
    Line { text: &'a str },
    /// What is wrong with the log, and where; reading goes on.
    Warning { offset: u64, text: String },
    /// The file was rewritten or replaced: discard everything read from it; all of it follows again.
    Reset,
}

/// Values between two edges, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub left: f64,
    pub right: f64,
    pub count: f64,
}

/// How a run stands by its writer's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Finished,
    Failed,
}

/// Where a reader puts what it finds.
pub trait Sink {
    fn record(&mut self, record: Record<'_>);
}

impl<F: FnMut(Record<'_>)> Sink for F {
    fn record(&mut self, record: Record<'_>) {
        self(record);
    }
}

/// Reads what is appended to a file, a stretch at a time.
pub trait Reader: Send {
    /// Reads the whole records at the front of `bytes`, which begin where the last call stopped,
    /// and returns how many bytes they take. It may return more than there are: the rest is to be
    /// skipped. What is left (a torn record) is given again, with more behind it. With `end` set
    /// nothing more will come: what can be read of the rest is read.
    ///
    /// The records do not depend on how a file is cut into calls.
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize;

    /// Stretches of zeros that were skipped: a network file system may still fill them in, and
    /// the file must then be read again.
    fn holes(&self) -> &[std::ops::Range<u64>] {
        &[]
    }
}

/// The longest stretch that a reader is given at once, in bytes; a longer record is skipped.
pub const LONGEST_RECORD: usize = 64 << 20;

#[cfg(test)]
pub(crate) mod testing {
    use super::{Reader, Record};

    /// Everything a reader finds in a file that is read at once.
    pub fn whole(mut reader: impl Reader, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut sink = |record: Record<'_>| found.push(format!("{record:?}"));
        reader.read(bytes, true, &mut sink);
        found
    }

    /// Everything a reader finds in a file that grows to each of these lengths.
    pub fn growing(mut reader: impl Reader, bytes: &[u8], lengths: &[usize]) -> Vec<String> {
        let mut found = Vec::new();
        let mut sink = |record: Record<'_>| found.push(format!("{record:?}"));
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

    /// Fails unless a file read in pieces gives what it gives read at once.
    pub fn assert_cutting_changes_nothing<R: Reader>(
        make: impl Fn() -> R,
        bytes: &[u8],
        cut: &[usize],
    ) {
        let mut cut = cut.to_vec();
        cut.sort_unstable();
        assert_eq!(growing(make(), bytes, &cut), whole(make(), bytes), "cut at {cut:?}");
    }
}
