use super::*;
use crate::spec::testing::dataset;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const TEXT: &str = r#"
layers = "16,6,3"
epochs = 3

[search]
eta = [0.001, 3.0]
batch = { from = 5, to = 20, steps = 3 }
"regularizer.lambda" = { from = 0.01, to = 1.0, scale = "log", steps = 3 }

[regularizer]
penalty = "l2"
lambda = 0.0
"#;

#[test]
fn a_grid_has_every_combination_and_the_last_axis_changes_fastest() {
    let points = Search::parse(TEXT).unwrap().grid().unwrap();
    assert_eq!(points.len(), 2 * 3 * 3);
    let shown = |index: usize| {
        points[index].values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
    };
    // Ordered by name: batch, eta, regularizer.lambda.
    assert_eq!(shown(0), "5 0.001 0.01");
    assert_eq!(shown(1), "5 0.001 0.1");
    assert_eq!(shown(3), "5 3.0 0.01");
    assert_eq!(shown(17), "20 3.0 1.0");
    assert_eq!(points[7].spec.batch, 13, "whole limits give whole numbers");
    assert!((points[1].spec.regularizer.lambda - 0.1).abs() < 1e-12);
}

#[test]
fn random_points_are_in_range_and_reproducible() {
    let search = Search::parse(TEXT).unwrap();
    let points = search.random(200).unwrap();
    assert_eq!(points, search.random(200).unwrap());
    assert_eq!(points[..50], search.random(50).unwrap());
    for SearchPoint { spec, .. } in &points {
        assert!((5..=20).contains(&spec.batch));
        assert!((0.01..=1.0).contains(&spec.regularizer.lambda));
    }
    // Half of a logarithmic range is below its geometric mean.
    let low = points.iter().filter(|point| point.spec.regularizer.lambda < 0.1).count();
    assert!((70..130).contains(&low), "{low}");
}

#[test]
fn invalid_searches_are_errors_that_name_the_field() {
    let error = |text: &str| match Search::parse(text).and_then(|search| search.grid()) {
        Ok(_) => panic!("`{text}` is refused"),
        Err(error) => error.to_string(),
    };
    assert!(error("eta = 3.0").contains("[search]"));
    assert!(error("[search]").contains("[search]"));
    assert!(error("[search]\neta = 3.0").contains("`eta`"));
    assert!(error("[search]\neta = []").contains("`eta`"));
    assert!(error("[search]\neta = { from = 2.0, to = 1.0 }").contains("less than"));
    let log = "[search]\neta = { from = 0.0, to = 1.0, scale = \"log\" }";
    assert!(error(log).contains("above 0"));
    assert!(error("[search]\netta = [1.0]").contains("etta"));
    assert!(error("[search]\n\"eta.x\" = [1.0]\n[eta]\n").contains("eta"));
    assert!(error("[search]\neta = [1.0, -1.0]").contains("eta = -1.0"));
    assert!(error("all-images = true\n[search]\neta = [1.0]").contains("`all-images`"));
    assert!(error("also = [\"784,20,10\"]\n[search]\neta = [1.0]").contains("`also`"));
    let many = "[search]\neta = { from = 1.0, to = 2.0, steps = 1000 }\nseed = { from = 1, to = 1000, steps = 1000 }";
    assert!(error(many).contains("too many"));
}

#[test]
fn a_search_finds_the_best_learning_rate() {
    let text = "layers = \"16,6,3\"\nepochs = 5\n[search]\neta = [0.0001, 3.0, 0.0002]";
    let points = Search::parse(text).unwrap().grid().unwrap();
    let mut reported = 0;
    let stop = AtomicBool::new(false);
    let rows = run(&points, &Arc::new(dataset()), 2, &stop, |_| reported += 1);
    assert_eq!((rows.len(), reported), (3, 3));
    assert_eq!(rows[0].values, [("eta".to_owned(), "3.0".to_owned())]);
    assert!(rows[0].validation_accuracy > rows[1].validation_accuracy);
    assert!(rows.iter().all(|row| row.outcome == "completed"));
}

#[test]
fn a_stopped_search_starts_no_more_runs() {
    let text =
        "layers = \"16,6,3\"\nepochs = 5\n[search]\neta = { from = 1.0, to = 2.0, steps = 50 }";
    let points = Search::parse(text).unwrap().grid().unwrap();
    let stop = AtomicBool::new(false);
    let rows = run(&points, &Arc::new(dataset()), 1, &stop, |_| {
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(rows.len() < 50, "{}", rows.len());
}
