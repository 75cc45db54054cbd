//! Chapter 4, two inputs: four hidden neurons make a tower (section "Many input variables").

use super::build::{figure, range, sigmoid};
use crate::protocol::{Explorable, Figure, FigureBody};

/// Points along each side.
const SIDE: u32 = 48;
const PLANE: [f64; 2] = [0.0, 1.0];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "universal-tower".into(),
        chapter: 4,
        title: "A tower of two inputs".into(),
        to_try:
            "Raise h to 10: the plateau around the tower disappears. Move the four edges. Then let \
                 the bias be another multiple of h than 3/2."
                .into(),
        to_notice: "Steps in x and steps in y add to a cross: height 2h in the middle, h on its \
                    arms. An output neuron with bias −3h/2 fires only where both are on: an AND, \
                    which is a tower. Towers approximate functions of two inputs as bars did."
            .into(),
        sliders: vec![
            range("height h", [0.5, 12.0], 0.5, 4.0),
            range("x from", PLANE, 0.02, 0.3),
            range("x to", PLANE, 0.02, 0.7),
            range("y from", PLANE, 0.02, 0.4),
            range("y to", PLANE, 0.02, 0.8),
            range("steepness w", [5.0, 300.0], 5.0, 60.0),
            range("−bias / h", [0.0, 3.0], 0.1, 1.5),
        ],
    }
}

/// A pair of hidden neurons: about 1 between both edges, otherwise about 0.
fn bump(at: f64, [from, to]: [f64; 2], weight: f64) -> f64 {
    sigmoid(weight * (at - from)) - sigmoid(weight * (at - to))
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [h, x0, x1, y0, y1, weight, share] = [0, 1, 2, 3, 4, 5, 6].map(|index| values[index]);
    let sum = |x: f64, y: f64| h * (bump(x, [x0, x1], weight) + bump(y, [y0, y1], weight));
    let output = |x: f64, y: f64| sigmoid(sum(x, y) - share * h);
    vec![
        figure("sum", "Four steps, added", "", surface(sum)),
        figure("output", "σ(sum + bias)", "", surface(output)),
    ]
}

fn surface(f: impl Fn(f64, f64) -> f64) -> FigureBody {
    let at = |step: u32| (f64::from(step) + 0.5) / f64::from(SIDE);
    let value = |index: u32| f(at(index % SIDE), at(index / SIDE)) as f32;
    FigureBody::Surface {
        x_label: "x".into(),
        y_label: "y".into(),
        x_range: PLANE,
        y_range: PLANE,
        width: SIDE,
        height: SIDE,
        values: (0..SIDE * SIDE).map(value).collect(),
        paths: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tower_is_where_both_bumps_overlap() {
        let defaults = describe().defaults();
        let values: Vec<f64> = [10.0].iter().chain(&defaults[1..]).copied().collect();
        let FigureBody::Surface { values, .. } = &figures(&values)[1].body else { panic!() };
        let at = |x: f64, y: f64| {
            values[(y * f64::from(SIDE)) as usize * SIDE as usize + (x * f64::from(SIDE)) as usize]
        };
        assert!(at(0.5, 0.6) > 0.99);
        for (x, y) in [(0.1, 0.1), (0.5, 0.1), (0.1, 0.6), (0.9, 0.9)] {
            assert!(at(x, y) < 0.01, "{x} {y}");
        }
    }
}
