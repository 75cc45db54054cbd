//! The session's human-readable log: one line per event, with the time in UTC.

use super::process::open_log;
use crate::files::atomic;
use crate::protocol::printable;
use crate::session::record::now;
use crate::session::run_dir::RunDir;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Mutex;

/// A longer log is moved aside, so that repeated connections cannot fill the disk.
const MAX_LENGTH: u64 = 1 << 20;

/// Writes to standard error, which is the log file, so that panics are logged too.
#[derive(Debug)]
pub(super) struct Log {
    run: RunDir,
    /// Size of the file in bytes.
    length: Mutex<u64>,
}

impl Log {
    pub(super) fn new(run: &RunDir) -> Self {
        let length = run.log().metadata().map_or(0, |file| file.len());
        Self { run: run.clone(), length: Mutex::new(length) }
    }

    /// Writes a line. Text from clients and files is made printable, so that it stays one line and
    /// cannot control a terminal.
    #[allow(clippy::disallowed_methods)] // Standard error is the log's file here.
    pub(super) fn record(&self, text: impl Display) {
        let line = format!("{} {}\n", timestamp(now()), printable(&text.to_string()));
        let mut length = self.length.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A log that cannot be written does not end the run.
        let _ = io::stderr().write_all(line.as_bytes());
        *length += line.len() as u64;
        if *length > MAX_LENGTH && self.rotate().is_ok() {
            *length = 0;
        }
    }

    /// Moves the log aside as `log.old`.
    fn rotate(&self) -> io::Result<()> {
        std::fs::rename(self.run.log(), self.run.log().with_extension("old"))?;
        self.reopen()
    }

    /// Whether the file at the log's path is the open one.
    #[allow(clippy::disallowed_methods)] // Standard error is the log's file here.
    pub(super) fn is_there(&self) -> bool {
        let open = io::stderr().as_fd().try_clone_to_owned();
        open.is_ok_and(|open| atomic::is_at(&File::from(open), &self.run.log()))
    }

    /// Opens the file at the log's path and continues there.
    pub(super) fn reopen(&self) -> io::Result<()> {
        let is_link = std::fs::symlink_metadata(self.run.log()).is_ok_and(|log| log.is_symlink());
        if is_link {
            // A symbolic link would lead elsewhere and is not ours.
            std::fs::remove_file(self.run.log())?;
        }
        Ok(rustix::stdio::dup2_stderr(open_log(&self.run)?)?)
    }
}

/// Seconds since 1970 as `2026-11-23T23:04:21Z`.
fn timestamp(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Converts days since 1970 to a date of the Gregorian calendar. Years are counted from March, so
/// that the leap day is the last day of a year, and grouped into eras of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_match_the_date_command() {
        // Expected values from `date -u -d @N`.
        for (seconds, expected) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (951_827_696.0, "2000-02-29T12:34:56Z"),
            (1_763_938_821.9, "2025-11-23T23:00:21Z"),
            (4_107_542_399.0, "2100-02-28T23:59:59Z"),
            (4_107_542_400.0, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }
}
