//! The table of runs as text and as JSON.

use super::matches_glob;
use crate::catalog::metric::{MetricSummary, summarize};
use crate::catalog::query::{self, Query, RunNotes};
use crate::catalog::{self, Catalog, Run, group};
use crate::cli::error::Usage;
use crate::cli::output;
use crate::logs::LogValue;
use serde_json::json;
use std::cmp::Ordering;
use std::io;
use std::time::SystemTime;

/// Maximum number of metrics and hyper-parameters that are shown by default.
const MAX_COLUMNS: usize = 4;
/// Maximum width of a cell.
const MAX_WIDTH: usize = 40;

/// The runs and metrics to show, and their order.
#[derive(Default)]
pub(super) struct TableSelection {
    filter: Option<Query>,
    sort: Option<(String, bool)>,
    metrics: Vec<String>,
}

impl TableSelection {
    /// # Errors
    /// If the query is invalid.
    pub(super) fn new(
        filter: Option<&str>,
        sort: Option<&str>,
        metrics: &[String],
    ) -> Result<Self, Usage> {
        let filter = filter.map(query::parse).transpose();
        let filter = filter.map_err(|why| Usage::value("--filter", why))?;
        let sort = sort.map(|column| match column.strip_prefix('-') {
            Some(column) => (column.to_owned(), true),
            None => (column.to_owned(), false),
        });
        Ok(Self { filter, sort, metrics: metrics.to_vec() })
    }

    /// The runs to show, in order.
    pub(super) fn runs<'a>(&self, catalog: &'a Catalog) -> Vec<&'a Run> {
        let mut runs: Vec<&Run> = catalog
            .runs()
            .filter(|run| {
                let state = state_of(catalog, run);
                let extra = RunNotes { state, ..RunNotes::default() };
                self.filter.as_ref().is_none_or(|query| query.matches(run, extra))
            })
            .collect();
        if let Some((column, reversed)) = &self.sort {
            runs.sort_by(|a, b| {
                let order = compare(catalog, column, a, b);
                if *reversed { order.reverse() } else { order }
            });
        }
        runs
    }

    /// The names of the metrics to show.
    pub(super) fn metrics(&self, runs: &[&Run]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for metric in runs.iter().flat_map(|run| &run.metrics) {
            let wanted = self.metrics.is_empty()
                || self.metrics.iter().any(|glob| matches_glob(glob, &metric.name));
            if wanted && !names.contains(&metric.name) {
                names.push(metric.name.clone());
            }
        }
        names
    }
}

fn compare(catalog: &Catalog, column: &str, a: &Run, b: &Run) -> Ordering {
    match column {
        "name" => a.name.cmp(&b.name),
        "step" => a.step().cmp(&b.step()),
        "state" => state_of(catalog, a).cmp(state_of(catalog, b)),
        _ => {
            let number = |run: &Run| {
                let setting = run.setting(column).and_then(LogValue::number);
                setting.or_else(|| {
                    let summary = run.metric(column).and_then(summarize)?;
                    summary.best.or(Some(summary.last))
                })
            };
            // Runs without a value come last.
            match (number(a), number(b)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => {
                    let text = |run: &Run| run.setting(column).map(ToString::to_string);
                    text(a).cmp(&text(b))
                }
            }
        }
    }
}

/// The current state of a run, as a word.
pub(super) fn state_of(catalog: &Catalog, run: &Run) -> &'static str {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0.0, |elapsed| elapsed.as_secs_f64());
    catalog::state_of(run, catalog.written(&run.name), now).word()
}

/// Prints the table.
pub(super) fn print(catalog: &Catalog, shown: &TableSelection, json: bool) -> io::Result<()> {
    let runs = shown.runs(catalog);
    if json {
        let mut out = output::out();
        return runs.iter().try_for_each(|run| out.json(&object(catalog, run)));
    }
    if runs.is_empty() {
        let files = catalog.explain().len();
        let why = if catalog.runs().next().is_some() {
            "no run matches".to_owned()
        } else {
            format!(
                "no runs: none of {files} files is a log that is known; see `nntop watch --explain`"
            )
        };
        return writeln!(output::err(), "{why}");
    }
    let mut metrics = shown.metrics(&runs);
    if shown.metrics.is_empty() {
        metrics = sorted_by_relevance(&metrics);
    }
    let settings: Vec<String> =
        group::differing_settings(&runs).into_iter().take(MAX_COLUMNS).collect();
    let mut header = vec!["RUN".to_owned(), "STATE".to_owned(), "STEP".to_owned()];
    for metric in &metrics {
        header.push(metric.clone());
        header.push("BEST".to_owned());
    }
    header.extend(settings.iter().cloned());
    let mut rows = vec![header];
    for run in &runs {
        let step = run.step().map_or_else(|| "-".to_owned(), |step| step.to_string());
        let mut row = vec![run.name.clone(), state_of(catalog, run).to_owned(), step];
        for metric in &metrics {
            let summary = run.metric(metric).and_then(summarize);
            let cell = |pick: fn(&MetricSummary) -> Option<f64>| {
                summary.as_ref().and_then(pick).map_or_else(|| "-".to_owned(), short)
            };
            row.push(cell(|summary| Some(summary.last)));
            row.push(cell(|summary| summary.best));
        }
        for setting in &settings {
            row.push(run.setting(setting).map_or_else(|| "-".to_owned(), ToString::to_string));
        }
        rows.push(row);
    }
    columns(&rows)
}

/// Prints rows in columns as wide as their widest cell.
pub(super) fn columns(rows: &[Vec<String>]) -> io::Result<()> {
    let cell = |text: &String| {
        let text = crate::protocol::printable(text).into_owned();
        let cut: String = text.chars().take(MAX_WIDTH - 1).collect();
        if text.chars().count() > MAX_WIDTH { format!("{cut}…") } else { text }
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| unicode_width::UnicodeWidthStr::width(cell.as_str()))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = output::out();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let blanks = width - unicode_width::UnicodeWidthStr::width(cell.as_str());
            line.push_str(cell);
            line.push_str(&" ".repeat(blanks + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The most informative metrics: those of validation before training, accuracies and losses first.
fn sorted_by_relevance(names: &[String]) -> Vec<String> {
    let rank = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let kind = if has(&["acc", "map", "f1", "bleu", "reward"]) {
            0
        } else if has(&["loss", "cost", "error", "perplexity"]) {
            1
        } else {
            return 9;
        };
        let of = if has(&["val", "eval", "test"]) { 0 } else { 2 };
        kind + of
    };
    let mut names: Vec<&String> = names.iter().filter(|name| !name.starts_with('_')).collect();
    names.sort_by_key(|name| rank(name));
    names.into_iter().take(MAX_COLUMNS).cloned().collect()
}

/// A number with at most six significant digits.
pub(super) fn short(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return number.to_string();
    }
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{number:.3e}");
    }
    let decimals = if size >= 1.0 { (5.0 - size.log10().floor()).max(0.0) as usize } else { 5 };
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A run as JSON. Numbers that are not finite become strings: `NaN`, `Infinity`, `-Infinity`.
fn object(catalog: &Catalog, run: &Run) -> serde_json::Value {
    let metrics: serde_json::Map<String, serde_json::Value> = run
        .metrics
        .iter()
        .filter_map(|metric| {
            let summary = summarize(metric)?;
            let value = json!({
                "count": metric.len(),
                "last": json_number(summary.last),
                "best": summary.best.map(json_number),
                "best_step": summary.best_step,
                "last_step": metric.last().map(|point| point.step),
            });
            Some((metric.name.clone(), value))
        })
        .collect();
    let config: serde_json::Map<String, serde_json::Value> =
        run.config.iter().map(|(name, value)| (name.clone(), setting(value))).collect();
    json!({
        "run": run.name,
        "title": run.title,
        "group": run.group,
        "state": state_of(catalog, run),
        "step": run.step(),
        "started": run.started,
        "progress": run.progress.map(|(done, total)| json!({ "done": done, "total": total })),
        "metrics": metrics,
        "config": config,
    })
}

/// A number as JSON; a string if it is not finite.
pub(in crate::cli) fn json_number(number: f64) -> serde_json::Value {
    if number.is_finite() {
        json!(number)
    } else if number.is_nan() {
        json!("NaN")
    } else {
        json!(if number > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

fn setting(value: &LogValue) -> serde_json::Value {
    match value {
        LogValue::Null => serde_json::Value::Null,
        LogValue::Bool(value) => json!(value),
        LogValue::Number(value) => json_number(*value),
        other => json!(other.to_string()),
    }
}
