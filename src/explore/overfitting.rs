//! Section 3.2: a polynomial fitted to noisy points, with a chosen degree and weight decay λ.

use super::build::{choice, curve, dots, figure, graph, number, plot, range, table};
use crate::protocol::{Explorable, Figure, FigureBody, Scale};
use crate::rng::{Purpose, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

const INPUTS: [f64; 2] = [-1.0, 1.0];
const OUTPUTS: [f64; 2] = [-2.0, 2.0];
const HIGHEST_DEGREE: usize = 15;
/// Number of test points.
const FRESH: u32 = 101;

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "over-fitting".into(),
        chapter: 3,
        title: "Over-fitting".into(),
        to_try: "Raise the degree from 1 to 9 and watch both errors. Then raise λ, or the number \
                 of points, at degree 9."
            .into(),
        to_notice: "Ten points are hit exactly by ten coefficients, and nothing is learned: the \
                    error on new points grows while that on the training points falls to 0. λ \
                    prefers small coefficients and smooths the curve; more points help even \
                    more."
            .into(),
        sliders: vec![
            range("degree d", [0.0, HIGHEST_DEGREE as f64], 1.0, 9.0),
            range("log₁₀ λ", [-10.0, 2.0], 0.5, -10.0),
            range("points n", [4.0, 40.0], 1.0, 10.0),
            range("noise", [0.0, 1.0], 0.05, 0.3),
            choice("truth", &["sine", "line"]),
            range("draw", [1.0, 9.0], 1.0, 1.0),
        ],
    }
}

/// Chebyshev polynomials up to a degree: they span the same polynomials as powers of x, but are
/// better conditioned.
fn basis(x: f64, degree: usize) -> Vec<f64> {
    let mut terms = vec![1.0, x];
    while terms.len() <= degree {
        let last = terms.len() - 1;
        terms.push(2.0 * x * terms[last] - terms[last - 1]);
    }
    terms.truncate(degree + 1);
    terms
}

/// The coefficients that minimize Σ (p(x) − y)² + λ Σ c². The constant term is not regularized,
/// like biases.
fn fit(points: &[(f64, f64)], degree: usize, lambda: f64) -> Vec<f64> {
    let penalty = (1..=degree).map(|term| {
        let mut row = vec![0.0; degree + 1];
        row[term] = lambda.sqrt();
        (row, 0.0)
    });
    let rows = points.iter().map(|&(x, y)| (basis(x, degree), y)).chain(penalty);
    least_squares(rows.collect(), degree + 1)
}

/// Minimizes the sum of (row · c − value)² by QR decomposition with Givens rotations.
fn least_squares(rows: Vec<(Vec<f64>, f64)>, unknowns: usize) -> Vec<f64> {
    let mut triangle = vec![(vec![0.0_f64; unknowns], 0.0_f64); unknowns];
    for (mut row, mut value) in rows {
        for column in 0..unknowns {
            let (upper, target) = &mut triangle[column];
            let length = upper[column].hypot(row[column]);
            if length < 1e-300 {
                continue;
            }
            let (cos, sin) = (upper[column] / length, row[column] / length);
            for at in column..unknowns {
                let (above, below) = (upper[at], row[at]);
                upper[at] = cos * above + sin * below;
                row[at] = cos * below - sin * above;
            }
            (*target, value) = (cos * *target + sin * value, cos * value - sin * *target);
        }
    }
    let mut solution = vec![0.0; unknowns];
    for column in (0..unknowns).rev() {
        let (row, value) = &triangle[column];
        let known: f64 = (column + 1..unknowns).map(|at| row[at] * solution[at]).sum();
        // A coefficient that neither data nor penalty determines stays 0.
        solution[column] =
            if row[column].abs() < 1e-12 { 0.0 } else { (value - known) / row[column] };
    }
    solution
}

fn evaluate(coefficients: &[f64], x: f64) -> f64 {
    let terms = basis(x, coefficients.len() - 1);
    coefficients.iter().zip(terms).map(|(c, term)| c * term).sum()
}

/// The root mean square of p(x) − y.
fn error(coefficients: &[f64], points: &[(f64, f64)]) -> f64 {
    let squares = points.iter().map(|&(x, y)| (evaluate(coefficients, x) - y).powi(2));
    (squares.sum::<f64>() / points.len() as f64).sqrt()
}

const TRUTHS: [fn(f64) -> f64; 2] = [|x| (3.0 * x).sin(), |x| 1.2 * x];

/// `count` points (x, `truth`(x) + noise), with Gaussian noise of standard deviation `noise`.
fn draw(truth: fn(f64) -> f64, count: usize, noise: f64, draw: u64) -> Vec<(f64, f64)> {
    let mut random = stream(draw, Purpose::Experiment, 2, 0);
    let mut point = |index: usize| {
        // One x in each of `count` equal parts of [−1, 1], so that no part is empty.
        let x = 2.0 * (index as f64 + random.random::<f64>()) / count as f64 - 1.0;
        let off: f64 = random.sample(StandardNormal);
        (x, truth(x) + noise * off)
    };
    (0..count).map(&mut point).collect()
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [degree, exponent, count, noise, which, seed] = [0, 1, 2, 3, 4, 5].map(|i| values[i]);
    let (degree, lambda) = (degree.round() as usize, 10_f64.powf(exponent));
    let truth = TRUTHS[which as usize];
    let points = draw(truth, count.round() as usize, noise, seed.round() as u64);
    let fresh: Vec<(f64, f64)> = (0..FRESH)
        .map(|index| 2.0 * f64::from(index) / f64::from(FRESH - 1) - 1.0)
        .map(|x| (x, truth(x)))
        .collect();
    let coefficients = fit(&points, degree, lambda);
    let largest = coefficients.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
    let curves = vec![
        graph("truth", INPUTS, 100, truth),
        graph("fit", INPUTS, 300, |x| evaluate(&coefficients, x).clamp(-50.0, 50.0)),
        dots("points", points.iter().copied()),
    ];
    let row = [error(&coefficients, &points), error(&coefficients, &fresh), largest].map(number);
    vec![
        figure("fit", "Points and polynomial", "", plot(("x", INPUTS), ("y", OUTPUTS), curves)),
        figure("errors", "Error over the degree", "", errors(&points, &fresh, lambda, degree)),
        figure(
            "numbers",
            "This polynomial",
            "",
            table(&["error on points", "on new ones", "largest term"], [(false, row.into())]),
        ),
    ]
}

fn errors(points: &[(f64, f64)], fresh: &[(f64, f64)], lambda: f64, degree: usize) -> FigureBody {
    let fits: Vec<Vec<f64>> = (0..=HIGHEST_DEGREE).map(|d| fit(points, d, lambda)).collect();
    let line = |name: &str, on: &[(f64, f64)]| {
        let errors = fits.iter().enumerate();
        curve(name, errors.map(|(degree, c)| (degree as f64, error(c, on).clamp(1e-3, 1e3))))
    };
    let lines = [line("training points", points), line("new points", fresh)];
    let now = dots("now", lines.iter().map(|line| line.points[degree]).collect::<Vec<_>>());
    FigureBody::Chart {
        x_label: "degree".into(),
        y_label: "√ mean square error".into(),
        x_scale: Scale::Linear,
        y_scale: Scale::Logarithmic,
        curves: lines.into_iter().chain([now]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polynomial_is_recovered_without_noise() {
        let truth = |x: f64| 0.5 - x + 2.0 * x * x * x;
        let points = draw(truth, 12, 0.0, 1);
        let found = fit(&points, 5, 1e-14);
        assert!(
            (-10..=10)
                .map(|x| f64::from(x) / 10.0)
                .all(|x| (evaluate(&found, x) - truth(x)).abs() < 1e-6)
        );
    }

    #[test]
    fn ten_coefficients_fit_ten_points_and_lambda_generalizes() {
        let truth = TRUTHS[0];
        let fresh: Vec<(f64, f64)> =
            (0..=100).map(|i| f64::from(i) / 50.0 - 1.0).map(|x| (x, truth(x))).collect();
        for seed in 1..=9 {
            let points = draw(truth, 10, 0.3, seed);
            let (wild, calm) = (fit(&points, 9, 1e-10), fit(&points, 9, 0.3));
            assert!(error(&wild, &points) < 1e-3, "seed {seed}");
            assert!(error(&calm, &points) > 0.05, "seed {seed}");
            assert!(error(&calm, &fresh) < error(&wild, &fresh), "seed {seed}");
        }
    }
}
