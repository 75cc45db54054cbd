//! `nntop export`: every value that was measured in a run, as a table for other programs.

use super::error::Usage;
use super::output::{self, Output};
use crate::protocol::{EpochStats, Event};
use crate::session::{Home, PlaceError, RunDir, for_each_event};
use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Runs: names, ids, or unique prefixes of them
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// One row per step and one column per metric, instead of one row per value
    #[arg(long)]
    wide: bool,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a header
    #[default]
    Csv,
    /// One JSON object per line
    Jsonl,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Measurement {
    pub(super) run: String,
    pub(super) metric: String,
    /// Epochs, or whatever the source counts in.
    pub(super) step: i64,
    /// Seconds since 1970, where it is known.
    pub(super) wall_time: Option<f64>,
    /// `None` where it was no number.
    pub(super) value: Option<f64>,
}

/// Prints what was measured in the runs.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let home = Home::of_user()?;
    let runs = args.runs.iter().map(|name| {
        home.find(name).map_err(|error| match error {
            PlaceError::Unknown(_) | PlaceError::Ambiguous { .. } => {
                anyhow::Error::from(Usage::because(error))
            }
            error => error.into(),
        })
    });
    let runs = runs.collect::<anyhow::Result<Vec<RunDir>>>()?;
    let mut out = output::out();
    let mut table = Table::new(args.format, args.wide, &mut out)?;
    for run in runs {
        let name = run.name();
        // An experiment trains one network after the other: their titles tell them apart.
        let mut part = String::new();
        let mut written = Ok(());
        for_each_event(&run, |at, event| match event {
            Event::Started(info) if info.title.contains('·') => part = format!("/{}", info.title),
            Event::EpochEnded(stats) if written.is_ok() => {
                let mut values = measured(&format!("{name}{part}"), at, &stats).into_iter();
                written = values.try_for_each(|value| table.push(value));
            }
            _ => {}
        })
        .with_context(|| format!("{}: cannot be read", run.events().display()))?;
        written?;
    }
    table.finish()?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The values of an epoch that ended at `at`, in seconds since 1970.
fn measured(run: &str, at: f64, stats: &EpochStats) -> Vec<Measurement> {
    let value = |(metric, value): (String, f64)| Measurement {
        run: run.into(),
        metric,
        step: stats.epoch.into(),
        wall_time: Some(at),
        value: Some(value).filter(|value| value.is_finite()),
    };
    stats.metrics().into_iter().map(value).collect()
}

/// A table of values from whatever source. The long form is written as they come; the wide one
/// needs all of them to know its columns.
pub(super) struct Table<'a, 'b> {
    format: Format,
    out: &'a mut Output<'b>,
    wide: Option<Wide>,
}

impl<'a, 'b> Table<'a, 'b> {
    /// Begins a table.
    ///
    /// # Errors
    /// Where `out` takes no more, as in the other methods.
    pub(super) fn new(format: Format, wide: bool, out: &'a mut Output<'b>) -> io::Result<Self> {
        if format == Format::Csv && !wide {
            writeln!(out, "run,metric,step,wall_time,value")?;
        }
        Ok(Self { format, out, wide: wide.then(Wide::default) })
    }

    /// Adds a value.
    pub(super) fn push(&mut self, value: Measurement) -> io::Result<()> {
        if let Some(wide) = &mut self.wide {
            wide.push(value);
            return Ok(());
        }
        match self.format {
            Format::Csv => {
                let Measurement { run, metric, step, wall_time, value } = value;
                let (run, metric) = (quoted(&run), quoted(&metric));
                let (wall_time, value) = (number(wall_time), number(value));
                writeln!(self.out, "{run},{metric},{step},{wall_time},{value}")
            }
            Format::Jsonl => self.out.json(&value),
        }
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> io::Result<()> {
        match (&self.wide, self.format) {
            (None, _) => Ok(()),
            (Some(wide), Format::Csv) => wide.write_csv(self.out),
            (Some(wide), Format::Jsonl) => wide.write_jsonl(self.out),
        }
    }
}

/// A row a step and a column a metric, both in the order in which they first come.
#[derive(Default)]
struct Wide {
    metrics: Vec<String>,
    /// The place of each metric in `metrics`.
    columns: BTreeMap<String, usize>,
    runs: Vec<(String, BTreeMap<i64, Row>)>,
}

/// A step of a run: when it was measured last, and the newest value of each metric by its column.
#[derive(Default)]
struct Row {
    wall_time: Option<f64>,
    values: BTreeMap<usize, Option<f64>>,
}

impl Wide {
    fn push(&mut self, Measurement { run, metric, step, wall_time, value }: Measurement) {
        let metrics = &mut self.metrics;
        let column = *self.columns.entry(metric).or_insert_with_key(|metric| {
            metrics.push(metric.clone());
            metrics.len() - 1
        });
        let known = self.runs.iter().rposition(|(name, _)| *name == run);
        let index = known.unwrap_or_else(|| {
            self.runs.push((run, BTreeMap::new()));
            self.runs.len() - 1
        });
        let row = self.runs[index].1.entry(step).or_default();
        row.wall_time = wall_time.or(row.wall_time);
        row.values.insert(column, value);
    }

    fn rows(&self) -> impl Iterator<Item = (&str, i64, &Row)> {
        self.runs
            .iter()
            .flat_map(|(run, rows)| rows.iter().map(move |(step, row)| (run.as_str(), *step, row)))
    }

    fn write_csv(&self, out: &mut Output<'_>) -> io::Result<()> {
        write!(out, "run,step,wall_time")?;
        for metric in &self.metrics {
            write!(out, ",{}", quoted(metric))?;
        }
        writeln!(out)?;
        for (run, step, row) in self.rows() {
            write!(out, "{},{step},{}", quoted(run), number(row.wall_time))?;
            for column in 0..self.metrics.len() {
                write!(out, ",{}", number(row.values.get(&column).copied().flatten()))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn write_jsonl(&self, out: &mut Output<'_>) -> io::Result<()> {
        for (run, step, row) in self.rows() {
            let mut object = Map::new();
            object.insert("run".into(), run.into());
            object.insert("step".into(), step.into());
            object.insert("wall_time".into(), row.wall_time.into());
            for (column, value) in &row.values {
                object.insert(self.metrics[*column].clone(), Json::from(*value));
            }
            out.json(&object)?;
        }
        Ok(())
    }
}

/// A text as RFC 4180 writes it: in quotes where it holds something that ends a field. A text that
/// a spreadsheet would take for a formula is quoted by an apostrophe.
fn quoted(text: &str) -> String {
    let guarded = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.into(),
    };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// The shortest text that gives the same number again; empty where there is none.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LayerStats;

    fn value(run: &str, metric: &str, step: i64, value: Option<f64>) -> Measurement {
        Measurement { run: run.into(), metric: metric.into(), step, wall_time: Some(1.5), value }
    }

    fn written(values: &[Measurement], format: Format, wide: bool) -> String {
        let mut bytes = Vec::new();
        let mut out = Output::to(&mut bytes);
        let mut table = Table::new(format, wide, &mut out).unwrap();
        for value in values {
            table.push(value.clone()).unwrap();
        }
        table.finish().unwrap();
        drop(out);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn long_form_is_a_row_a_value() {
        let values = [value("a", "cost", 1, Some(0.1)), value("b,\"c\"", "cost", 2, None)];
        assert_eq!(
            written(&values, Format::Csv, false),
            "run,metric,step,wall_time,value\na,cost,1,1.5,0.1\n\"b,\"\"c\"\"\",cost,2,1.5,\n"
        );
        assert_eq!(
            written(&values[..1], Format::Jsonl, false),
            "{\"run\":\"a\",\"metric\":\"cost\",\"step\":1,\"wall_time\":1.5,\"value\":0.1}\n"
        );
    }

    #[test]
    fn wide_form_is_a_row_a_step_and_a_column_a_metric() {
        let values = [
            value("a", "cost", 1, Some(0.1)),
            value("a", "acc", 1, Some(0.5)),
            value("b", "acc", 7, Some(0.75)),
        ];
        assert_eq!(
            written(&values, Format::Csv, true),
            "run,step,wall_time,cost,acc\na,1,1.5,0.1,0.5\nb,7,1.5,,0.75\n"
        );
        let objects = written(&values, Format::Jsonl, true);
        let last: Json = serde_json::from_str(objects.lines().last().unwrap()).unwrap();
        assert_eq!((&last["acc"], last.get("cost")), (&Json::from(0.75), None));
    }

    #[test]
    fn no_text_becomes_a_formula() {
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("a=b"), "a=b");
    }

    #[test]
    fn numbers_survive() {
        for real in [0.1, 1e-300, 123_456_789.125, -0.0] {
            assert_eq!(number(Some(real)).parse::<f64>().unwrap().to_bits(), real.to_bits());
        }
    }

    #[test]
    fn an_epoch_is_told_with_all_its_layers_and_what_was_not_measured_is_left_out() {
        let stats = EpochStats {
            epoch: 2,
            learning_rate: f64::NAN,
            test_accuracy: Some(0.5),
            layers: vec![LayerStats::default()],
            ..EpochStats::default()
        };
        let values = measured("r", 3.0, &stats);
        let of = |metric: &str| values.iter().find(|value| value.metric == metric);
        assert_eq!(of("accuracy/test").unwrap().value, Some(0.5));
        assert_eq!(of("learning_rate").unwrap().value, None, "no number");
        assert!(of("accuracy/validation").is_none(), "not measured");
        assert!(of("layer0/update_ratio").is_some());
        assert!(values.iter().all(|value| value.step == 2 && value.wall_time == Some(3.0)));
    }
}
