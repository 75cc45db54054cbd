//! The files that make up a run, followed together.

use super::points::Metric;
use super::run::{Run, RunSink};
use crate::logs::formats::Role;
use crate::logs::{LogFile, Look};
use std::path::{Path, PathBuf};

/// A directory or file that is a run, with its log files in order of their names.
#[derive(Debug)]
pub struct Unit {
    pub path: PathBuf,
    pub files: Vec<Member>,
    /// Its own run first, then those inside its files.
    pub runs: Vec<Run>,
    /// Looks in a row that found nothing new.
    pub quiet: u32,
    /// Which look of the catalog was the last at it.
    pub looked: u64,
}

/// A file of a unit.
#[derive(Debug)]
pub struct Member {
    pub log: LogFile,
    /// A number of the file that never changes.
    pub id: usize,
    /// Its metrics are also in another file: only its printed lines are used.
    pub only_lines: bool,
    /// Index of the run that the last record of the file belonged to.
    current: usize,
    pub problem: Option<String>,
}

impl Unit {
    #[must_use]
    pub fn new(path: &Path, name: String) -> Self {
        Self {
            path: path.to_path_buf(),
            files: Vec::new(),
            runs: vec![Run::new(name)],
            quiet: 0,
            looked: 0,
        }
    }

    /// Adds a file at its place in the order of names.
    pub fn add(&mut self, log: LogFile, id: usize, only_lines: bool) {
        let at = self.files.partition_point(|member| member.log.path() < log.path());
        self.files.insert(at, Member { log, id, only_lines, current: 0, problem: None });
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

    /// Whether any of its files holds metrics.
    #[must_use]
    pub fn has_metrics(&self) -> bool {
        self.files
            .iter()
            .any(|member| !member.only_lines && member.log.format().role == Role::Metrics)
    }

    /// Reads what is new in its files; whether there was anything.
    pub fn look(&mut self, end: bool, scratch: &mut Vec<u8>) -> bool {
        let mut any = false;
        for member in &mut self.files {
            let mut sink = RunSink {
                runs: &mut self.runs,
                file: member.id,
                only_lines: member.only_lines,
                current: member.current,
            };
            match member.log.look(end, scratch, &mut sink) {
                Ok(Look::Read) => any = true,
                Ok(Look::Unchanged | Look::Gone) => {}
                Err(error) => member.problem = Some(error.to_string()),
            }
            member.current = sink.current;
            if let Some(problem) = member.log.problem() {
                member.problem = Some(problem.to_owned());
            }
        }
        if any {
            self.runs.iter_mut().flat_map(|run| &mut run.metrics).for_each(Metric::settle);
        }
        self.quiet = if any { 0 } else { self.quiet.saturating_add(1) };
        any
    }

    /// Whether more waits to be read than one look took.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.files.iter().any(|member| member.log.is_behind())
    }

    /// When any of its files was written to last, seconds since 1970.
    #[must_use]
    pub fn written(&self) -> Option<f64> {
        self.files.iter().filter_map(|member| member.log.modified()).max_by(f64::total_cmp)
    }

    /// Its runs that say anything.
    pub fn shown(&self) -> impl Iterator<Item = &Run> {
        let shown = self.has_metrics();
        self.runs
            .iter()
            .enumerate()
            .filter(move |(index, run)| {
                // A store of many runs is no run itself.
                let is_store = *index == 0 && self.runs.len() > 1 && run.is_empty();
                shown && !is_store
            })
            .map(|(_, run)| run)
    }
}
