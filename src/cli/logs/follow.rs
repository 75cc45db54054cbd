//! Follows logs without a dashboard, printing one line per change.

use super::table::{TableSelection, print, short};
use crate::catalog::{Catalog, Metric, Run};
use crate::cli::error::Usage;
use crate::cli::output;
use crate::logs::formats;
use crate::logs::text::Text;
use crate::logs::{LogReader, LogRecord};
use std::collections::HashMap;
use std::io::{self, Read};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Interval between two reads of the files.
const POLL: Duration = Duration::from_millis(500);
/// Maximum number of metrics in a line.
const MAX_METRICS: usize = 8;

/// Follows files: prints the table, then a line for each run with new values.
pub(super) fn files(mut catalog: Catalog) -> anyhow::Result<ExitCode> {
    print(&catalog, &TableSelection::default(), false)?;
    let mut out = output::out();
    out.flush()?;
    let mut counts = count(&catalog);
    loop {
        thread::sleep(POLL);
        if !catalog.poll() {
            continue;
        }
        let now = count(&catalog);
        for run in catalog.runs() {
            if now.get(&run.name) != counts.get(&run.name) {
                writeln!(out, "{}", line(run))?;
            }
        }
        out.flush()?;
        counts = now;
    }
}

fn count(catalog: &Catalog) -> HashMap<String, usize> {
    let points = |run: &Run| run.metrics.iter().map(Metric::len).sum();
    catalog.runs().map(|run| (run.name.clone(), points(run))).collect()
}

/// The newest values of a run.
fn line(run: &Run) -> String {
    let step = run.step().unwrap_or(0);
    let newest = run.metrics.iter().filter_map(|metric| {
        let last = metric.last().filter(|last| last.step == step)?;
        Some(format!("{} {}", metric.name, short(last.value)))
    });
    let values: Vec<String> = newest.take(MAX_METRICS).collect();
    format!("{}  step {step}  {}", run.name, values.join("  "))
}

/// Reads the output of a training until it ends; prints its metrics immediately, or once at the
/// end.
pub(super) fn standard_input(pattern: Option<&str>, once: bool) -> anyhow::Result<ExitCode> {
    let mut reader: Box<dyn LogReader> = match pattern {
        Some(pattern) => {
            Box::new(formats::with_pattern(pattern).map_err(|why| Usage::value("--pattern", why))?)
        }
        None => Box::new(Text::default()),
    };
    let mut run = Run::new("-".to_owned());
    let mut input = io::stdin().lock();
    let mut out = output::out();
    let mut pending = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = match input.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        pending.extend(&chunk[..length]);
        let before = run.metrics.iter().map(Metric::len).sum::<usize>();
        let mut sink = |record: LogRecord<'_>| run.apply(0, &record);
        let taken = reader.read(&pending, length == 0, &mut sink).min(pending.len());
        pending.drain(..taken);
        let is_news = run.metrics.iter().map(Metric::len).sum::<usize>() > before;
        if is_news && (!once || length == 0) {
            writeln!(out, "{}", line(&run))?;
            out.flush()?;
        }
        if length == 0 {
            break;
        }
    }
    if once {
        writeln!(out, "{}", line(&run))?;
    }
    Ok(ExitCode::SUCCESS)
}
