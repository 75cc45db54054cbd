//! A metric as a curve: choice of the x axis, smoothing, and thinning for a chart.

use super::points::Metric;
use super::run::Run;
use crate::protocol::RunAxis;
use std::cmp::Ordering;

/// A point on a curve.
pub type Xy = (f64, f64);

/// The points of a metric over an x axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricCurve {
    /// Points not superseded by a later start of the training, in log order.
    pub current: Vec<Xy>,
    /// The superseded pieces.
    pub superseded: Vec<Vec<Xy>>,
}

/// An interval counts as a pause if it is longer than this many times the median interval, and than
/// this many seconds.
const PAUSE: (f64, f64) = (20.0, 60.0);

/// A run's metric over an axis. Points with unknown x are omitted.
#[must_use]
pub fn curve(run: &Run, metric: &Metric, axis: RunAxis) -> MetricCurve {
    let xs = positions(run, metric, axis);
    let mut curve = MetricCurve::default();
    if !metric.overlaps() {
        let points = xs.into_iter().zip(metric.points().map(|point| point.value));
        curve.current = points.filter(|(x, _)| x.is_finite()).collect();
        return curve;
    }
    let superseded = metric.superseded();
    let mut open = false;
    for (index, point) in metric.points().enumerate() {
        let xy = (xs[index], point.value);
        if !xy.0.is_finite() {
            continue;
        }
        if superseded[index] {
            if !open {
                curve.superseded.push(Vec::new());
            }
            if let Some(piece) = curve.superseded.last_mut() {
                piece.push(xy);
            }
        } else {
            curve.current.push(xy);
        }
        open = superseded[index];
    }
    curve
}

/// The x coordinate of each point.
fn positions(run: &Run, metric: &Metric, axis: RunAxis) -> Vec<f64> {
    let steps = || metric.points().map(|point| point.step as f64).collect();
    match axis {
        RunAxis::Step => steps(),
        RunAxis::Epoch => match run.metric("epoch") {
            Some(epochs) => {
                let known: Vec<(i64, f64)> =
                    epochs.current().map(|point| (point.step, point.value)).collect();
                metric.points().map(|point| epoch_at(&known, point.step)).collect()
            }
            None => steps(),
        },
        RunAxis::Wall => metric.points().map(|point| point.wall_time).collect(),
        RunAxis::Relative => {
            let start = start_of(run);
            metric.points().map(|point| point.wall_time - start).collect()
        }
        RunAxis::Process => {
            let start = start_of(run);
            let times: Vec<f64> = metric.points().map(|point| point.wall_time).collect();
            let pauses = pauses(&times);
            let lost = |time: f64| -> f64 {
                pauses
                    .iter()
                    .take_while(|(begin, _)| *begin < time)
                    .map(|(_, seconds)| seconds)
                    .sum()
            };
            times.iter().map(|&time| time - start - lost(time)).collect()
        }
    }
}

/// The time of a run's first point.
fn start_of(run: &Run) -> f64 {
    let firsts = run.metrics.iter().filter_map(|metric| Some(metric.point(0)?.wall_time));
    firsts.filter(|time| time.is_finite()).min_by(f64::total_cmp).unwrap_or(f64::NAN)
}

/// The start of each pause, and the seconds by which it exceeded the median interval.
fn pauses(times: &[f64]) -> Vec<(f64, f64)> {
    let mut intervals: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let pairs = times.windows(2).zip(intervals.clone());
    let found: Vec<(f64, f64)> = pairs.map(|(pair, interval)| (pair[0], interval)).collect();
    intervals.retain(|interval| interval.is_finite());
    intervals.sort_by(f64::total_cmp);
    let Some(&usual) = intervals.get(intervals.len() / 2) else { return Vec::new() };
    let least = (PAUSE.0 * usual).max(PAUSE.1);
    found
        .into_iter()
        .filter(|(_, interval)| *interval > least)
        .map(|(begin, interval)| (begin, interval - usual))
        .collect()
}

/// The epoch at a step, interpolated linearly between known steps.
fn epoch_at(known: &[(i64, f64)], step: i64) -> f64 {
    let after = known.partition_point(|(at, _)| *at <= step);
    match (after.checked_sub(1).map(|i| known[i]), known.get(after)) {
        (Some((from, low)), Some(&(to, high))) if to > from => {
            low + (high - low) * (step - from) as f64 / (to - from) as f64
        }
        (Some((_, epoch)), _) => epoch,
        (None, Some(&(to, epoch))) if to > 0 => epoch * step as f64 / to as f64,
        (None, _) => f64::NAN,
    }
}

/// TensorBoard's smoothing: an exponential moving average starting from 0, divided by `1 −
/// weight^n` to correct the bias towards 0. Values that are not finite are passed through and not
/// counted; a constant series is unchanged. `weight` is from 0 (none) to below 1.
#[must_use]
pub fn smooth(points: &[Xy], weight: f64) -> Vec<Xy> {
    let weight = weight.clamp(0.0, 1.0);
    let differs = |pair: &[Xy]| pair[0].1.partial_cmp(&pair[1].1) != Some(Ordering::Equal);
    let constant = !points.windows(2).any(differs);
    if constant || weight <= 0.0 {
        return points.to_vec();
    }
    // `weight^n`, for the n finite values so far.
    let (mut last, mut power) = (0.0, 1.0);
    points
        .iter()
        .map(|&(x, y)| {
            if !y.is_finite() {
                return (x, y);
            }
            last = last * weight + (1.0 - weight) * y;
            power *= weight;
            let debias = if weight < 1.0 { 1.0 - power } else { 1.0 };
            (x, last / debias)
        })
        .collect()
}

/// Thins points to at most `buckets` buckets, keeping the first, minimum, maximum and last of each,
/// in order, and one gap (a value that is not finite) per bucket. If x is increasing, the bounds of
/// buckets are multiples of a power of two, so that adding points changes a drawn curve as little
/// as possible; otherwise buckets have equal numbers of points.
#[must_use]
pub fn thin(points: &[Xy], buckets: usize) -> Vec<Xy> {
    if buckets == 0 || points.len() <= 4 * buckets {
        return points.to_vec();
    }
    let rising = points.windows(2).all(|pair| pair[0].0 <= pair[1].0);
    let (low, high) = (points[0].0, points[points.len() - 1].0);
    let width = high - low;
    let stretch = |size: f64| (size / (buckets - 1).max(1) as f64).log2().ceil().exp2();
    let by_x = rising && width > 0.0 && stretch(width).is_normal() && buckets > 1;
    let size = if by_x { stretch(width) } else { stretch(points.len() as f64) };
    let column = |index: usize| {
        let place = if by_x { points[index].0 } else { index as f64 };
        if buckets > 1 { (place / size).floor() } else { 0.0 }
    };
    let mut thinned = Vec::with_capacity(5 * buckets);
    let mut start = 0;
    while start < points.len() {
        let bucket = column(start);
        let mut end = start + 1;
        while end < points.len() && column(end).total_cmp(&bucket).is_eq() {
            end += 1;
        }
        let finite = || (start..end).filter(|&index| points[index].1.is_finite());
        let by_value = |a: &usize, b: &usize| points[*a].1.total_cmp(&points[*b].1);
        let broken = (start..end).find(|&index| !points[index].1.is_finite());
        let picks = [
            finite().next(),
            finite().min_by(by_value),
            finite().max_by(by_value),
            (start..end).rev().find(|&index| points[index].1.is_finite()),
            broken,
        ];
        let mut picks: Vec<usize> = picks.into_iter().flatten().collect();
        picks.sort_unstable();
        picks.dedup();
        thinned.extend(picks.into_iter().map(|index| points[index]));
        start = end;
    }
    thinned
}

/// A percentile of finite values with linear interpolation (R-7, as in TensorBoard); `None` for no
/// values. `share` is from 0 to 1.
#[must_use]
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if sorted.is_empty() {
        return None;
    }
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let (_, &mut low, rest) = sorted.select_nth_unstable_by(below, f64::total_cmp);
    let high = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these sums are exact")]
mod tests {
    use super::*;
    use crate::logs::LogRecord;
    use proptest::prelude::*;

    fn ys(points: &[Xy]) -> Vec<f64> {
        points.iter().map(|point| point.1).collect()
    }

    #[test]
    fn smoothing_matches_tensorboard() {
        let points = [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0)];
        let smoothed = ys(&smooth(&points, 0.5));
        assert_eq!(smoothed[0], 1.0);
        assert!((smoothed[1] - 5.0 / 3.0).abs() < 1e-12);
        assert!(smoothed[2].is_nan());
        // The average of 1, 2 and 4 from 0 is 0.5 (0.5 (0.5 · 1) + 0.5 · 2) + 0.5 · 4, which is
        // divided by 1 − 0.5³.
        assert!((smoothed[3] - (0.5 * (0.5 * 0.5 + 1.0) + 2.0) / 0.875).abs() < 1e-12);
        assert_eq!(smooth(&[(0.0, 3.0), (1.0, 3.0)], 0.9), [(0.0, 3.0), (1.0, 3.0)]);
        assert_eq!(ys(&smooth(&points[..2], 0.0)), [1.0, 2.0]);
    }

    #[test]
    fn percentiles_are_interpolated() {
        assert_eq!(percentile(&[4.0, 1.0, f64::NAN, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.05), Some(1.2));
        assert_eq!(percentile(&[7.0], 0.95), Some(7.0));
        assert_eq!(percentile(&[f64::INFINITY], 0.5), None);
    }

    #[test]
    fn pauses_are_not_part_of_the_process_time() {
        let mut run = Run::new("r".to_owned());
        for (step, wall_time) in (0..).zip([100.0, 110.0, 120.0, 28_920.0, 28_930.0]) {
            run.apply(0, &LogRecord::Scalar { name: "x", step, wall_time, value: 0.0 });
        }
        let metric = run.metric("x").expect("the metric");
        let at = |axis| {
            curve(&run, metric, axis).current.iter().map(|point| point.0).collect::<Vec<_>>()
        };
        assert_eq!(at(RunAxis::Process), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(at(RunAxis::Relative)[3], 28_820.0);
        assert_eq!(at(RunAxis::Wall)[0], 100.0);
    }

    #[test]
    fn epochs_are_taken_from_the_runs_own_metric() {
        let mut run = Run::new("r".to_owned());
        let mut scalar = |name, step, value| {
            run.apply(0, &LogRecord::Scalar { name, step, wall_time: f64::NAN, value });
        };
        scalar("epoch", 10, 1.0);
        scalar("epoch", 20, 2.0);
        for step in [5, 10, 15, 30] {
            scalar("x", step, 0.0);
        }
        let metric = run.metric("x").expect("the metric");
        let xs: Vec<f64> =
            curve(&run, metric, RunAxis::Epoch).current.iter().map(|p| p.0).collect();
        assert_eq!(xs, [0.5, 1.0, 1.5, 2.0]);
    }

    proptest! {
        #[test]
        fn thinning_keeps_both_ends_and_the_extremes(
            values in proptest::collection::vec(-1e6_f64..1e6, 1..3000),
            buckets in 1_usize..100,
        ) {
            let points: Vec<Xy> = values.iter().enumerate().map(|(x, &y)| (x as f64, y)).collect();
            let thinned = thin(&points, buckets);
            prop_assert!(thinned.len() <= points.len() && thinned.len() <= 5 * buckets.max(1));
            prop_assert_eq!((thinned[0], thinned.last()), (points[0], points.last()));
            let least = |points: &[Xy]| ys(points).into_iter().min_by(f64::total_cmp);
            let most = |points: &[Xy]| ys(points).into_iter().max_by(f64::total_cmp);
            prop_assert_eq!((least(&thinned), most(&thinned)), (least(&points), most(&points)));
            prop_assert!(thinned.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        }

        #[test]
        fn adding_points_changes_little_of_the_thinned_curve(
            values in proptest::collection::vec(-1e6_f64..1e6, 1000..2000),
        ) {
            let points: Vec<Xy> = values.iter().enumerate().map(|(x, &y)| (x as f64, y)).collect();
            let (before, after) = (thin(&points[..points.len() - 1], 60), thin(&points, 60));
            let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
            // Only the last bucket may change, unless bucket sizes double.
            let doubled = after.len() * 3 < before.len() * 2;
            prop_assert!(doubled || same + 6 >= before.len(), "{} of {}", same, before.len());
        }
    }
}
