//! `nntop search`: many runs with a table of results.

use super::data;
use super::error::Usage;
use super::output::{self, Output};
use super::signals;
use super::spec_args::{MAX_RECIPE, count};
use crate::data::Dataset;
use crate::files;
use crate::jobs::search;
use crate::jobs::search::{Search, SearchPoint, SearchResult};
use crate::spec::dataset;
use anyhow::Context;
use clap::Args;
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// A spec file with a [search] table: fields and the values to try, such as
    /// eta = [0.3, 3.0] or batch = { from = 5, to = 50, steps = 4, scale = "log" }
    #[arg(value_name = "SPEC.toml")]
    file: PathBuf,
    /// Try N random choices instead of every combination
    #[arg(long, value_name = "N", value_parser = count)]
    random: Option<u32>,
    /// Parallel runs, one thread each [default: number of cores]
    #[arg(long, value_name = "N", value_parser = count)]
    workers: Option<u32>,
    /// Print one JSON object per run, the best last
    #[arg(long)]
    json: bool,
}

/// One line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
struct SearchRecord<'a> {
    event: &'static str,
    #[serde(flatten)]
    row: &'a SearchResult,
}

/// Trains every choice and prints the results, the best first.
pub(super) fn run(args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let points = points(args)?;
    let data = Arc::new(data(&points)?);
    for point in &points {
        point.spec.validate_for(&data).map_err(Usage::from)?;
    }
    let stop: &'static AtomicBool = Box::leak(Box::default());
    signals::on_signal(|| stop.store(true, Ordering::Relaxed))
        .context("cannot listen for signals")?;
    let cores = || available_parallelism().map_or(1, usize::from);
    let workers = args.workers.map_or_else(cores, |workers| workers as usize);
    let mut out = output::out();
    let mut printed = Ok(());
    if !args.json {
        writeln!(out, "# {} runs, {workers} at once, on {}", points.len(), data.name)?;
    }
    let mut done = 0;
    let rows = search::run(&points, &data, workers, stop, |row| {
        done += 1;
        let result = if args.json {
            line(&mut out, "run", row)
        } else {
            let best = percent(row.validation_accuracy);
            writeln!(out, "# {done}/{}: {} {best}", points.len(), settings(row))
        };
        if let Err(error) = result.and_then(|()| out.flush()) {
            // The reader of the results has gone, so no further run is started.
            stop.store(true, Ordering::Relaxed);
            printed = Err(error);
        }
    });
    printed?;
    match (args.json, rows.first()) {
        (true, Some(best)) => line(&mut out, "best", best)?,
        (true, None) => {}
        (false, _) => table(&mut out, &rows)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn points(args: &SearchArgs) -> Result<Vec<SearchPoint>, Usage> {
    let file = args.file.display();
    let wrong = |problem: String| Usage::value("<SPEC.toml>", format!("{file}: {problem}"));
    let text = files::read::text(&args.file, MAX_RECIPE)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let search = Search::parse(&text).map_err(|error| wrong(error.to_string()))?;
    let points = match args.random {
        Some(count) => search.random(count as usize),
        None => search.grid(),
    };
    points.map_err(|error| wrong(error.to_string()))
}

/// The data of the spec, which all runs share.
fn data(points: &[SearchPoint]) -> Result<Dataset, Usage> {
    let Some(point) = points.first() else { return Ok(Dataset::embedded()) };
    let data = data::with_progress(|progress| dataset::open(&point.spec, progress));
    data.map_err(|error| Usage::value("data", error))
}

fn line(out: &mut Output<'_>, event: &'static str, row: &SearchResult) -> io::Result<()> {
    out.json(&SearchRecord { event, row })
}

fn settings(row: &SearchResult) -> String {
    let values = row.values.iter().map(|(name, value)| format!("{name}={value}"));
    values.collect::<Vec<_>>().join(" ")
}

fn percent(accuracy: Option<f64>) -> String {
    accuracy.map_or("-".into(), |accuracy| format!("{:.2}%", accuracy * 100.0))
}

/// All runs in aligned columns, the best first.
fn table(out: &mut Output<'_>, rows: &[SearchResult]) -> io::Result<()> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let names = rows.first().map(|row| row.values.iter().map(|(name, _)| name.clone()));
    let measured = ["validation", "test", "training", "best at", "epochs", "seconds", "outcome"];
    lines.push(names.into_iter().flatten().chain(measured.map(String::from)).collect());
    lines.extend(rows.iter().map(|row| {
        let values = row.values.iter().map(|(_, value)| value.clone());
        let measured = [
            percent(row.validation_accuracy),
            percent(row.test_accuracy),
            percent(row.train_accuracy),
            row.best_epoch.to_string(),
            row.epochs.to_string(),
            format!("{:.2}", row.train_seconds),
            row.outcome.clone(),
        ];
        values.chain(measured).collect()
    }));
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for line in &lines {
        // The last column is text, so it is left-aligned.
        let (outcome, numbers) = line.split_last().expect("a line has measured columns");
        for (cell, width) in numbers.iter().zip(&widths) {
            write!(out, "{cell:>width$}  ")?;
        }
        writeln!(out, "{outcome}")?;
    }
    Ok(())
}
