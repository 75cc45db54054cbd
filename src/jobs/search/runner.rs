//! Trains the points of a search in parallel.

use super::SearchPoint;
use crate::data::Dataset;
use crate::protocol::{Event, Outcome, RunView};
use crate::spec::Spec;
use crate::train::{RunHandle, RunOptions};
use crossbeam_channel::unbounded;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The result of one run. Accuracies are fractions, at the epoch with the best validation accuracy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SearchResult {
    /// Index in the list of points.
    pub index: usize,
    pub values: Vec<(String, String)>,
    pub validation_accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
    pub train_accuracy: Option<f64>,
    pub best_epoch: u32,
    /// Epochs trained.
    pub epochs: u32,
    /// Seconds spent on mini-batches, without evaluations.
    pub train_seconds: f64,
    /// `completed`, `stopped`, `diverged` or `failed`, with the reason.
    pub outcome: String,
}

/// Trains every point, `workers` in parallel with one thread each, and passes each result to
/// `done`. Returns all results, sorted by descending validation (or else test) accuracy. Setting
/// `stop` stops the current runs and ends the search.
pub fn run(
    points: &[SearchPoint],
    data: &Arc<Dataset>,
    workers: usize,
    stop: &AtomicBool,
    mut done: impl FnMut(&SearchResult),
) -> Vec<SearchResult> {
    let next = AtomicUsize::new(0);
    let (rows, finished) = unbounded();
    thread::scope(|scope| {
        for _ in 0..workers.clamp(1, points.len().max(1)) {
            let (rows, next) = (rows.clone(), &next);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(index) else { return };
                    // The receiver outlives the workers; see below.
                    let _ = rows.send(SearchResult { index, ..train(point, data, stop) });
                }
            });
        }
        drop(rows);
        let mut all: Vec<SearchResult> = Vec::new();
        for row in &finished {
            done(&row);
            all.push(row);
        }
        all.sort_by(|a, b| {
            let score =
                |row: &SearchResult| row.validation_accuracy.or(row.test_accuracy).unwrap_or(0.0);
            score(b).total_cmp(&score(a)).then(a.index.cmp(&b.index))
        });
        all
    })
}

fn train(point: &SearchPoint, data: &Arc<Dataset>, stop: &AtomicBool) -> SearchResult {
    let values = point.values.clone();
    let spec = Spec { threads: Some(1), ..point.spec.clone() };
    let options = RunOptions { dataset: Some(Arc::clone(data)), ..RunOptions::default() };
    let handle = match RunHandle::spawn(spec, options) {
        Ok(handle) => handle,
        Err(error) => {
            return SearchResult {
                values,
                outcome: format!("failed: {error}"),
                ..SearchResult::default()
            };
        }
    };
    let mut view = RunView::default();
    for event in &handle.events {
        view.apply(&event);
        if stop.load(Ordering::Relaxed) {
            // Fails if the run has ended.
            let _ = handle.commands.send(crate::protocol::Command::Stop);
        }
        if matches!(event, Event::Finished(_)) {
            break;
        }
    }
    drop(handle.join());
    row(values, &view)
}

fn row(values: Vec<(String, String)>, view: &RunView) -> SearchResult {
    let best = view.best.clone().unwrap_or_default();
    SearchResult {
        index: 0,
        values,
        validation_accuracy: best.validation_accuracy,
        test_accuracy: best.test_accuracy,
        train_accuracy: best.train_accuracy,
        best_epoch: best.epoch,
        epochs: view.epoch(),
        train_seconds: view.epochs.points().iter().map(|stats| stats.train_seconds).sum(),
        outcome: match &view.outcome {
            Some(Outcome::Completed(_)) => "completed".into(),
            Some(Outcome::Stopped | Outcome::Checkpointed(_)) => "stopped".into(),
            Some(Outcome::Diverged { epoch, .. }) => format!("diverged in epoch {epoch}"),
            Some(Outcome::Failed(reason)) => format!("failed: {reason}"),
            Some(Outcome::Exited { code, .. }) => format!("failed: exit code {code}"),
            None => "failed: the training thread ended unexpectedly".into(),
        },
    }
}
