//! Properties of all explorables.

use super::{explore, list};
use crate::protocol::{Curve, Explorable, Figure, FigureBody, Slider, SliderKind};
use proptest::prelude::*;
use std::collections::HashSet;

/// Checks that every number of a figure is finite, and that it is not empty.
fn check(explorable: &Explorable, values: &[f64], figure: &Figure) {
    let place = format!("{} at {values:?}: figure {}", explorable.id, figure.id);
    let finite = |values: &[f64]| assert!(values.iter().all(|v| v.is_finite()), "{place}");
    let curves = |curves: &[Curve]| {
        for (x, y) in curves.iter().flat_map(|curve| &curve.points) {
            finite(&[*x, *y]);
        }
    };
    match &figure.body {
        FigureBody::Chart { curves: drawn, .. } | FigureBody::Plot { curves: drawn, .. } => {
            assert!(drawn.iter().any(|curve| !curve.points.is_empty()), "{place}");
            curves(drawn);
        }
        FigureBody::Surface { width, height, values, paths, x_range, y_range, .. } => {
            assert_eq!(values.len(), (width * height) as usize, "{place}");
            assert!(values.iter().all(|value| value.is_finite()), "{place}");
            finite(&[*x_range, *y_range].concat());
            curves(paths);
        }
        FigureBody::Bars { bars, .. } => {
            assert!(!bars.is_empty(), "{place}");
            finite(&bars.iter().map(|bar| bar.value).collect::<Vec<_>>());
        }
        FigureBody::Table { rows, header } => {
            assert!(!rows.is_empty(), "{place}");
            assert!(rows.iter().all(|row| row.len() == header.len()), "{place}");
            let cells = rows.iter().flatten();
            assert!(cells.clone().all(|cell| !cell.text.contains("NaN")), "{place}");
        }
        FigureBody::Images { width, height, images, .. } => {
            assert!(!images.is_empty(), "{place}");
            for (_, pixels) in images {
                assert_eq!(pixels.len(), (width * height) as usize, "{place}");
                assert!(pixels.iter().all(|pixel| pixel.is_finite()), "{place}");
            }
        }
        FigureBody::Text(lines) => assert!(!lines.is_empty(), "{place}"),
        FigureBody::Wiring { neurons, wires } => {
            assert!(neurons.iter().all(|n| n.at.iter().all(|at| (0.0..=1.0).contains(at))));
            let ends = wires.iter().flat_map(|wire| [wire.from, wire.to]);
            assert!(ends.into_iter().all(|end| (end as usize) < neurons.len()), "{place}");
        }
    }
}

fn check_all(explorable: &Explorable, values: &[f64]) {
    let defaults = explore(&explorable.id, &[]).expect("it is listed");
    let explored = explore(&explorable.id, values).expect("it is listed");
    let ids = |figures: &[Figure]| figures.iter().map(|f| f.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&explored.figures), ids(&defaults.figures), "{}", explorable.id);
    assert_eq!(explored, explore(&explorable.id, values).expect("it is listed"), "pure");
    for figure in &explored.figures {
        check(explorable, &explored.values, figure);
    }
}

#[test]
fn descriptions_are_complete_and_ids_unique() {
    let ids: HashSet<&str> = list().iter().map(|explorable| explorable.id.as_str()).collect();
    assert_eq!(ids.len(), list().len());
    assert!(list().is_sorted_by_key(|explorable| explorable.chapter), "in the book's order");
    for explorable in list() {
        let Explorable { id, title, to_try, to_notice, sliders, .. } = explorable;
        assert!([id, title, to_try, to_notice].iter().all(|text| !text.is_empty()), "{id}");
        assert!(!sliders.is_empty() && explorable.defaults().len() <= 64, "{id}");
        assert_eq!(explorable.fitted(&explorable.defaults()), explorable.defaults(), "{id}");
        let figures = explore(id, &[]).unwrap().figures;
        assert!(
            figures.iter().all(|f| f.title.chars().count() <= 24),
            "{id}: there must be room for a note"
        );
        let ids: HashSet<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
        assert!(ids.len() == figures.len() && (1..=4).contains(&figures.len()), "{id}");
        for slider in sliders {
            assert!(slider.low < slider.high && slider.step > 0.0, "{id}: {}", slider.name);
            assert!(!slider.default.is_empty(), "{id}: {}", slider.name);
            let presets = match &slider.control {
                SliderKind::Curve { presets } | SliderKind::Grid { presets, .. } => {
                    presets.as_slice()
                }
                SliderKind::Choice(names) => {
                    assert!((slider.high - (names.len() - 1) as f64).abs() < 1e-9, "{id}");
                    &[]
                }
                _ => &[],
            };
            for (name, values) in presets {
                assert_eq!(values.len(), slider.default.len(), "{id}: {name}");
            }
        }
    }
}

#[test]
fn figures_are_finite_at_both_ends_of_every_slider() {
    for explorable in list() {
        let defaults = explorable.defaults();
        check_all(explorable, &defaults);
        let ends: [fn(&Slider) -> f64; 2] = [|slider| slider.low, |slider| slider.high];
        for all in ends {
            let ends: Vec<f64> =
                explorable.sliders.iter().flat_map(|s| vec![all(s); s.default.len()]).collect();
            check_all(explorable, &ends);
        }
        for (index, slider) in explorable.sliders.iter().enumerate() {
            for end in [slider.low, slider.high] {
                let mut values = defaults.clone();
                values[explorable.place(index)].fill(end);
                check_all(explorable, &values);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Any client may send values, so there must be an answer to all of them.
    #[test]
    fn arbitrary_values_are_answered(
        shares in proptest::collection::vec(prop_oneof![8 => 0.0..1.0_f64, 1 => any::<f64>()], 64)
    ) {
        for explorable in list() {
            let slots = explorable.sliders.iter().flat_map(|s| s.default.iter().map(move |_| s));
            let values: Vec<f64> =
                slots.zip(&shares).map(|(s, share)| s.low + share * (s.high - s.low)).collect();
            check_all(explorable, &values);
        }
    }
}

#[test]
fn every_slider_changes_something() {
    for explorable in list() {
        for (index, slider) in explorable.sliders.iter().enumerate() {
            let at = |end: f64| {
                let mut values = explorable.defaults();
                values[explorable.place(index)].fill(end);
                explore(&explorable.id, &values).unwrap().figures
            };
            assert_ne!(at(slider.low), at(slider.high), "{}: {}", explorable.id, slider.name);
        }
    }
}

#[test]
fn an_unknown_id_is_answered_with_the_list() {
    assert_eq!(explore("no-such-thing", &[]), None);
    let answer = super::answer("", &[]);
    assert_eq!(answer, crate::protocol::Event::Explorables(list().to_vec()));
}
