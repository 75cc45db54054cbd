//! The files of a run, followed together.

use super::points::Metric;
use super::run::{Run, RunSink};
use crate::logs::formats::FileRole;
use crate::logs::{LogFile, Poll};
use std::path::{Path, PathBuf};

/// A directory or file that is a run, with its log files sorted by name.
#[derive(Debug)]
pub struct RunFiles {
    pub path: PathBuf,
    pub files: Vec<RunFile>,
    /// Its own run first, then those inside its files.
    pub runs: Vec<Run>,
    /// Number of consecutive reads without new data.
    pub quiet: u32,
    /// Number of the catalog's read that last included it.
    pub last_poll: u64,
}

/// A file of a run.
#[derive(Debug)]
pub struct RunFile {
    pub log: LogFile,
    /// Unique and constant.
    pub id: usize,
    /// Use only printed lines, because the metrics are also in another file.
    pub only_lines: bool,
    /// Index of the run that the last record of the file belonged to.
    current: usize,
    pub problem: Option<String>,
}

impl RunFiles {
    #[must_use]
    pub fn new(path: &Path, name: String) -> Self {
        Self {
            path: path.to_path_buf(),
            files: Vec::new(),
            runs: vec![Run::new(name)],
            quiet: 0,
            last_poll: 0,
        }
    }

    /// Adds a file in order of names.
    pub fn add(&mut self, log: LogFile, id: usize, only_lines: bool) {
        let at = self.files.partition_point(|member| member.log.path() < log.path());
        self.files.insert(at, RunFile { log, id, only_lines, current: 0, problem: None });
        let order: Vec<usize> = self.files.iter().map(|member| member.id).collect();
        self.runs.iter_mut().for_each(|run| run.file_order.clone_from(&order));
    }

    /// Removes a file and everything read from it.
    pub fn remove(&mut self, path: &Path) {
        if let Some(at) = self.files.iter().position(|member| member.log.path() == path) {
            let member = self.files.remove(at);
            self.runs.iter_mut().for_each(|run| run.forget(member.id));
        }
    }

    /// Whether any of its files has metrics.
    #[must_use]
    pub fn has_metrics(&self) -> bool {
        self.files
            .iter()
            .any(|member| !member.only_lines && member.log.format().role == FileRole::Metrics)
    }

    /// Reads new data from its files; returns whether there was any.
    pub fn poll(&mut self, end: bool, scratch: &mut Vec<u8>) -> bool {
        let mut any = false;
        for member in &mut self.files {
            let mut sink = RunSink {
                runs: &mut self.runs,
                file: member.id,
                only_lines: member.only_lines,
                current: member.current,
            };
            match member.log.poll(end, scratch, &mut sink) {
                Ok(Poll::Read) => any = true,
                Ok(Poll::Unchanged | Poll::Gone) => {}
                Err(error) => member.problem = Some(error.to_string()),
            }
            member.current = sink.current;
            if let Some(problem) = member.log.problem() {
                member.problem = Some(problem.to_owned());
            }
        }
        if any {
            self.runs.iter_mut().flat_map(|run| &mut run.metrics).for_each(Metric::refresh_facts);
        }
        self.quiet = if any { 0 } else { self.quiet.saturating_add(1) };
        any
    }

    /// Whether more data is left to be read.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.files.iter().any(|member| member.log.is_behind())
    }

    /// Time of the last write to any of its files, in seconds since 1970.
    #[must_use]
    pub fn written(&self) -> Option<f64> {
        self.files.iter().filter_map(|member| member.log.modified()).max_by(f64::total_cmp)
    }

    /// Its runs that have data.
    pub fn shown(&self) -> impl Iterator<Item = &Run> {
        let shown = self.has_metrics();
        self.runs
            .iter()
            .enumerate()
            .filter(move |(index, run)| {
                // A file of several runs is not a run itself.
                let is_store = *index == 0 && self.runs.len() > 1 && run.is_empty();
                shown && !is_store
            })
            .map(|(_, run)| run)
    }
}
