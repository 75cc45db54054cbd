//! Chapter 4's construction: pairs of hidden neurons make bumps, bumps make a bar chart, and a bar
//! chart approximates any function on [0, 1].

use super::build::sigmoid;

/// The function approximated in the book (section 4.1).
pub(super) fn book(x: f64) -> f64 {
    0.2 + 0.4 * x * x + 0.3 * x * (15.0 * x).sin() + 0.05 * (50.0 * x).cos()
}

/// Default weight of the hidden neurons, in units of 1 / (width of a bar).
pub(super) const STEEPNESS: f64 = 8.0;

/// A hidden neuron with a step at `place`, and its output weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepNeuron {
    /// The position of the step: s = −b/w.
    pub place: f64,
    /// w, which determines the steepness.
    pub weight: f64,
    /// The output weight.
    pub out: f64,
}

impl StepNeuron {
    /// Its contribution to the output's weighted input.
    pub(super) fn at(&self, x: f64) -> f64 {
        self.out * sigmoid(self.weight * (x - self.place))
    }
}

/// A pair of neurons for each of n bars over [0, 1]: at the bar's start a step up by the target's
/// value at the bar's centre, and at its end the same step down. The first bar starts at −1 and the
/// last one ends at 2. The width 1/w of a step is 1/`steepness` of a bar.
pub(super) fn bars(target: impl Fn(f64) -> f64, n: u32, steepness: f64) -> Vec<StepNeuron> {
    let width = 1.0 / f64::from(n);
    let weight = steepness * f64::from(n);
    let pair = |bar: u32| {
        let height = target((f64::from(bar) + 0.5) * width);
        let begin = if bar == 0 { -1.0 } else { f64::from(bar) * width };
        let end = if bar + 1 == n { 2.0 } else { f64::from(bar + 1) * width };
        [(begin, height), (end, -height)].map(|(place, out)| StepNeuron { place, weight, out })
    };
    (0..n).flat_map(pair).collect()
}

/// Σ wⱼ aⱼ over the hidden neurons at x.
pub(super) fn network(steps: &[StepNeuron], x: f64) -> f64 {
    steps.iter().map(|step| step.at(x)).sum()
}

/// The network's output at the centres of `points` equal parts of [0, 1]. σ is computed only where
/// |w(x − s)| is at most 40; elsewhere a step is taken as 0 or 1.
pub(super) fn sampled(steps: &[StepNeuron], points: usize) -> Vec<f64> {
    /// e^−40 is negligible beside 1.
    const FAR: f64 = 40.0;
    let mut sums = vec![0.0; points];
    // The sum of the steps that are complete at each point.
    let mut full = vec![0.0; points + 1];
    let index = |x: f64| (x * points as f64).ceil().clamp(0.0, points as f64) as usize;
    for step in steps {
        let reach = FAR / step.weight.abs().max(1e-9);
        let near = index(step.place - reach)..index(step.place + reach);
        full[near.end] += step.out;
        for (at, sum) in near.clone().zip(&mut sums[near]) {
            *sum += step.at((at as f64 + 0.5) / points as f64);
        }
    }
    let mut running = 0.0;
    for (sum, full) in sums.iter_mut().zip(full) {
        running += full;
        *sum += running;
    }
    sums
}

/// The mean and the maximum distance of a network from its target on [0, 1].
pub(super) fn error(target: impl Fn(f64) -> f64, steps: &[StepNeuron], points: usize) -> [f64; 2] {
    let distance =
        |(at, value): (usize, f64)| (value - target((at as f64 + 0.5) / points as f64)).abs();
    let distances: Vec<f64> =
        sampled(steps, points).into_iter().enumerate().map(distance).collect();
    let mean = distances.iter().sum::<f64>() / points as f64;
    [mean, distances.into_iter().fold(0.0, f64::max)]
}

/// A piecewise linear function given by heights at equal distances on [0, 1].
pub(super) fn drawn(heights: &[f64], x: f64) -> f64 {
    let last = heights.len() - 1;
    let place = (x.clamp(0.0, 1.0) * heights.len() as f64 - 0.5).clamp(0.0, last as f64);
    let (left, along) = (place.floor() as usize, place.fract());
    heights[left] + along * (heights[(left + 1).min(last)] - heights[left])
}

/// Preset functions to start a drawing from.
pub(super) fn presets(heights: usize) -> Vec<(String, Vec<f64>)> {
    type Function = fn(f64) -> f64;
    let functions: [(&str, Function); 5] = [
        ("the book's", book),
        ("sine", |x| 0.5 + 0.4 * (2.0 * std::f64::consts::PI * x).sin()),
        ("a step", |x| if x < 0.5 { 0.2 } else { 0.8 }),
        ("hill", |x| 0.1 + 0.8 * (-(x - 0.5).powi(2) / 0.03).exp()),
        ("flat", |_| 0.5),
    ];
    // Rounded to the slider's steps, so that a preset compares equal to itself.
    let at = |f: Function, index: usize| {
        (f((index as f64 + 0.5) / heights as f64) * 100.0).round() / 100.0
    };
    let values = |f| (0..heights).map(|index| at(f, index)).collect();
    functions.map(|(name, f)| (name.to_string(), values(f))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: [u32; 7] = [4, 8, 16, 32, 64, 128, 256];
    const POINTS: usize = 1 << 14;

    #[test]
    fn a_pair_makes_a_bump_of_its_height() {
        let pair =
            [(0.4, 0.7), (0.6, -0.7)].map(|(place, out)| StepNeuron { place, weight: 1000.0, out });
        assert!((network(&pair, 0.5) - 0.7).abs() < 1e-9);
        assert!(network(&pair, 0.3).abs() < 1e-9 && network(&pair, 0.7).abs() < 1e-9);
    }

    #[test]
    fn the_fast_sum_equals_the_plain_sum() {
        for steepness in [2.0, 8.0, 60.0] {
            let steps = bars(book, 9, steepness);
            for (at, value) in sampled(&steps, 500).into_iter().enumerate() {
                let x = (at as f64 + 0.5) / 500.0;
                assert!((value - network(&steps, x)).abs() < 1e-12, "{x}");
            }
        }
    }

    /// A bar's error is at most half its width times the steepest slope under it, and the steps
    /// between bars add at most their height.
    #[test]
    fn sharp_bars_are_within_the_error_bound_of_their_width() {
        let slope = |i: u32| {
            let (x, h) = (f64::from(i) / 10_000.0, 1e-6);
            ((book(x + h) - book(x - h)) / (2.0 * h)).abs()
        };
        let steepest = (0..=10_000).map(slope).fold(0.0, f64::max);
        for n in COUNTS {
            let [_, largest] = error(book, &bars(book, n, 1e5), POINTS);
            let bound = steepest / (2.0 * f64::from(n));
            assert!(largest <= 1.02 * bound, "{n}: {largest} over {bound}");
        }
    }

    /// For the maximum and the mean distance, with the default steepness.
    #[test]
    fn the_error_falls_at_least_as_one_over_n() {
        let errors = COUNTS.map(|n| error(book, &bars(book, n, STEEPNESS), POINTS));
        for kind in [0, 1] {
            let [mean_x, mean_y] = [0, 1].map(|axis| {
                let logs =
                    COUNTS.iter().zip(&errors).map(|(&n, e)| [f64::from(n), e[kind]][axis].ln());
                logs.sum::<f64>() / COUNTS.len() as f64
            });
            let offs = COUNTS
                .iter()
                .zip(&errors)
                .map(|(&n, e)| [f64::from(n).ln() - mean_x, e[kind].ln() - mean_y]);
            let slope = offs.clone().map(|[x, y]| x * y).sum::<f64>()
                / offs.map(|[x, _]| x * x).sum::<f64>();
            assert!(slope <= -1.0, "log error over log n has slope {slope}: {errors:?}");
            assert!(errors[6][kind] * 256.0 <= errors[0][kind] * 4.0, "{errors:?}");
        }
    }
}
