//! Section 3.1: a softmax layer of four neurons (equation 78), with the book's constant c.

use super::build::{curve, dots, figure, number, plot, range, sigmoid, table};
use crate::protocol::{Bar, Curve, Explorable, Figure, FigureBody};

const INPUTS: [f64; 2] = [-5.0, 5.0];

pub(super) fn describe() -> Explorable {
    let z = |name: &str, default| range(name, INPUTS, 0.1, default);
    Explorable {
        id: "softmax".into(),
        chapter: 3,
        title: "Softmax".into(),
        to_try: "Raise z₄ and watch the other three. Raise all four alike. Then make c 5, \
                 and 0.1."
            .into(),
        to_notice: "All outputs add up to 1: what one gains the others lose, each in proportion. \
                    Only differences of z matter. A large c gives nearly everything to the \
                    largest z, hence the name: a soft maximum."
            .into(),
        sliders: vec![
            z("z₁", 2.5),
            z("z₂", -1.0),
            z("z₃", 3.2),
            z("z₄", 0.5),
            range("c", [0.1, 5.0], 0.1, 1.0),
        ],
    }
}

/// aⱼ = e^{c zⱼ} / Σ e^{c zₖ}.
fn softmax(z: [f64; 4], c: f64) -> [f64; 4] {
    let largest = z.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let powers = z.map(|z| (c * (z - largest)).exp());
    let sum: f64 = powers.iter().sum();
    powers.map(|power| power / sum)
}

const NAMES: [&str; 4] = ["a₁", "a₂", "a₃", "a₄"];

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let z = [values[0], values[1], values[2], values[3]];
    let c = values[4];
    let a = softmax(z, c);
    let most = a.into_iter().fold(0.0, f64::max);
    let bars = NAMES.iter().zip(a).map(|(name, a)| Bar {
        name: (*name).into(),
        value: 100.0 * a,
        highlighted: (a - most).abs() < 1e-12,
    });
    let bars = FigureBody::Bars { unit: "%".into(), bars: bars.collect() };
    vec![
        figure("outputs", "The outputs", "", bars),
        figure("change", "Outputs over z₄", "", change(z, c)),
        figure("numbers", "Sigmoid for comparison", "", numbers(z, a, c)),
    ]
}

fn change(z: [f64; 4], c: f64) -> FigureBody {
    let with = |other: f64| softmax([z[0], z[1], z[2], other], c);
    let steps = || (0..=100).map(|step| INPUTS[0] + f64::from(step) / 10.0);
    let line =
        |index: usize| -> Curve { curve(NAMES[index], steps().map(|z4| (z4, with(z4)[index]))) };
    let now = dots("now", softmax(z, c).map(|a| (z[3], a)));
    plot(("z₄", INPUTS), ("a", [0.0, 1.0]), (0..4).map(line).chain([now]).collect())
}

fn numbers(z: [f64; 4], a: [f64; 4], c: f64) -> FigureBody {
    let rows = (0..4).map(|index| {
        let cells = [z[index], (c * z[index]).exp(), a[index], sigmoid(z[index])].map(number);
        (false, std::iter::once(NAMES[index].to_string()).chain(cells).collect())
    });
    let sums = [
        "sum".into(),
        String::new(),
        String::new(),
        number(a.iter().sum()),
        number(z.map(sigmoid).iter().sum()),
    ];
    let rows = rows.chain([(true, sums.into())]);
    table(&["", "z", "e^cz", "softmax", "sigmoid"], rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_positive_sum_to_one_and_depend_on_differences() {
        for z in [[2.5, -1.0, 3.2, 0.5], [-5.0, 5.0, 5.0, -5.0], [0.0; 4]] {
            let a = softmax(z, 1.3);
            assert!(a.iter().all(|a| *a > 0.0));
            assert!((a.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let shifted = softmax(z.map(|z| z + 4.0), 1.3);
            assert!(a.iter().zip(shifted).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn a_large_constant_gives_the_maximum_and_a_small_one_equal_outputs() {
        assert!(softmax([1.0, 2.0, 3.0, 5.0], 5.0)[3] > 0.999);
        assert!(softmax([1.0, 2.0, 3.0, 5.0], 1e-6).iter().all(|a| (a - 0.25).abs() < 1e-5));
    }
}
