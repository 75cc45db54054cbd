//! `nntop export`: all values of runs, from nntop or the logs of any tool, as a table.

#[cfg(feature = "parquet")]
mod parquet;
mod table;
mod text;

use super::error::Usage;
use super::logs::matches_glob;
use super::output;
use crate::catalog::{Catalog, Metric};
use crate::protocol::{EpochStats, Event};
use crate::session::{Home, PlaceError, RunDir, for_each_event};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::{ExportedValue, RowWriter, TableWriter};

const AFTER_HELP: &str = "\
The long form has the columns run, metric, step, wall_time (seconds since 1970) and value, one row
per value. A run below a PATH is named by its path relative to PATH. All points are kept, including
those that a restarted training logged again. NaN and infinities are written as NaN, inf and -inf in
CSV, and as the strings \"NaN\", \"Infinity\" and \"-Infinity\" in JSON.

Examples:
  nntop export my-run > my-run.csv
  nntop export runs/ --metric 'val/*' --wide
  nntop export lightning_logs --format parquet > all.parquet";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExportArgs {
    /// Runs of nntop: names, ids, or unique prefixes of them; or log files and directories of any
    /// tool
    #[arg(required = true, value_name = "RUN|PATH")]
    sources: Vec<PathBuf>,
    /// Only metrics whose names match; `*` matches any characters, `?` one. Can be repeated
    #[arg(long = "metric", value_name = "GLOB")]
    metrics: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: ExportFormat,
    /// One row per step and one column per metric, instead of one row per value; if a metric was
    /// logged several times at a step, the step has several rows
    #[arg(long)]
    wide: bool,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// Comma-separated values with a header
    #[default]
    Csv,
    /// One JSON object per line
    Jsonl,
    /// A Parquet file, compressed with Snappy; redirect it to a file
    Parquet,
}

impl ExportFormat {
    fn writer(self) -> anyhow::Result<Box<dyn RowWriter>> {
        Ok(match self {
            Self::Csv => Box::new(text::Csv::new(output::in_blocks())),
            Self::Jsonl => Box::new(text::JsonLinesWriter::new(output::in_blocks())),
            Self::Parquet => return parquet_writer(),
        })
    }
}

#[cfg(feature = "parquet")]
fn parquet_writer() -> anyhow::Result<Box<dyn RowWriter>> {
    if output::out_is_terminal() {
        let problem = "a Parquet file is not for a terminal; add `> FILE.parquet`";
        return Err(Usage::value("--format", problem).into());
    }
    Ok(Box::new(parquet::ParquetTable::new(output::bytes()?)))
}

#[cfg(not(feature = "parquet"))]
fn parquet_writer() -> anyhow::Result<Box<dyn RowWriter>> {
    let problem = "this nntop was built without the feature `parquet`";
    Err(Usage::value("--format", problem).into())
}

/// A source of values.
enum ExportSource {
    Run(RunDir),
    Path(PathBuf),
}

/// Prints the values.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let home = Home::of_user()?;
    let sources = args.sources.iter().map(|source| find(&home, source));
    let sources = sources.collect::<anyhow::Result<Vec<ExportSource>>>()?;
    let wanted = |name: &str| {
        args.metrics.is_empty() || args.metrics.iter().any(|glob| matches_glob(glob, name))
    };
    let mut table = TableWriter::new(args.format.writer()?, args.wide)?;
    let mut paths = Vec::new();
    for source in sources {
        match source {
            ExportSource::Run(run) => own(&run, &wanted, &mut table)?,
            ExportSource::Path(path) => paths.push(path),
        }
    }
    if !paths.is_empty() {
        below(paths, &wanted, &mut table)?;
    }
    table.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// The run with exactly this name, or else the file or directory at this path, or else the run
/// whose name starts with it.
fn find(home: &Home, source: &Path) -> anyhow::Result<ExportSource> {
    let found = source.to_str().map(|name| home.find(name));
    match found {
        Some(Ok(run)) if run.name().as_str() == source.as_os_str() || !source.exists() => {
            Ok(ExportSource::Run(run))
        }
        _ if source.exists() => Ok(ExportSource::Path(source.to_path_buf())),
        Some(Err(error @ (PlaceError::Unknown(_) | PlaceError::Ambiguous { .. }))) => {
            let problem = format!("{error}, and there is no such file or directory");
            Err(Usage::because(problem).into())
        }
        Some(Err(error)) => Err(error.into()),
        _ => {
            let problem = format!("{}: there is no such file or directory", source.display());
            Err(Usage::because(problem).into())
        }
    }
}

/// Exports a run of nntop, in chronological order.
fn own(run: &RunDir, wanted: &dyn Fn(&str) -> bool, table: &mut TableWriter) -> anyhow::Result<()> {
    let name = run.name();
    // A job trains several networks in turn, which are distinguished by their titles.
    let mut part = name.clone();
    let mut written = Ok(());
    for_each_event(run, |at, event| {
        let (step, wall_time, values) = match event {
            Event::Started(info) => {
                let several = info.name_in_job().is_some();
                part = if several { format!("{name}/{}", info.title) } else { name.clone() };
                return;
            }
            Event::EpochEnded(stats) => epoch(at, &stats),
            Event::Metrics(metrics) => (metrics.step, at, metrics.values),
            _ => return,
        };
        for (metric, value) in values.iter().filter(|(metric, _)| wanted(metric)) {
            if written.is_ok() {
                written = table.push(&ExportedValue {
                    run: &part,
                    metric,
                    step,
                    wall_time: Some(wall_time),
                    value: *value,
                });
            }
        }
    })
    .with_context(|| format!("{}: cannot be read", run.events().display()))?;
    Ok(written?)
}

/// The values of an epoch that ended at `at` (seconds since 1970): step, time, names and values.
fn epoch(at: f64, stats: &EpochStats) -> (i64, f64, Vec<(String, f64)>) {
    (stats.epoch.into(), at, stats.metrics())
}

/// Exports all runs below the paths, metric by metric.
fn below(
    paths: Vec<PathBuf>,
    wanted: &dyn Fn(&str) -> bool,
    table: &mut TableWriter,
) -> anyhow::Result<()> {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let mut catalog = Catalog::new(paths);
    catalog.load(true);
    for (run, path, problem) in catalog.problems() {
        writeln!(output::err(), "{run}: {}: {problem}", path.display())?;
    }
    if catalog.runs().next().is_none() {
        let names = names.join(" ");
        bail!("no log of a known kind in {names}; `nntop watch --explain {names}` says why");
    }
    for run in catalog.runs() {
        for metric in run.metrics.iter().filter(|metric| wanted(&metric.name)) {
            push_all(&run.name, metric, table)?;
        }
    }
    Ok(())
}

fn push_all(run: &str, metric: &Metric, table: &mut TableWriter) -> std::io::Result<()> {
    metric.points().try_for_each(|point| {
        table.push(&ExportedValue {
            run,
            metric: &metric.name,
            step: point.step,
            wall_time: Some(point.wall_time).filter(|time| time.is_finite()),
            value: point.value,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LayerStats;

    #[test]
    fn an_epoch_includes_all_layers_and_omits_missing_values() {
        let stats = EpochStats {
            epoch: 2,
            test_accuracy: Some(0.5),
            layers: vec![LayerStats::default()],
            ..EpochStats::default()
        };
        let (step, at, values) = epoch(3.0, &stats);
        assert_eq!((step, at.to_string()), (2, "3".to_owned()));
        let of = |metric: &str| values.iter().find(|(name, _)| name == metric).map(|v| v.1);
        assert_eq!(of("accuracy/test"), Some(0.5));
        assert_eq!(of("accuracy/validation"), None, "not measured");
        assert!(of("layer0/update_ratio").is_some());
    }
}
