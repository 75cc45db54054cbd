//! Aligned columns for people. Every line except those of the epochs starts with `#`, so that
//! plotting programs can read the output.

use crate::cli::output::Output;
use crate::protocol::{
    Claim, EpochStats, Event, Metrics, Outcome, Progress, RunInfo, RunKind, RunView,
};
use std::io;

/// Width of the progress bar in cells.
const BAR: usize = 30;

pub(super) fn print(event: &Event, view: &RunView, out: &mut Output<'_>) -> io::Result<()> {
    match event {
        Event::Started(info) => started(info, out),
        Event::EpochEnded(stats) => epoch(stats, out),
        Event::Tuned(tuned) => writeln!(
            out,
            "# epoch {}, mini-batch {}: {:?} (was {})",
            tuned.epoch, tuned.batch, tuned.change, tuned.previous
        ),
        Event::Saved(saved) => writeln!(out, "# saved {} ({} bytes)", saved.path, saved.bytes),
        Event::Claim(claim) => self::claim(claim, out),
        Event::Log(line) => writeln!(out, "# {}", line.text),
        Event::Finished(outcome) => finished(outcome, view, out),
        Event::Metrics(metrics) => self::metrics(metrics, out),
        Event::Tunable(tunable) => writeln!(out, "# {} = {}", tunable.name, tunable.value),
        Event::Refused(reason) => writeln!(out, "# {reason}"),
        // Samples, and events without a line.
        _ => Ok(()),
    }
}

/// The values of a step, in one line.
fn metrics(metrics: &Metrics, out: &mut Output<'_>) -> io::Result<()> {
    let values: Vec<String> =
        metrics.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
    writeln!(out, "# step {}  {}", metrics.step, values.join("  "))
}

/// A claim of the book in four lines.
pub(crate) fn claim(claim: &Claim, out: &mut Output<'_>) -> io::Result<()> {
    let verdict = if claim.holds { "HOLDS" } else { "DOES NOT HOLD" };
    let tolerance = match claim.tolerance.as_str() {
        "" => String::new(),
        tolerance => format!(" ({tolerance})"),
    };
    let Claim { id, claim, expected, measured, seed, seconds, .. } = claim;
    writeln!(out, "# {id}: {claim}")?;
    writeln!(out, "#   expected {expected}{tolerance}")?;
    writeln!(out, "#   measured {measured}")?;
    writeln!(out, "#   {verdict} | seed {seed} | {seconds:.1} s")
}

fn started(info: &RunInfo, out: &mut Output<'_>) -> io::Result<()> {
    // The title of a training only repeats its network.
    if info.kind != RunKind::Training {
        writeln!(out, "# {}", info.title)?;
    }
    if info.network.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "# {} | {} parameters | {}: {} training, {} validation, {} test images",
        info.network,
        info.parameters,
        info.data,
        info.train_size,
        info.validation_size,
        info.test_size
    )?;
    let regularizer = match info.regularizer.as_str() {
        "none" | "" => "regularizer none".to_string(),
        penalty => format!("regularizer {penalty}, lambda {}", info.regularization),
    };
    let momentum = match info.momentum {
        0.0 => String::new(),
        momentum => format!(" {momentum}"),
    };
    writeln!(
        out,
        "# {} activation | {} initial weights | {} cost | {}{momentum} | {regularizer} | dropout {} \
         | eta {} | mini-batch {} | {} | seed {} | {}",
        info.activation,
        info.init,
        info.cost,
        info.optimizer,
        info.dropout,
        info.learning_rate,
        info.batch_size,
        counted(info.epochs, "epoch"),
        info.seed,
        counted(info.threads, "thread"),
    )?;
    let mut more = Vec::new();
    if !matches!(info.schedule.as_str(), "constant" | "") {
        more.push(info.schedule.clone());
    }
    if !info.expand.is_empty() {
        more.push(format!("expanded by {}", info.expand.join(", ")));
    }
    if info.all_images {
        more.push("learns from the validation images, too".into());
    }
    if info.regularization > 0.0 {
        more.push("costs with the regularization term".into());
    }
    if !more.is_empty() {
        writeln!(out, "# {}", more.join(" | "))?;
    }
    writeln!(
        out,
        "#{:>5} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>8} {:>10}  bias gradient norms",
        "epoch",
        "cost train",
        "validation",
        "test",
        "acc train",
        "validat.",
        "test",
        "eta",
        "seconds",
        "images/s",
    )
}

fn epoch(stats: &EpochStats, out: &mut Output<'_>) -> io::Result<()> {
    write!(
        out,
        "{:>6} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>8.3} {:>10.0} ",
        stats.epoch,
        cost(stats.train_cost),
        cost(stats.validation_cost),
        cost(stats.test_cost),
        percent(stats.train_accuracy),
        percent(stats.validation_accuracy),
        percent(stats.test_accuracy),
        significant(stats.learning_rate),
        stats.train_seconds,
        stats.samples_per_second,
    )?;
    for layer in &stats.layers {
        write!(out, " {:.1e}", layer.bias_gradient_norm)?;
    }
    writeln!(out)
}

fn finished(outcome: &Outcome, view: &RunView, out: &mut Output<'_>) -> io::Result<()> {
    match outcome {
        Outcome::Completed(reason) if reason.is_empty() => write!(out, "# completed")?,
        Outcome::Completed(reason) => write!(out, "# completed: {reason}")?,
        Outcome::Stopped => write!(out, "# stopped")?,
        Outcome::Diverged { epoch, hint } => write!(out, "# diverged in epoch {epoch}: {hint}")?,
        Outcome::Failed(reason) => write!(out, "# failed: {reason}")?,
        Outcome::Exited { code, .. } => write!(out, "# exit code {code}")?,
        Outcome::Checkpointed(path) => write!(out, "# checkpointed and ended: {path}")?,
    }
    if let Some(best) = &view.best {
        write!(
            out,
            " | best epoch {}: validation {}, test {}",
            best.epoch,
            percent(best.validation_accuracy),
            percent(best.test_accuracy)
        )?;
    }
    match view.best_test_accuracy() {
        // The experiment trained nothing.
        None if view.best.is_none() => writeln!(out),
        best => writeln!(out, " | best test {}", percent(best)),
    }
}

/// Draws a progress bar of the epoch in place, and clears it before other output.
pub(super) fn bar(event: &Event, view: &RunView, bar: &mut Output<'_>) -> io::Result<()> {
    let epochs = view.info.as_ref().map_or(0, |info| info.epochs);
    match event {
        Event::Progress(progress) => bar.replace_line(&bar_text(progress, epochs)),
        _ => bar.replace_line(""),
    }
}

fn bar_text(progress: &Progress, epochs: u32) -> String {
    let fraction = f64::from(progress.batch) / f64::from(progress.batches.max(1));
    let filled = ((fraction * BAR as f64) as usize).min(BAR);
    let left = progress.seconds_left.map_or(String::new(), |s| format!("  {s:.0} s left"));
    format!(
        "epoch {}/{epochs} [{}{}] {:3.0}%  {:.0} images/s{left}",
        (progress.epoch + 1).min(epochs),
        "#".repeat(filled),
        "-".repeat(BAR - filled),
        fraction * 100.0,
        progress.samples_per_second,
    )
}

fn cost(cost: Option<f64>) -> String {
    cost.map_or("-".into(), significant)
}

fn percent(fraction: Option<f64>) -> String {
    fraction.map_or("-".into(), |fraction| format!("{:.2}%", fraction * 100.0))
}

/// A number with a noun: 1 epoch, 2 epochs.
pub(super) fn counted(number: impl Into<u64>, thing: &str) -> String {
    match number.into() {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// A number with five significant digits.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e5).contains(&magnitude) {
        let text = format!("{value:.5}");
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        format!("{value:.3e}")
    }
}
