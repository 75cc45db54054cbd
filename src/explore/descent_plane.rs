//! Sections 1.5 and 3.6: a ball on a surface, with plain gradient descent and with momentum
//! (equations 107 and 108).

use super::build::{curve, figure, plot, range, time};
use crate::protocol::{Curve, Explorable, Figure, FigureBody};

const RANGE: [f64; 2] = [-2.0, 2.0];
const STEPS: u32 = 100;
/// Points of the surface along each side.
const SIDE: u32 = 48;
/// A ball beyond this distance has diverged.
const AWAY: f64 = 1e6;
/// The smallest cost on the logarithmic axis.
const BOTTOM: f64 = 1e-10;

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "descent-plane".into(),
        chapter: 1,
        title: "A ball on a surface".into(),
        to_try:
            "Press p. Then make the valley narrow (k = 30) with η = 0.06: the plain ball jumps \
                 from wall to wall. Give momentum μ 0.8, then 0.97."
                .into(),
        to_notice: "η must be small enough for the steepest direction, and then progress \
                    along the flat one is slow. Momentum adds up steps in the same direction and \
                    cancels oscillations; with too much of it the ball overshoots the bottom and \
                    circles."
            .into(),
        sliders: vec![
            range("start v₁", RANGE, 0.1, -1.8),
            range("start v₂", RANGE, 0.1, 1.2),
            range("η", [0.005, 0.5], 0.005, 0.06),
            range("momentum μ", [0.0, 0.99], 0.01, 0.8),
            range("narrowness k", [1.0, 40.0], 1.0, 12.0),
            time("steps", STEPS, 30),
        ],
    }
}

/// C(v) = ½ (v₁² + k v₂²).
fn cost([x, y]: [f64; 2], k: f64) -> f64 {
    0.5 * (x * x + k * y * y)
}

/// The positions of a ball, at the start and after each step, with the velocity u → μu − η∇C and
/// the position v → v + u.
fn roll(start: [f64; 2], eta: f64, mu: f64, k: f64, steps: u32) -> Vec<[f64; 2]> {
    let mut velocity = [0.0; 2];
    let mut place = start;
    let mut path = vec![start];
    for _ in 0..steps {
        let slope = [place[0], k * place[1]];
        for axis in 0..2 {
            velocity[axis] = (mu * velocity[axis] - eta * slope[axis]).clamp(-AWAY, AWAY);
            place[axis] = (place[axis] + velocity[axis]).clamp(-AWAY, AWAY);
        }
        path.push(place);
    }
    path
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [x, y, eta, mu, k, step] = [0, 1, 2, 3, 4, 5].map(|index| values[index]);
    let balls = [("plain", 0.0), ("momentum", mu)]
        .map(|(name, mu)| (name, roll([x, y], eta, mu, k, STEPS)));
    let until = step as usize;
    let paths = balls
        .iter()
        .map(|(name, path)| curve(name, path[..=until].iter().map(|place| (place[0], place[1]))));
    let surface = FigureBody::Surface {
        x_label: "v₁".into(),
        y_label: "v₂".into(),
        x_range: RANGE,
        y_range: RANGE,
        width: SIDE,
        height: SIDE,
        values: heights(k),
        paths: paths.collect(),
    };
    vec![
        figure("surface", "C = ½ (v₁² + k v₂²)", "", surface),
        figure("cost", "Cost over the steps", "", costs(&balls, until, k)),
    ]
}

fn heights(k: f64) -> Vec<f32> {
    let at =
        |step: u32| RANGE[0] + (RANGE[1] - RANGE[0]) * (f64::from(step) + 0.5) / f64::from(SIDE);
    (0..SIDE * SIDE).map(|index| cost([at(index % SIDE), at(index / SIDE)], k) as f32).collect()
}

fn costs(balls: &[(&str, Vec<[f64; 2]>)], until: usize, k: f64) -> FigureBody {
    let line = |(name, path): &(&str, Vec<[f64; 2]>)| -> Curve {
        let costs = path.iter().map(|&place| cost(place, k).max(BOTTOM).log10());
        curve(name, costs.enumerate().take(until + 1).map(|(step, cost)| (step as f64, cost)))
    };
    // An empty curve takes the colour of the surface, so that a ball has the same colour in both
    // figures.
    let curves = std::iter::once(curve("", [])).chain(balls.iter().map(line)).collect();
    plot(("steps", [0.0, f64::from(STEPS)]), ("log₁₀ C", [-10.0, 4.0]), curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(eta: f64, mu: f64, k: f64) -> f64 {
        cost(*roll([-1.8, 1.2], eta, mu, k, STEPS).last().unwrap(), k)
    }

    #[test]
    fn plain_descent_matches_its_closed_form() {
        let path = roll([-1.8, 1.2], 0.06, 0.0, 12.0, 7);
        let expected = [-1.8 * 0.94_f64.powi(7), 1.2 * (1.0 - 0.72_f64).powi(7)];
        for axis in 0..2 {
            assert!((path[7][axis] - expected[axis]).abs() < 1e-12);
        }
    }

    #[test]
    fn momentum_is_faster_in_a_narrow_valley_and_a_large_eta_diverges() {
        assert!(end(0.06, 0.8, 30.0) < 1e-3 * end(0.06, 0.0, 30.0));
        assert!(end(0.07, 0.0, 30.0) > 1e3, "η k > 2");
        assert!(end(0.005, 0.0, 1.0) > 0.5, "a small η is slow");
    }
}
