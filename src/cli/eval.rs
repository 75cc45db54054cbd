//! `nntop eval`: evaluates a model on the test images.

use super::args::EvalArgs;
use super::error::Usage;
use super::output::{self, Output};
use crate::data::Images;
use crate::model::Evaluation;
use crate::protocol::printable;
use serde::Serialize;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The one line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
struct EvalRecord<'a> {
    event: &'static str,
    model: &'a Path,
    data: &'a str,
    epoch: u32,
    test_images: usize,
    test_cost: Option<f64>,
    test_accuracy: Option<f64>,
    validation_images: usize,
    validation_cost: Option<f64>,
    validation_accuracy: Option<f64>,
    /// Class names, in the order of `confusion`.
    answers: &'a [String],
    /// Counts of test images: one row per true class, one column per predicted class.
    confusion: &'a [Vec<u32>],
    /// Number of networks; 1 if the model is not an ensemble.
    networks: usize,
    /// Accuracy of each network of an ensemble.
    networks_test_accuracy: &'a [f64],
}

/// Evaluates a model on the validation and test images.
pub(super) fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let model = args.import.load(&args.model, args.data.shape.size)?;
    let data = args.data.open()?;
    let data = model.split(Arc::new(data));
    model.check_data(&data).map_err(|error| Usage::value("<MODEL>", error))?;
    let validation = model.evaluate(&data.validation);
    let test = model.evaluate(&data.test);
    let answers = model.spec().readout.names(&model.classes);
    let networks = model.members.count();
    let mut out = output::out();
    if args.json {
        let line = EvalRecord {
            event: "evaluation",
            model: &args.model,
            data: &data.name,
            epoch: model.epoch,
            test_images: test.images,
            test_cost: test.cost,
            test_accuracy: test.accuracy,
            validation_images: validation.images,
            validation_cost: validation.cost,
            validation_accuracy: validation.accuracy,
            answers: &answers,
            confusion: &test.confusion,
            networks,
            networks_test_accuracy: &test.individual,
        };
        out.json(&line)?;
    } else {
        let name = args.model.display();
        let many = if networks > 1 { format!("{networks} networks, ") } else { String::new() };
        let layers = model.architectures().join(" + ");
        writeln!(out, "# {name}: {many}{layers}, {} epochs, on {}", model.epoch, data.name)?;
        if model.spec().regularizer.lambda > 0.0 {
            // During training, costs include it.
            out.lines("# costs without the regularization term")?;
        }
        part(&mut out, "validation", &data.validation, &validation)?;
        part(&mut out, "test", &data.test, &test)?;
        for (number, accuracy) in (1..).zip(&test.individual) {
            writeln!(out, "# network {number} alone {:6.2}% of the test images", accuracy * 100.0)?;
        }
        confusion(&mut out, &answers, &test.confusion)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn part(
    out: &mut Output<'_>,
    name: &str,
    images: &Images,
    measured: &Evaluation,
) -> io::Result<()> {
    let (Some(accuracy), Some(cost)) = (measured.accuracy, measured.cost) else { return Ok(()) };
    let percent = accuracy * 100.0;
    writeln!(out, "{name:<10} {percent:6.2}% of {:>6} images, cost {cost:.5}", images.len())
}

/// Prints the confusion matrix of the test images.
fn confusion(out: &mut Output<'_>, answers: &[String], counts: &[Vec<u32>]) -> io::Result<()> {
    let answers: Vec<_> = answers.iter().map(|name| printable(name)).collect();
    let longest = answers.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let width = longest.max(5);
    out.lines("\n# true class in rows, predicted class in columns")?;
    write!(out, "{:width$}", "")?;
    for name in &answers {
        write!(out, " {name:>width$}")?;
    }
    writeln!(out, "  accuracy")?;
    for (index, (name, row)) in answers.iter().zip(counts).enumerate() {
        write!(out, "{name:>width$}")?;
        for count in row {
            write!(out, " {count:>width$}")?;
        }
        match row.iter().sum::<u32>() {
            0 => writeln!(out, "         -")?,
            sum => writeln!(out, "   {:6.2}%", f64::from(row[index]) / f64::from(sum) * 100.0)?,
        }
    }
    Ok(())
}
