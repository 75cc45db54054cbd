//! The rows of an export: unchanged in the long form, grouped by step in the wide form.

use std::collections::HashMap;
use std::io;

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ExportedValue<'a> {
    pub(super) run: &'a str,
    pub(super) metric: &'a str,
    /// Epochs, or whatever the source counts.
    pub(super) step: i64,
    /// Seconds since 1970, if known.
    pub(super) wall_time: Option<f64>,
    pub(super) value: f64,
}

/// A row of the wide form.
#[derive(Clone, Copy, Debug)]
pub(super) struct WideRow<'a> {
    pub(super) run: &'a str,
    pub(super) step: i64,
    /// The latest wall time of its values.
    pub(super) wall_time: Option<f64>,
    /// One value per metric of the header, if it has one.
    pub(super) values: &'a [Option<f64>],
}

/// Writes a table in some format: a header, rows, and the end.
pub(super) trait RowWriter {
    /// The header of the long form.
    fn begin_long(&mut self) -> io::Result<()>;

    fn long(&mut self, row: &ExportedValue<'_>) -> io::Result<()>;

    /// The header of the wide form, with one column per metric.
    fn begin_wide(&mut self, metrics: &[String]) -> io::Result<()>;

    fn wide(&mut self, row: &WideRow<'_>) -> io::Result<()>;

    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A table that is being written. The long form is written immediately; the wide form needs all
/// values first to know its columns.
pub(super) struct TableWriter {
    writer: Box<dyn RowWriter>,
    wide: Option<Wide>,
}

impl TableWriter {
    /// Starts a table.
    ///
    /// # Errors
    /// If the output cannot be written, as for the other methods.
    pub(super) fn new(mut writer: Box<dyn RowWriter>, wide: bool) -> io::Result<Self> {
        if !wide {
            writer.begin_long()?;
        }
        Ok(Self { writer, wide: wide.then(Wide::default) })
    }

    /// Adds a value.
    pub(super) fn push(&mut self, value: &ExportedValue<'_>) -> io::Result<()> {
        match &mut self.wide {
            Some(wide) => {
                wide.push(value);
                Ok(())
            }
            None => self.writer.long(value),
        }
    }

    /// Writes the remaining rows.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(wide) = self.wide {
            wide.write(self.writer.as_mut())?;
        }
        self.writer.finish()
    }
}

/// Values by run; metrics and runs in order of first appearance.
#[derive(Default)]
struct Wide {
    metrics: Vec<String>,
    columns: HashMap<String, usize>,
    runs: Vec<(String, Vec<WideCell>)>,
    places: HashMap<String, usize>,
}

/// A value and its column.
#[derive(Clone, Copy)]
struct WideCell {
    step: i64,
    column: usize,
    wall_time: Option<f64>,
    value: f64,
}

/// Names of the columns before the metrics.
pub(super) const WIDE_COLUMNS: [&str; 3] = ["run", "step", "wall_time"];

impl Wide {
    fn push(&mut self, value: &ExportedValue<'_>) {
        let column = if let Some(&column) = self.columns.get(value.metric) {
            column
        } else {
            let taken = WIDE_COLUMNS.contains(&value.metric);
            let prefix = if taken { "metric/" } else { "" };
            self.metrics.push(format!("{prefix}{}", value.metric));
            self.columns.insert(value.metric.to_owned(), self.columns.len());
            self.columns.len() - 1
        };
        let place = if let Some(&place) = self.places.get(value.run) {
            place
        } else {
            self.places.insert(value.run.to_owned(), self.runs.len());
            self.runs.push((value.run.to_owned(), Vec::new()));
            self.runs.len() - 1
        };
        let ExportedValue { step, wall_time, value, .. } = *value;
        self.runs[place].1.push(WideCell { step, column, wall_time, value });
    }

    fn write(self, writer: &mut dyn RowWriter) -> io::Result<()> {
        writer.begin_wide(&self.metrics)?;
        let mut values = vec![None; self.metrics.len()];
        for (run, mut cells) in self.runs {
            // The sort is stable: values of the same metric and step stay in order.
            cells.sort_by_key(|cell| (cell.step, cell.column));
            for step_cells in cells.chunk_by(|a, b| a.step == b.step) {
                let columns: Vec<&[WideCell]> =
                    step_cells.chunk_by(|a, b| a.column == b.column).collect();
                let rows = columns.iter().map(|cells| cells.len()).max().unwrap_or(0);
                for row in 0..rows {
                    values.fill(None);
                    let mut wall_time = None::<f64>;
                    for cell in columns.iter().filter_map(|cells| cells.get(row)) {
                        values[cell.column] = Some(cell.value);
                        wall_time = match (wall_time, cell.wall_time) {
                            (Some(a), Some(b)) => Some(a.max(b)),
                            (a, b) => a.or(b),
                        };
                    }
                    let step = step_cells[0].step;
                    writer.wide(&WideRow { run: &run, step, wall_time, values: &values })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Recorded(Rc<RefCell<Vec<String>>>);

    impl RowWriter for Recorded {
        fn begin_long(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn long(&mut self, row: &ExportedValue<'_>) -> io::Result<()> {
            self.0.borrow_mut().push(format!("{} {} {}", row.run, row.metric, row.value));
            Ok(())
        }

        fn begin_wide(&mut self, metrics: &[String]) -> io::Result<()> {
            self.0.borrow_mut().push(metrics.join(" "));
            Ok(())
        }

        fn wide(&mut self, row: &WideRow<'_>) -> io::Result<()> {
            let WideRow { run, step, wall_time, values } = row;
            self.0.borrow_mut().push(format!("{run} {step} {wall_time:?} {values:?}"));
            Ok(())
        }

        fn finish(self: Box<Self>) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_step_has_several_rows_if_a_metric_was_logged_repeatedly() {
        let recorded = Recorded::default();
        let mut table = TableWriter::new(Box::new(recorded.clone()), true).unwrap();
        let value = |metric, step, value| ExportedValue {
            run: "r",
            metric,
            step,
            wall_time: Some(value),
            value,
        };
        for value in [value("a", 2, 0.5), value("step", 1, 3.0), value("a", 2, 0.25)] {
            table.push(&value).unwrap();
        }
        table.finish().unwrap();
        assert_eq!(
            recorded.0.take(),
            [
                "a metric/step",
                "r 1 Some(3.0) [None, Some(3.0)]",
                "r 2 Some(0.5) [Some(0.5), None]",
                "r 2 Some(0.25) [Some(0.25), None]",
            ]
        );
    }
}
