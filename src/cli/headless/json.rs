//! One JSON object per line, which scripts rely on: fields are added, never renamed.

use crate::cli::output::Output;
use crate::protocol::{Claim, EpochStats, Event, LogLevel, LogLine, Outcome, Quantity, RunView};
use serde::Serialize;
use serde_json::Value;
use std::io;

/// An object whose first field is its type.
#[derive(Serialize)]
struct TypedRecord<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

/// The outcome of a run, and its best epoch by validation accuracy.
#[derive(Serialize)]
struct Finished<'a> {
    outcome: &'static str,
    /// Why it completed, failed or diverged, in words.
    reason: Option<&'a str>,
    /// Completed epochs.
    epochs: u32,
    best_epoch: Option<u32>,
    best_validation_accuracy: Option<f64>,
    /// Test accuracy at the best epoch.
    test_accuracy: Option<f64>,
    best_test_accuracy: Option<f64>,
    /// Seconds in mini-batches, summed over all epochs.
    train_seconds: f64,
}

pub(super) fn print(event: &Event, view: &RunView, out: &mut Output<'_>) -> io::Result<()> {
    match event {
        Event::Started(info) => line(out, "started", info.as_ref()),
        Event::EpochEnded(stats) => line(out, "epoch", stats),
        Event::Tuned(tuned) => line(out, "tuned", tuned),
        Event::Saved(saved) => line(out, "saved", saved),
        Event::Log(entry) => line(out, "log", entry),
        Event::Metrics(metrics) => line(out, "metrics", metrics),
        Event::Tunable(tunable) => line(out, "tunable", tunable),
        Event::Refused(reason) => {
            line(out, "log", &LogLine { level: LogLevel::Warning, text: reason.clone() })
        }
        Event::Finished(outcome) => {
            view.claims.iter().try_for_each(|claim| self::claim(claim, out))?;
            line(out, "finished", &finished(outcome, view))
        }
        // Samples, events without a line, and claims, which are printed at the end of the run.
        _ => Ok(()),
    }
}

/// A claim of the book; `expected` and `measured` are a number or a text.
#[derive(Serialize)]
struct ClaimLine<'a> {
    id: &'a str,
    claim: &'a str,
    expected: Value,
    measured: Value,
    tolerance: &'a str,
    holds: bool,
    seed: u64,
    seconds: f64,
}

fn claim(claim: &Claim, out: &mut Output<'_>) -> io::Result<()> {
    let value = |quantity: &Quantity| match quantity {
        Quantity::Number(number) => Value::from(*number),
        Quantity::Text(text) => Value::from(text.as_str()),
    };
    let body = ClaimLine {
        id: &claim.id,
        claim: &claim.claim,
        expected: value(&claim.expected),
        measured: value(&claim.measured),
        tolerance: &claim.tolerance,
        holds: claim.holds,
        seed: claim.seed,
        seconds: claim.seconds,
    };
    line(out, "claim", &body)
}

/// NaN and infinity become null.
fn line<T: Serialize>(out: &mut Output<'_>, event: &'static str, body: &T) -> io::Result<()> {
    out.json(&TypedRecord { event, body })
}

fn finished<'a>(outcome: &'a Outcome, view: &RunView) -> Finished<'a> {
    let (outcome, reason) = match outcome {
        Outcome::Completed(reason) => ("completed", Some(reason.as_str())),
        Outcome::Stopped => ("stopped", None),
        Outcome::Diverged { hint, .. } => ("diverged", Some(hint.as_str())),
        Outcome::Failed(reason) => ("failed", Some(reason.as_str())),
        Outcome::Exited { output, .. } => ("failed", Some(output.as_str())),
        Outcome::Checkpointed(path) => ("checkpointed", Some(path.as_str())),
    };
    let best: Option<&EpochStats> = view.best.as_ref();
    Finished {
        outcome,
        reason,
        epochs: view.epoch(),
        best_epoch: best.map(|stats| stats.epoch),
        best_validation_accuracy: best.and_then(|stats| stats.validation_accuracy),
        test_accuracy: best.and_then(|stats| stats.test_accuracy),
        best_test_accuracy: view.best_test_accuracy(),
        train_seconds: view.epochs.points().iter().map(|stats| stats.train_seconds).sum(),
    }
}
