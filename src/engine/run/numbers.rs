//! The book's numbers on the real data; minutes long, so run by hand:
//! `cargo test --release --lib engine::run::numbers -- --ignored --nocapture`.

use super::*;
use crate::protocol::RunView;

/// Trains to the end; the folded run.
fn train(spec: Spec, data: &Arc<Dataset>) -> RunView {
    let options = Options { dataset: Some(Arc::clone(data)), ..Options::default() };
    let engine = Engine::spawn(spec, options).unwrap();
    let mut view = RunView::default();
    while view.outcome.is_none() {
        view.apply(&engine.events.recv().unwrap());
    }
    view
}

fn median_of_five(layers: &str) -> f64 {
    let data = Arc::new(Dataset::embedded());
    let mut best: Vec<f64> = (1..=5)
        .map(|seed| {
            let spec = Spec { layers: layers.into(), seed, ..Spec::default() };
            let view = train(spec, &data);
            let seconds: f64 = view.epochs.points().iter().map(|s| s.train_seconds).sum();
            let elapsed = view.progress.as_ref().map_or(0.0, |p| p.elapsed_seconds);
            let best = view.best_test_accuracy().unwrap();
            eprintln!("{layers} seed {seed}: {best:.4}, {seconds:.2} s of {elapsed:.2} s");
            best
        })
        .collect();
    best.sort_by(f64::total_cmp);
    best[2]
}

#[test]
#[ignore = "trains for minutes"]
fn thirty_hidden_neurons_reach_the_books_accuracy() {
    let median = median_of_five("784,30,10");
    assert!(median >= 0.952, "{median}");
}

#[test]
#[ignore = "trains for minutes"]
fn a_hundred_hidden_neurons_reach_the_books_accuracy() {
    let median = median_of_five("784,100,10");
    assert!(median >= 0.964, "{median}");
}
