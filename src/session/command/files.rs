//! Finds and follows log files that a command writes below its working directory.

use super::out::EventSender;
use crate::catalog::{FileKind, files_below, recognise_file};
use crate::logs::formats::FileRole;
use crate::logs::{LogFile, LogRecord};
use crate::protocol::{Event, LogLevel, Metrics, printable};
use crate::session::record::now;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Interval between two reads of the files.
const INTERVAL: Duration = Duration::from_secs(2);
/// Searching takes at most 1/50 of the time.
const SEARCH_SHARE: u32 = 50;
/// Maximum number of files that are followed.
const MAX_FILES: usize = 200;

/// Follows the log files that are written below `root` from now on, until `stop` is dropped.
/// Nothing is reported once `metrics_reported` is set, because a script that reports sends the same
/// metrics itself.
pub(super) fn follow(
    root: &Path,
    own: &Path,
    out: &EventSender,
    metrics_reported: &Arc<AtomicBool>,
    stop: &Receiver<()>,
) {
    let mut follower = LogFollower::new(root, own);
    let mut next_search = Instant::now();
    loop {
        let ended = !matches!(stop.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout));
        if !metrics_reported.load(Ordering::Relaxed) {
            if Instant::now() >= next_search || ended {
                let began = Instant::now();
                follower.search(out);
                next_search = Instant::now() + began.elapsed() * SEARCH_SHARE;
            }
            follower.read(ended, out);
        }
        if ended {
            return;
        }
    }
}

struct LogFollower {
    root: PathBuf,
    /// The run's own directory, which may be below `root`.
    own: PathBuf,
    started: SystemTime,
    known: BTreeSet<PathBuf>,
    files: Vec<FollowedLog>,
    scratch: Vec<u8>,
}

struct FollowedLog {
    log: LogFile,
    /// Prefix of the names of its metrics, which distinguishes several runs.
    prefix: String,
}

impl LogFollower {
    fn new(root: &Path, own: &Path) -> Self {
        // File times can lag slightly behind the clock.
        let started = SystemTime::now() - Duration::from_secs(1);
        let (known, files, scratch) = Default::default();
        Self { root: root.into(), own: own.into(), started, known, files, scratch }
    }

    /// Looks for files that were written since the start.
    fn search(&mut self, out: &EventSender) {
        for path in files_below(&self.root) {
            if self.files.len() >= MAX_FILES {
                return;
            }
            let written = fs::metadata(&path).and_then(|about| about.modified());
            let is_new = written.is_ok_and(|time| time >= self.started);
            if !is_new || path.starts_with(&self.own) || self.known.contains(&path) {
                continue;
            }
            let FileKind::Log(format, _) = recognise_file(&path, false).verdict else { continue };
            self.known.insert(path.clone());
            // Printed text is read from the terminal instead.
            if format.role != FileRole::Metrics || format.name.starts_with("printed text") {
                continue;
            }
            let relative = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
            out.log(
                LogLevel::Info,
                format!("following {} ({})", printable(&relative), format.name),
            );
            let prefix = self.prefix(&(format.run)(&path));
            self.files.push(FollowedLog { log: LogFile::new(&path, format, &[]), prefix });
        }
    }

    /// The first run needs no prefix; the others get the name of their directory.
    fn prefix(&self, run: &Path) -> String {
        let is_first = self.files.iter().all(|known| {
            let log = &known.log;
            (log.format().run)(log.path()) == run
        });
        if is_first {
            return String::new();
        }
        let name = run.file_name().unwrap_or_default().to_string_lossy();
        format!("{name}/")
    }

    /// Reports what was appended to the files.
    fn read(&mut self, end: bool, out: &EventSender) {
        for FollowedLog { log, prefix } in &mut self.files {
            let mut pending: Option<Metrics> = None;
            let mut sink = |record: LogRecord<'_>| {
                let LogRecord::Scalar { name, step, wall_time, value } = record else { return };
                let wall_time = if wall_time.is_finite() { wall_time } else { now() };
                let value = (format!("{prefix}{name}"), value);
                match &mut pending {
                    Some(metrics) if metrics.step == step => metrics.values.push(value),
                    _ => {
                        let next = Metrics { step, epoch: None, wall_time, values: vec![value] };
                        if let Some(metrics) = pending.replace(next) {
                            out.send(Event::Metrics(metrics));
                        }
                    }
                }
            };
            // A file that cannot be read now may be readable later.
            let _ = log.poll(end, &mut self.scratch, &mut sink);
            if let Some(metrics) = pending {
                out.send(Event::Metrics(metrics));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    #[test]
    fn a_new_log_file_is_found_and_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (sent, events) = unbounded();
        let out = EventSender(sent);
        let mut follower = LogFollower::new(dir.path(), &dir.path().join("run"));
        let file = dir.path().join("logs/metrics.csv");
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(&file, "epoch,step,loss\n0,1,0.5\n0,2,0.25\n").unwrap();
        follower.search(&out);
        follower.read(false, &out);
        let values = || -> Vec<(i64, f64)> {
            let metrics = events.try_iter().filter_map(|event| match event {
                Event::Metrics(metrics) => Some(metrics),
                _ => None,
            });
            let losses = metrics.flat_map(|m| m.values.into_iter().map(move |v| (m.step, v)));
            losses.filter(|(_, (name, _))| name == "loss").map(|(s, (_, v))| (s, v)).collect()
        };
        assert_eq!(values(), [(1, 0.5), (2, 0.25)]);
        let more = fs::read_to_string(&file).unwrap() + "0,3,0.125\n";
        fs::write(&file, more).unwrap();
        follower.search(&out);
        follower.read(true, &out);
        assert_eq!(values().last(), Some(&(3, 0.125)));
    }
}
