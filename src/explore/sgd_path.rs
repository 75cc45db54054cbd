//! Section 1.5: stochastic and full gradient descent compared, on a straight line fitted to points
//! (equation 19).

use super::build::{curve, figure, number, plot, range, table, time};
use crate::protocol::{Curve, Explorable, Figure, FigureBody};
use crate::rng::{Purpose, Stream, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

/// Number of points that the line is fitted to.
const POINTS: usize = 60;
const EPOCHS: u32 = 40;
const RANGE: [f64; 2] = [-3.0, 3.0];
/// Points of the surface along each side.
const SIDE: u32 = 48;
const AWAY: f64 = 1e6;
/// The line (w, b) that the points scatter around.
const TRUTH: [f64; 2] = [1.0, 0.5];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "descent-stochastic".into(),
        chapter: 1,
        title: "Stochastic descent".into(),
        to_try: "Press p and compare the paths: both see every point once per epoch. Then \
                 mini-batches of 1, of 60, and a larger η."
            .into(),
        to_notice: "The full gradient takes one precise step per epoch, mini-batches take many \
                    rough ones: their path is noisy and gets there far sooner. Near the bottom \
                    it jitters instead of resting, more so for small mini-batches and large η."
            .into(),
        sliders: vec![
            range("start w", RANGE, 0.1, -2.4),
            range("start b", RANGE, 0.1, -2.0),
            range("η", [0.01, 1.0], 0.01, 0.1),
            range("mini-batch m", [1.0, POINTS as f64], 1.0, 5.0),
            range("draw", [1.0, 9.0], 1.0, 1.0),
            time("epoch", EPOCHS, 10),
        ],
    }
}

/// The points (x, y), with noise.
fn points() -> Vec<[f64; 2]> {
    let mut noise = stream(1, Purpose::Experiment, 0, 0);
    let mut point = |_| {
        let x: f64 = noise.sample(StandardNormal);
        let off: f64 = noise.sample(StandardNormal);
        [x, TRUTH[0] * x + TRUTH[1] + 0.7 * off]
    };
    (0..POINTS).map(&mut point).collect()
}

/// C(w, b) = 1/2n Σ (w x + b − y)².
fn cost([w, b]: [f64; 2], points: &[[f64; 2]]) -> f64 {
    let sum: f64 = points.iter().map(|[x, y]| (w * x + b - y).powi(2)).sum();
    sum / (2.0 * points.len() as f64)
}

/// The gradient of the cost over some of the points (equation 20).
fn gradient([w, b]: [f64; 2], points: &[[f64; 2]]) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for [x, y] in points {
        let error = w * x + b - y;
        sum = [sum[0] + error * x, sum[1] + error];
    }
    sum.map(|part| part / points.len() as f64)
}

/// The positions at the start and after every mini-batch; points are shuffled in every epoch.
fn descend(
    start: [f64; 2],
    eta: f64,
    batch: usize,
    epochs: u32,
    mut points: Vec<[f64; 2]>,
    shuffles: &mut Stream,
) -> Vec<[f64; 2]> {
    let mut place = start;
    let mut path = vec![start];
    for _ in 0..epochs {
        for last in (1..points.len()).rev() {
            points.swap(last, shuffles.random_range(0..=last));
        }
        for batch in points.chunks(batch) {
            let slope = gradient(place, batch);
            for axis in 0..2 {
                place[axis] = (place[axis] - eta * slope[axis]).clamp(-AWAY, AWAY);
            }
            path.push(place);
        }
    }
    path
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [w, b, eta, batch, draw, epoch] = [0, 1, 2, 3, 4, 5].map(|index| values[index]);
    let batch = batch.round() as usize;
    let points = points();
    let mut shuffles = stream(draw as u64, Purpose::Experiment, 1, 0);
    let mut path = |batch| descend([w, b], eta, batch, epoch as u32, points.clone(), &mut shuffles);
    let paths =
        [("full gradient", path(POINTS), 1), ("mini-batches", path(batch), POINTS.div_ceil(batch))];
    let surface = FigureBody::Surface {
        x_label: "w".into(),
        y_label: "b".into(),
        x_range: RANGE,
        y_range: RANGE,
        width: SIDE,
        height: SIDE,
        values: heights(&points),
        paths: paths
            .iter()
            .map(|(name, path, _)| curve(name, path.iter().map(|place| (place[0], place[1]))))
            .collect(),
    };
    let rows = paths.iter().map(|(name, path, _)| {
        let here = path[path.len() - 1];
        let steps = (path.len() - 1).to_string();
        (
            false,
            vec![
                (*name).to_string(),
                steps,
                number(here[0]),
                number(here[1]),
                number(cost(here, &points)),
            ],
        )
    });
    vec![
        figure("surface", "The cost of w and b", "", surface),
        figure("cost", "Cost over epochs", "", costs(&paths, &points)),
        figure("numbers", "After these epochs", "", table(&["", "steps", "w", "b", "C"], rows)),
    ]
}

fn heights(points: &[[f64; 2]]) -> Vec<f32> {
    let at =
        |step: u32| RANGE[0] + (RANGE[1] - RANGE[0]) * (f64::from(step) + 0.5) / f64::from(SIDE);
    (0..SIDE * SIDE)
        .map(|index| cost([at(index % SIDE), at(index / SIDE)], points) as f32)
        .collect()
}

fn costs(paths: &[(&str, Vec<[f64; 2]>, usize)], points: &[[f64; 2]]) -> FigureBody {
    let line = |(name, path, an_epoch): &(&str, Vec<[f64; 2]>, usize)| -> Curve {
        let epochs = path
            .iter()
            .enumerate()
            .map(|(step, &place)| (step as f64 / *an_epoch as f64, cost(place, points).log10()));
        curve(name, epochs)
    };
    // An empty curve takes the colour of the surface, so that a path has the same colour in both
    // figures.
    let curves = std::iter::once(curve("", [])).chain(paths.iter().map(line)).collect();
    plot(("epoch", [0.0, f64::from(EPOCHS)]), ("log₁₀ C", [-1.0, 2.0]), curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(eta: f64, batch: usize, epochs: u32) -> Vec<[f64; 2]> {
        let mut shuffles = stream(1, Purpose::Experiment, 1, 0);
        descend([-2.4, -2.0], eta, batch, epochs, points(), &mut shuffles)
    }

    #[test]
    fn the_gradient_is_the_derivative_of_the_cost() {
        let (points, h) = (points(), 1e-5);
        let [dw, db] = gradient([0.3, -0.8], &points);
        let measured = |step: [f64; 2]| {
            let at = |sign: f64| cost([0.3 + sign * step[0], -0.8 + sign * step[1]], &points);
            (at(1.0) - at(-1.0)) / (2.0 * h)
        };
        assert!((measured([h, 0.0]) - dw).abs() < 1e-8);
        assert!((measured([0.0, h]) - db).abs() < 1e-8);
    }

    #[test]
    fn mini_batches_converge_sooner_and_then_fluctuate() {
        let points = points();
        let after = |batch, epochs| cost(*run(0.1, batch, epochs).last().unwrap(), &points);
        assert!(after(5, 3) < 0.5 * after(60, 3));
        let best = after(60, 400);
        let rest = |batch: usize| {
            let path = run(0.1, batch, 40);
            let last = &path[path.len() / 2..];
            last.iter().map(|&place| cost(place, &points) - best).sum::<f64>() / last.len() as f64
        };
        assert!(rest(1) > 4.0 * rest(10), "{} {}", rest(1), rest(10));
    }

    #[test]
    fn one_mini_batch_of_all_points_is_the_full_gradient() {
        let (full, close) = (run(0.2, 60, 20), |a: [f64; 2], b: [f64; 2]| {
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
        });
        let mut place = [-2.4, -2.0];
        for step in full {
            assert!(close(step, place));
            let slope = gradient(place, &points());
            place = [place[0] - 0.2 * slope[0], place[1] - 0.2 * slope[1]];
        }
    }
}
