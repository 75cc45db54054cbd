//! Section 1.5: a ball rolls into a valley by v → v′ = v − η∇C (equation 11), in two variables and
//! in one, with small and large learning rates.

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance};
use crate::protocol::{Curve, FigureBody};
use std::f64::consts::TAU;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-gradient-descent",
    chapter: 1,
    title: "A ball rolls into a valley",
    expected: "ΔC ≈ −η‖∇C‖², so C falls if η is small; a very small η is slow, one that is too \
               large climbs; no direction of a step lowers C more than −∇C",
    quick_suffices: true,
    run,
};

type Point2 = [f64; 2];

/// ∂²C/∂v₂²; ∂²C/∂v₁² is 1.
const STEEP: f64 = 4.0;
const START: Point2 = [-2.0, 1.2];
/// The largest stable learning rate, 2/(∂²C/∂v₂²): above it, |v₂| grows in every step.
const LARGEST: f64 = 2.0 / STEEP;

/// C(v₁, v₂) = (v₁² + 4v₂²)/2: a valley with its only minimum at (0, 0).
fn cost([x, y]: Point2) -> f64 {
    f64::midpoint(x * x, STEEP * y * y)
}

/// ∇C (equation 8).
fn gradient([x, y]: Point2) -> Point2 {
    [x, STEEP * y]
}

fn length([x, y]: Point2) -> f64 {
    x.hypot(y)
}

fn moved([x, y]: Point2, by: Point2, factor: f64) -> Point2 {
    [x + factor * by[0], y + factor * by[1]]
}

/// The positions of the ball: v → v − η∇C until C is a thousandth of its initial value, or for at
/// most `most` steps.
fn roll(eta: f64, most: usize) -> Vec<Point2> {
    let mut path = vec![START];
    let mut at = START;
    while cost(at) > 1e-3 * cost(START) && path.len() <= most {
        at = moved(at, gradient(at), -eta);
        path.push(at);
    }
    path
}

/// The number of steps that increased C.
fn climbs(path: &[Point2]) -> f64 {
    path.windows(2).filter(|pair| cost(pair[1]) > cost(pair[0])).count() as f64
}

/// The largest relative difference between the first step's ΔC and −η‖∇C‖², over starts in all
/// directions.
fn miss(eta: f64) -> f64 {
    let starts = (0..64).map(|turn| f64::from(turn) / 64.0 * TAU).map(|t| [t.cos(), t.sin()]);
    let miss = |at: Point2| {
        let slope = gradient(at);
        let fall = cost(moved(at, slope, -eta)) - cost(at);
        (fall / (-eta * length(slope).powi(2)) - 1.0).abs()
    };
    starts.map(miss).fold(0.0, f64::max)
}

/// The angle in degrees between −∇C and the direction in which a step of length ε lowers C most,
/// with a resolution of a twentieth of a degree.
fn angle_to_best(epsilon: f64) -> f64 {
    let directions = (0..7200).map(|turn| f64::from(turn) / 7200.0 * TAU);
    let after = |turn: f64| cost(moved(START, [turn.cos(), turn.sin()], epsilon));
    let best = directions.min_by(|&a, &b| after(a).total_cmp(&after(b))).unwrap_or(f64::NAN);
    let [x, y] = gradient(START);
    let apart = (best - (-y).atan2(-x)).rem_euclid(TAU);
    apart.min(TAU - apart).to_degrees()
}

/// One variable, C(v) = v²: the positions (v, C) of the ball.
fn line(eta: f64, steps: usize) -> Vec<(f64, f64)> {
    let next = |v: &f64| Some(v - eta * 2.0 * v);
    let places = std::iter::successors(Some(-1.0_f64), next);
    places.take(steps + 1).map(|v| (v, v * v)).collect()
}

fn surface(paths: Vec<Curve>) -> FigureBody {
    const SIZE: (u32, u32) = (60, 40);
    let (x_range, y_range) = ([-2.5, 2.5], [-1.5, 1.5]);
    let along = |range: [f64; 2], step: u32, steps: u32| {
        range[0] + (range[1] - range[0]) * f64::from(step) / f64::from(steps - 1)
    };
    let at = |row: u32, column: u32| [along(x_range, column, SIZE.0), along(y_range, row, SIZE.1)];
    let places = (0..SIZE.1).flat_map(|row| (0..SIZE.0).map(move |column| (row, column)));
    FigureBody::Surface {
        x_label: "v1".into(),
        y_label: "v2".into(),
        x_range,
        y_range,
        width: SIZE.0,
        height: SIZE.1,
        values: places.map(|(row, column)| cost(at(row, column)) as f32).collect(),
        paths,
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    two_variables(context)?;
    let claim = "maximum relative difference of a step's ΔC from −η‖∇C‖², η 0.001 (to first order)";
    context.claim_number(claim, 0.01, miss(1e-3), Tolerance::AtMost, "");
    let claim = "factor by which it shrinks for a tenth of that η";
    let multiple = miss(1e-3) / miss(1e-4);
    context.claim_number(claim, 10.0, multiple, Tolerance::Within(0.1), "times");
    let claim = "angle in degrees between −∇C and the best direction for a step of length 0.001";
    context.claim_number(claim, 0.0, angle_to_best(1e-3), Tolerance::Within(0.1), "degrees");
    context.handle_commands()?;
    one_variable(context);
    Ok(())
}

fn two_variables(context: &mut JobContext) -> Result<(), ExperimentError> {
    let [slow, good, wild] = [0.005, 0.1, 0.47].map(|eta| (eta, roll(eta, 2000)));
    let path = |(eta, path): &(f64, Vec<Point2>)| Curve {
        name: format!("η {eta}: {} steps", path.len() - 1),
        points: path.iter().map(|&[x, y]| (x, y)).collect(),
        scatter: false,
    };
    context.figure(
        "valley",
        "Two variables: the ball's path into the valley",
        "C = (v₁² + 4v₂²)/2, until C is a thousandth of its initial value. A small η follows the \
         steepest path slowly; near 0.5 the ball jumps from wall to wall.",
        surface([&slow, &good, &wild].map(path).into()),
    );
    let fall = |eta: f64, steps: usize| Curve {
        name: format!("η {eta}"),
        points: (0..).zip(roll(eta, steps)).map(|(n, at)| (f64::from(n), cost(at))).collect(),
        scatter: false,
    };
    context.figure(
        "fall",
        "Two variables: C over steps",
        "Above η = 0.5 every step ends higher on the opposite wall than it started.",
        FigureBody::Plot {
            x_label: "step".into(),
            y_label: "C".into(),
            x_range: [0.0, 40.0],
            y_range: [0.0, 6.0],
            curves: vec![fall(0.005, 40), fall(0.1, 40), fall(0.47, 40), fall(0.51, 40)],
        },
    );
    let claim = "number of uphill steps with η 0.005, 0.1 and 0.47";
    let uphill = [&slow, &good, &wild].map(|(_, path)| climbs(path)).iter().sum();
    context.claim_number(claim, 0.0, uphill, Tolerance::Within(0.0), "steps");
    let claim = "steps into the valley with η 0.005, as a multiple of those with 0.1 (too slow)";
    let multiple = (slow.1.len() - 1) as f64 / (good.1.len() - 1) as f64;
    context.claim_number(claim, 10.0, multiple, Tolerance::AtLeast, "times");
    let claim = "η just above 0.5: C after 300 steps as a multiple of its initial value (it \
                 climbs)";
    let away = roll(1.02 * LARGEST, 300);
    let multiple = cost(away[away.len() - 1]) / cost(START);
    context.claim_number(claim, 10.0, multiple, Tolerance::AtLeast, "times");
    context.handle_commands()
}

/// The exercise: gradient descent in one variable.
fn one_variable(context: &mut JobContext) {
    const ETAS: [(f64, usize); 4] = [(0.1, 15), (0.9, 15), (1.0, 15), (1.05, 4)];
    let valley = Curve {
        name: "C = v²".into(),
        points: (-75..=75).map(|v| f64::from(v) / 50.0).map(|v| (v, v * v)).collect(),
        scatter: false,
    };
    let path = |(eta, steps): (f64, usize)| Curve {
        name: format!("η {eta}"),
        points: line(eta, steps),
        scatter: false,
    };
    context.figure(
        "line",
        "One variable: down a parabola",
        "From v = −1: η 0.1 slides down one side, 0.9 jumps across the bottom but converges, 1 \
         oscillates forever, 1.05 climbs out.",
        FigureBody::Plot {
            x_label: "v".into(),
            y_label: "C".into(),
            x_range: [-1.5, 1.5],
            y_range: [0.0, 2.25],
            curves: std::iter::once(valley).chain(ETAS.map(path)).collect(),
        },
    );
    let ends = ETAS.map(|(eta, _)| line(eta, 100)[100].0.abs());
    let ways = ends.map(|end| match end {
        end if end < 1e-6 => "converges",
        end if (end - 1.0).abs() < 1e-6 => "oscillates",
        end if end > 1e3 => "diverges",
        _ => "none of these",
    });
    let expected = ["converges", "converges", "oscillates", "diverges"];
    let claim = "one variable, 100 steps with η 0.1, 0.9, 1, 1.05";
    context.claim_text(claim, expected.join(", "), ways.join(", "), ways == expected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_cost() {
        let at = [0.7, -0.4];
        for axis in 0..2 {
            let mut by = [0.0; 2];
            by[axis] = 1.0;
            let slope = (cost(moved(at, by, 1e-5)) - cost(moved(at, by, -1e-5))) / 2e-5;
            assert!((slope - gradient(at)[axis]).abs() < 1e-8, "{axis}");
        }
    }

    #[test]
    fn uphill_steps_are_counted() {
        assert!((climbs(&[[0.0, 0.0], [1.0, 0.0], [0.5, 0.0], [2.0, 0.0]]) - 2.0).abs() < 1e-12);
        assert!(climbs(&roll(1.02 * LARGEST, 300)) > 100.0);
    }
}
