//! Tables as comma-separated values or as JSON lines.

use super::table::{ExportedValue, RowWriter, WIDE_COLUMNS, WideRow};
use crate::cli::logs::json_number;
use crate::cli::output::Output;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;
use std::io;

/// Comma-separated values, according to RFC 4180.
pub(super) struct Csv {
    out: Output<'static>,
    line: String,
}

impl Csv {
    pub(super) fn new(out: Output<'static>) -> Self {
        Self { out, line: String::new() }
    }

    fn print(&mut self) -> io::Result<()> {
        writeln!(self.out, "{}", self.line)?;
        self.line.clear();
        Ok(())
    }

    fn number(&mut self, number: Option<f64>) {
        self.line.push(',');
        if let Some(number) = number {
            let size = number.abs();
            let is_plain = number == 0.0 || !number.is_finite() || (1e-5..1e17).contains(&size);
            // The shortest text that parses to the same number. Writing to a string cannot fail.
            let _ = if is_plain {
                write!(self.line, "{number}")
            } else {
                write!(self.line, "{number:e}")
            };
        }
    }
}

impl RowWriter for Csv {
    fn begin_long(&mut self) -> io::Result<()> {
        writeln!(self.out, "run,metric,step,wall_time,value")
    }

    fn long(&mut self, row: &ExportedValue<'_>) -> io::Result<()> {
        quote(row.run, &mut self.line);
        self.line.push(',');
        quote(row.metric, &mut self.line);
        let _ = write!(self.line, ",{}", row.step);
        self.number(row.wall_time);
        self.number(Some(row.value));
        self.print()
    }

    fn begin_wide(&mut self, metrics: &[String]) -> io::Result<()> {
        self.line.push_str(&WIDE_COLUMNS.join(","));
        for metric in metrics {
            self.line.push(',');
            quote(metric, &mut self.line);
        }
        self.print()
    }

    fn wide(&mut self, row: &WideRow<'_>) -> io::Result<()> {
        quote(row.run, &mut self.line);
        let _ = write!(self.line, ",{}", row.step);
        self.number(row.wall_time);
        row.values.iter().for_each(|value| self.number(*value));
        self.print()
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// Appends a text, quoted if it contains a character that ends a field. A text that a spreadsheet
/// would interpret as a formula is prefixed with an apostrophe.
fn quote(text: &str, line: &mut String) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        let _ = write!(line, "\"{guard}{}\"", text.replace('"', "\"\""));
    } else {
        let _ = write!(line, "{guard}{text}");
    }
}

/// One JSON object per line.
pub(super) struct JsonLinesWriter {
    out: Output<'static>,
    metrics: Vec<String>,
}

impl JsonLinesWriter {
    pub(super) fn new(out: Output<'static>) -> Self {
        Self { out, metrics: Vec::new() }
    }
}

/// A row of the long form.
#[derive(Serialize)]
struct LongRow<'a> {
    run: &'a str,
    metric: &'a str,
    step: i64,
    wall_time: Option<f64>,
    value: Json,
}

impl RowWriter for JsonLinesWriter {
    fn begin_long(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn long(&mut self, row: &ExportedValue<'_>) -> io::Result<()> {
        let ExportedValue { run, metric, step, wall_time, value } = *row;
        self.out.json(&LongRow { run, metric, step, wall_time, value: json_number(value) })
    }

    fn begin_wide(&mut self, metrics: &[String]) -> io::Result<()> {
        self.metrics = metrics.to_vec();
        Ok(())
    }

    fn wide(&mut self, row: &WideRow<'_>) -> io::Result<()> {
        let mut object = Map::new();
        let [run, step, wall_time] = WIDE_COLUMNS.map(str::to_owned);
        object.insert(run, row.run.into());
        object.insert(step, row.step.into());
        object.insert(wall_time, row.wall_time.into());
        for (metric, value) in self.metrics.iter().zip(row.values) {
            if let Some(value) = value {
                object.insert(metric.clone(), json_number(*value));
            }
        }
        self.out.json(&object)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::export::table::TableWriter;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Bytes(Rc<RefCell<Vec<u8>>>);

    impl io::Write for Bytes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn value<'a>(run: &'a str, metric: &'a str, step: i64, value: f64) -> ExportedValue<'a> {
        ExportedValue { run, metric, step, wall_time: Some(1.5), value }
    }

    fn written(values: &[ExportedValue<'_>], json: bool, wide: bool) -> String {
        let bytes = Bytes::default();
        let out = Output::to(bytes.clone());
        let writer: Box<dyn RowWriter> =
            if json { Box::new(JsonLinesWriter::new(out)) } else { Box::new(Csv::new(out)) };
        let mut table = TableWriter::new(writer, wide).unwrap();
        for value in values {
            table.push(value).unwrap();
        }
        table.finish().unwrap();
        String::from_utf8(bytes.0.take()).unwrap()
    }

    #[test]
    fn long_form_has_one_row_per_value() {
        let values = [value("a", "cost", 1, 0.1), value("b,\"c\"", "cost", 2, f64::NAN)];
        assert_eq!(
            written(&values, false, false),
            "run,metric,step,wall_time,value\na,cost,1,1.5,0.1\n\"b,\"\"c\"\"\",cost,2,1.5,NaN\n"
        );
        assert_eq!(
            written(&values[..1], true, false),
            "{\"run\":\"a\",\"metric\":\"cost\",\"step\":1,\"wall_time\":1.5,\"value\":0.1}\n"
        );
    }

    #[test]
    fn values_that_are_not_finite_are_exported() {
        let values = [
            value("a", "x", 1, f64::INFINITY),
            value("a", "x", 2, f64::NEG_INFINITY),
            value("a", "x", 3, f64::NAN),
        ];
        let of = |text: String| -> Vec<String> {
            text.lines()
                .rev()
                .take(3)
                .map(|line| line.rsplit([',', ':']).next().unwrap().into())
                .collect()
        };
        assert_eq!(of(written(&values, false, false)), ["NaN", "-inf", "inf"]);
        assert_eq!(
            of(written(&values, true, false)),
            ["\"NaN\"}", "\"-Infinity\"}", "\"Infinity\"}"]
        );
    }

    #[test]
    fn wide_form_has_one_row_per_step_and_one_column_per_metric() {
        let values =
            [value("a", "cost", 1, 0.1), value("a", "acc", 1, 0.5), value("b", "acc", 7, 0.75)];
        assert_eq!(
            written(&values, false, true),
            "run,step,wall_time,cost,acc\na,1,1.5,0.1,0.5\nb,7,1.5,,0.75\n"
        );
        let objects = written(&values, true, true);
        let last: Json = serde_json::from_str(objects.lines().last().unwrap()).unwrap();
        assert_eq!((&last["acc"], last.get("cost")), (&Json::from(0.75), None));
    }

    #[test]
    fn formulas_are_escaped() {
        let quoted = |text| {
            let mut line = String::new();
            quote(text, &mut line);
            line
        };
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("a=b"), "a=b");
    }

    #[test]
    fn numbers_round_trip() {
        for real in [0.1, 1e-300, 123_456_789.125, -0.0] {
            let text = written(&[value("a", "x", 0, real)], false, false);
            let number = text.trim_end().rsplit(',').next().unwrap();
            assert_eq!(number.parse::<f64>().unwrap().to_bits(), real.to_bits());
        }
    }
}
