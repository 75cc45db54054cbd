//! Section 1.2: a single output answers "is it a 9?", with yes from 0.5 on.

use super::Experiment;
use super::recipes::{images, seeded};
use crate::data::Dataset;
use crate::jobs::{
    ExperimentError, JobContext, Tolerance, TrainedRun, chart, curve, median, percent,
};
use crate::model::{Answer, Model};
use crate::protocol::{Curve, Figure};
use crate::spec::{Readout, Spec};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-is-it-nine",
    chapter: 1,
    title: "Is it a 9? One output and the 0.5 rule",
    expected: "no result in the book: an output of at least 0.5 means yes, and no other threshold \
               does much better",
    quick_suffices: true,
    run,
};

const NINE: u8 = 9;

/// The output of the network for each test image, and whether it is a 9.
fn outputs(run: &TrainedRun, data: &Dataset) -> Vec<(f64, bool)> {
    let model = Model::of(run.record.spec.clone(), run.network.clone(), data, 0);
    let output = |answer: Answer| answer.outputs[0];
    let nines = data.test.labels.iter().map(|&label| label == NINE);
    model.answer(&data.test).into_iter().map(output).zip(nines).collect()
}

/// Percentage of correct answers with this threshold.
fn accuracy(outputs: &[(f64, bool)], threshold: f64) -> f64 {
    let right = outputs.iter().filter(|(a, nine)| (*a >= threshold) == *nine).count();
    100.0 * right as f64 / outputs.len() as f64
}

/// Percentage of the nines that are recognized with the threshold 0.5.
fn found(outputs: &[(f64, bool)]) -> f64 {
    let nines = outputs.iter().filter(|(_, nine)| *nine).count();
    let found = outputs.iter().filter(|(a, nine)| *nine && *a >= 0.5).count();
    100.0 * found as f64 / nines as f64
}

fn thresholds() -> impl Iterator<Item = f64> {
    (1..100).map(|percent| f64::from(percent) / 100.0)
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    let spec = Spec {
        layers: "784,30,1".into(),
        readout: Readout::Is(NINE),
        epochs: context.budget(30, 15),
        ..Spec::default()
    };
    let runs = seeded(context, "is it a 9?", &spec, &data);
    let trained = context.train_all(runs, |records| {
        let accuracy = |stats: &crate::protocol::EpochStats| {
            stats.test_accuracy.filter(|_| stats.epoch > 0).map(|right| percent(Some(right)))
        };
        Some(Figure {
            id: "accuracy".into(),
            title: "Is it a 9? The 0.5 rule".into(),
            caption: "30 hidden neurons, one output, the quadratic cost, η 3. Always answering no \
                      is right in 9 of 10 cases."
                .into(),
            body: chart(
                "epoch",
                "right answers (%)",
                records.iter().map(|record| curve(record, accuracy)).collect(),
            ),
        })
    })?;
    let said: Vec<_> = trained.iter().map(|run| outputs(run, &data)).collect();
    let by_threshold = trained.iter().zip(&said).map(|(run, outputs)| Curve {
        name: run.record.name.clone(),
        points: thresholds().map(|at| (at, accuracy(outputs, at))).collect(),
        scatter: false,
    });
    context.figure(
        "thresholds",
        "Which threshold is best?",
        "Correct answers on the test images for other thresholds than 0.5: the trained output is \
         near 0 or 1, so the middle is as good as any.",
        chart("threshold", "right answers (%)", by_threshold.collect()),
    );

    let always_no = median(said.iter().map(|outputs| accuracy(outputs, f64::INFINITY)));
    let budget = context.budget("30 epochs, median of three seeds", "15 epochs on 1,000 images");
    let claim =
        format!("correct answers by the 0.5 rule after {budget}, above always answering no");
    let half = median(said.iter().map(|outputs| accuracy(outputs, 0.5)));
    context.claim_number(&claim, always_no, half, Tolerance::AtLeast, "percent");
    let claim = "nines among the test images that are recognized";
    let (expected, nines) = (context.budget(90.0, 50.0), median(said.iter().map(|o| found(o))));
    context.claim_number(claim, expected, nines, Tolerance::AtLeast, "percent");
    let gain = |outputs: &Vec<(f64, bool)>| {
        let best = thresholds().map(|at| accuracy(outputs, at)).fold(0.0, f64::max);
        best - accuracy(outputs, 0.5)
    };
    let claim = "correct answers gained by the best of 99 thresholds over 0.5";
    let most = context.budget(0.2, 1.0);
    context.claim_number(claim, most, median(said.iter().map(gain)), Tolerance::AtMost, "points");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_of_half_means_yes() {
        let outputs = [(0.5, true), (0.49, false), (0.1, true), (0.9, false)];
        assert!((accuracy(&outputs, 0.5) - 50.0).abs() < 1e-12);
        assert!((accuracy(&outputs, 0.05) - 50.0).abs() < 1e-12);
        assert!((found(&outputs) - 50.0).abs() < 1e-12);
    }
}
