//! Section 3.5: how to get from settings that learn nothing to good ones: get any signal quickly,
//! follow it one hyper-parameter at a time, then search a grid.

use super::Experiment;
use super::recipes::{best, first_images, l2, regularized};
use crate::data::Dataset;
use crate::jobs::{
    ExperimentError, JobContext, PlannedRun, Tolerance, TrainingRecord, accuracy_chart, percent,
    search::Search,
};
use crate::protocol::{Cell, EpochStats, Figure, FigureBody};
use crate::spec::Spec;
use std::sync::Arc;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-grid-search",
    chapter: 3,
    title: "Choosing hyper-parameters, from nothing to a grid",
    expected: "η 10 with λ 1000 is no better than chance; on few images η 1 soon beats η 10 and η \
               100; a grid finds settings that reach 96% and more on all images",
    quick_suffices: true,
    run,
};

/// The grid: η in factors of about three, λ in factors of ten.
const GRID: &str = r#"
layers = "784,30,10"
cost = "cross-entropy"
init = "scaled"
batch = 10

[regularizer]
penalty = "l2"

[search]
eta = [0.03, 0.1, 0.3, 1.0, 3.0]
"regularizer.lambda" = [0.01, 0.1, 1.0, 10.0]
"#;

fn validation(stats: &EpochStats) -> Option<f64> {
    stats.validation_accuracy
}

fn top(record: &TrainingRecord) -> f64 {
    best(record, validation)
}

/// Accuracies by η (down) and λ (across), the best one highlighted; cells not yet measured are
/// empty.
fn table(points: &[Spec], records: &[TrainingRecord]) -> FigureBody {
    let mut etas: Vec<f64> = points.iter().map(|spec| spec.eta).collect();
    let mut lambdas: Vec<f64> = points.iter().map(|spec| spec.regularizer.lambda).collect();
    for values in [&mut etas, &mut lambdas] {
        values.sort_by(f64::total_cmp);
        values.dedup();
    }
    let highest = records.iter().map(top).filter(|top| !top.is_nan()).fold(0.0, f64::max);
    let cell = |eta: f64, lambda: f64| {
        let here = |record: &&TrainingRecord| {
            (record.spec.eta, record.spec.regularizer.lambda) == (eta, lambda)
        };
        let accuracy = records.iter().find(here).map(top).filter(|top| !top.is_nan());
        Cell {
            text: accuracy.map_or_else(String::new, |accuracy| format!("{accuracy:.2}")),
            highlighted: accuracy == Some(highest),
        }
    };
    let label = |text: String| Cell { text, highlighted: false };
    let row = |&eta: &f64| {
        let cells = lambdas.iter().map(|&lambda| cell(eta, lambda));
        std::iter::once(label(format!("η {eta}"))).chain(cells).collect()
    };
    FigureBody::Table {
        header: std::iter::once(String::new())
            .chain(lambdas.iter().map(|lambda| format!("λ {lambda}")))
            .collect(),
        rows: etas.iter().map(row).collect(),
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let all = context.data();
    let seed = context.seed();
    let on = |name: &str, spec: Spec, data: &Arc<Dataset>| {
        PlannedRun::new(name, Spec { seed, ..spec }).with_data(Arc::clone(data))
    };

    // The book's first guess, η 10 and λ 1000, learns nothing.
    let (images, rest) = context.budget((50_000, 10_000), (1000, 500));
    let data = first_images(&all, images, rest);
    let epochs = context.budget(30, 3);
    // λ/n is kept: λ 1000 with 50,000 images corresponds to λ 20 with 1,000.
    let regularizer = l2(1000.0 * images as f64 / 50_000.0);
    let first_guess = Spec { eta: 10.0, regularizer, epochs, ..regularized("784,30,10") };
    let runs = vec![on("the first guess", first_guess, &data)];
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "guess".into(),
            title: "A first guess: η 10, λ 1000".into(),
            caption: "30 hidden neurons, cross-entropy. Nothing is learned, without a hint at the \
                      reason."
                .into(),
            body: accuracy_chart("validation accuracy (%)", records, validation),
        })
    })?;
    let chance = top(&trained[0].record);
    context.claim_number(
        "η 10, λ 1000, 30 hidden neurons: best validation accuracy (chance is 10)",
        10.0,
        chance,
        Tolerance::Within(3.0),
        "points",
    );

    // Simplify: no hidden layer and 1,000 images give fast feedback.
    let data = first_images(&all, 1000, context.budget(1000, 500));
    let epochs = context.budget(30, 8);
    let stripped = Spec { regularizer: l2(20.0), epochs, ..regularized("784,10") };
    let rates = [10.0, 100.0, 1.0];
    let runs = rates.map(|eta| on(&format!("η {eta}"), Spec { eta, ..stripped.clone() }, &data));
    let trained = context.train_all(runs.into(), |records| {
        Some(Figure {
            id: "signal".into(),
            title: "No hidden layer, 1,000 images, λ 20: any signal?".into(),
            caption: "η 10 shows one; η 100 is the wrong direction, η 1 the right one.".into(),
            body: accuracy_chart("validation accuracy (%)", records, validation),
        })
    })?;
    let [ten, hundred, one] = [0, 1, 2].map(|index| top(&trained[index].record));
    let claim = "advantage in validation accuracy of η 1 over η 10, on 1,000 images";
    context.claim_number(claim, 0.0, one - ten, Tolerance::AtLeast, "points");
    let claim = "advantage in validation accuracy of η 1 over η 100, on 1,000 images";
    context.claim_number(claim, 0.0, one - hundred, Tolerance::AtLeast, "points");

    // With a signal to follow, search a grid on part of the images.
    let (images, rest) = context.budget((5000, 10_000), (500, 500));
    let data = first_images(&all, images, rest);
    let search = Search::parse(GRID).map_err(|e| ExperimentError::Other(e.to_string()))?;
    let points = search.grid().map_err(|e| ExperimentError::Other(e.to_string()))?;
    let epochs = context.budget(10, 2);
    let specs: Vec<Spec> = points.into_iter().map(|point| Spec { epochs, ..point.spec }).collect();
    let name = |spec: &Spec| format!("η {}, λ {}", spec.eta, spec.regularizer.lambda);
    let runs = specs.iter().map(|spec| on(&name(spec), spec.clone(), &data)).collect();
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "grid".into(),
            title: format!("Best validation accuracy (%) of {epochs} epochs on {images} images"),
            caption: "A grid over η and λ, 30 hidden neurons, cross-entropy.".into(),
            body: table(&specs, records),
        })
    })?;
    let found = trained.iter().max_by(|a, b| top(&a.record).total_cmp(&top(&b.record)));
    let found = found.ok_or_else(|| ExperimentError::Other("an empty grid".into()))?;
    if context.quick() {
        let claim = "advantage in best validation accuracy of the grid over the first guess";
        let gain = top(&found.record) - chance;
        context.claim_number(claim, 40.0, gain, Tolerance::AtLeast, "points");
        return Ok(());
    }

    // The best settings on all images; λ/n is kept again.
    let Spec { eta, regularizer, .. } = found.record.spec;
    let regularizer = l2(regularizer.lambda * 50_000.0 / images as f64);
    let spec = Spec { eta, regularizer, epochs: 30, seed, ..regularized("784,30,10") };
    let name = format!("found: η {eta}, λ {}", regularizer.lambda);
    let trained = context.train(&name, spec)?;
    let reached = percent(trained.record.best(validation));
    let claim = "validation accuracy on all 50,000 images with the best settings of the grid";
    context.claim_number(claim, 96.0, reached, Tolerance::AtLeast, "points");
    Ok(())
}
