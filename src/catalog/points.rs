//! The points of a metric: all of them, in log order.

use std::ops::Range;

/// A metric of a run.
#[derive(Clone, Debug, Default)]
pub struct Metric {
    pub name: String,
    steps: Vec<i64>,
    /// Seconds since 1970; NaN if the log has none.
    wall_times: Vec<f64>,
    values: Vec<f64>,
    segments: Vec<Segment>,
    facts: MetricStatistics,
    /// The highest step so far.
    highest: Option<i64>,
    /// Whether any point is superseded.
    overlaps: bool,
    /// Whether `facts` includes points that were superseded later.
    stale: bool,
}

/// Statistics of the points of a metric that are not superseded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricStatistics {
    /// Number of points.
    pub count: usize,
    /// The newest value, finite or not.
    pub last: f64,
    /// Step and value of the minimum and maximum of the finite values: the first of equal ones.
    pub min: Option<(i64, f64)>,
    pub max: Option<(i64, f64)>,
}

impl MetricStatistics {
    fn add(&mut self, step: i64, value: f64) {
        self.count += 1;
        self.last = value;
        if value.is_finite() {
            if self.min.is_none_or(|(_, min)| value < min) {
                self.min = Some((step, value));
            }
            if self.max.is_none_or(|(_, max)| value > max) {
                self.max = Some((step, value));
            }
        }
    }
}

/// A range of points from one file with non-decreasing steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    start: usize,
    file: usize,
    /// The step at which the training restarted: earlier points from that step on are superseded.
    restart: Option<i64>,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricPoint {
    pub step: i64,
    pub wall_time: f64,
    pub value: f64,
}

impl Metric {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds a point from a file.
    pub fn push(&mut self, file: usize, point: MetricPoint) {
        let goes_back = self.steps.last().is_some_and(|&last| point.step < last);
        if goes_back || self.segments.last().is_none_or(|last| last.file != file) {
            self.segments.push(Segment { start: self.steps.len(), file, restart: None });
            self.supersede_from(point.step);
        }
        self.highest = Some(self.highest.map_or(point.step, |highest| highest.max(point.step)));
        self.facts.add(point.step, point.value);
        self.steps.push(point.step);
        self.wall_times.push(point.wall_time);
        self.values.push(point.value);
    }

    /// Marks that the training restarted at a step.
    pub fn restart(&mut self, file: usize, step: i64) {
        if !self.steps.is_empty() {
            let start = self.steps.len();
            self.segments.push(Segment { start, file, restart: Some(step) });
            self.supersede_from(step);
        }
    }

    /// Records that points from this step on are logged again.
    fn supersede_from(&mut self, step: i64) {
        if self.highest.is_some_and(|highest| highest >= step) {
            (self.overlaps, self.stale) = (true, true);
        }
    }

    /// Whether any point is superseded.
    #[must_use]
    pub fn overlaps(&self) -> bool {
        self.overlaps
    }

    /// Statistics of the points that are not superseded; `None` without points.
    #[must_use]
    pub fn facts(&self) -> Option<MetricStatistics> {
        let facts = if self.stale {
            let mut facts = MetricStatistics::default();
            self.current().for_each(|point| facts.add(point.step, point.value));
            facts
        } else {
            self.facts
        };
        (facts.count > 0).then_some(facts)
    }

    /// Recomputes the statistics after points were superseded, so that [`Metric::facts`] is cheap.
    pub fn refresh_facts(&mut self) {
        if self.stale {
            self.facts = self.facts().unwrap_or_default();
            self.stale = false;
        }
    }

    /// Removes the points of a file.
    pub fn forget(&mut self, file: usize) {
        if !self.segments.iter().any(|segment| segment.file == file) {
            return;
        }
        let ranges = self.ranges();
        let old = std::mem::replace(self, Self::new(&self.name));
        for (segment, range) in old.segments.iter().zip(ranges) {
            if segment.file == file {
                continue;
            }
            if let Some(step) = segment.restart {
                self.restart(segment.file, step);
            }
            range.filter_map(|index| old.point(index)).for_each(|p| self.push(segment.file, p));
        }
    }

    fn ranges(&self) -> Vec<Range<usize>> {
        let ends = self.segments.iter().skip(1).map(|segment| segment.start);
        let ends = ends.chain([self.steps.len()]);
        self.segments.iter().zip(ends).map(|(segment, end)| segment.start..end).collect()
    }

    /// Number of points, including superseded ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// A point by index.
    #[must_use]
    pub fn point(&self, index: usize) -> Option<MetricPoint> {
        Some(MetricPoint {
            step: *self.steps.get(index)?,
            wall_time: *self.wall_times.get(index)?,
            value: *self.values.get(index)?,
        })
    }

    /// All points, including superseded ones.
    pub fn points(&self) -> impl Iterator<Item = MetricPoint> + '_ {
        self.steps
            .iter()
            .zip(&self.wall_times)
            .zip(&self.values)
            .map(|((&step, &wall_time), &value)| MetricPoint { step, wall_time, value })
    }

    /// The newest point.
    #[must_use]
    pub fn last(&self) -> Option<MetricPoint> {
        self.point(self.len().checked_sub(1)?)
    }

    /// For each point, whether its step was logged again by a later start of the training: after a
    /// restart at or before that step, a point at or before it in a later file, or a backward step
    /// in the same file.
    #[must_use]
    pub fn superseded(&self) -> Vec<bool> {
        let mut superseded = vec![false; self.len()];
        if !self.overlaps {
            return superseded;
        }
        // The minimum step of later segments and restarts.
        let mut later = None::<i64>;
        for (segment, range) in self.segments.iter().zip(self.ranges()).rev() {
            for index in range.clone() {
                superseded[index] = later.is_some_and(|later| self.steps[index] >= later);
            }
            // Steps do not decrease within a segment, so its first is its minimum.
            let first = self.steps[range].first().copied();
            later = [later, first, segment.restart].into_iter().flatten().min();
        }
        superseded
    }

    /// The points that are not superseded.
    pub fn current(&self) -> impl Iterator<Item = MetricPoint> + '_ {
        let superseded = if self.overlaps { self.superseded() } else { Vec::new() };
        self.points()
            .enumerate()
            .filter(move |(index, _)| !superseded.get(*index).is_some_and(|&is| is))
            .map(|(_, point)| point)
    }

    /// The steps at which the training restarted, with the number of points before each.
    pub fn restarts(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.segments.iter().filter_map(|segment| Some((segment.start, segment.restart?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metric(parts: &[(usize, &[i64])]) -> Metric {
        let mut metric = Metric::new("x");
        for (file, steps) in parts {
            for &step in *steps {
                metric.push(*file, MetricPoint { step, wall_time: 0.0, value: step as f64 });
            }
        }
        metric
    }

    fn kept(metric: &Metric) -> Vec<i64> {
        metric.current().map(|point| point.step).collect()
    }

    #[test]
    fn a_later_file_supersedes_from_its_first_step_on() {
        assert_eq!(
            kept(&metric(&[(0, &[0, 10, 20, 30]), (1, &[20, 30, 40])])),
            [0, 10, 20, 30, 40]
        );
        assert_eq!(kept(&metric(&[(0, &[0, 1]), (1, &[5])])), [0, 1, 5]);
    }

    #[test]
    fn a_backward_step_supersedes_and_a_repeated_step_does_not() {
        assert_eq!(kept(&metric(&[(0, &[0, 1, 2, 0, 1])])), [0, 1]);
        assert_eq!(kept(&metric(&[(0, &[0, 0, 0])])), [0, 0, 0]);
    }

    #[test]
    fn a_restart_also_supersedes_points_that_are_not_logged_again() {
        let mut metric = metric(&[(0, &[0, 10, 20])]);
        metric.restart(1, 10);
        metric.push(1, MetricPoint { step: 30, wall_time: 0.0, value: 0.0 });
        assert_eq!(kept(&metric), [0, 30]);
        metric.forget(1);
        assert_eq!(kept(&metric), [0, 10, 20]);
        metric.forget(0);
        assert!(metric.is_empty());
    }

    proptest! {
        #[test]
        fn facts_are_those_of_the_current_points(
            points in proptest::collection::vec((0_usize..3, 0_i64..12, any::<bool>(), -2_i8..3), 1..60),
            removed in 0_usize..4,
        ) {
            let mut metric = Metric::new("x");
            for (index, (file, step, restarts, value)) in points.into_iter().enumerate() {
                if restarts && index % 7 == 0 {
                    metric.restart(file, step);
                }
                let value = if value == 2 { f64::NAN } else { f64::from(value) };
                metric.push(file, MetricPoint { step, wall_time: 0.0, value });
                if index % 5 == 0 {
                    metric.refresh_facts();
                }
            }
            metric.forget(removed);
            let mut expected = MetricStatistics::default();
            let superseded = metric.superseded();
            for (point, superseded) in metric.points().zip(superseded) {
                if !superseded {
                    expected.add(point.step, point.value);
                }
            }
            let expected = (expected.count > 0).then_some(expected);
            prop_assert_eq!(format!("{:?}", metric.facts()), format!("{expected:?}"));
            metric.refresh_facts();
            prop_assert_eq!(format!("{:?}", metric.facts()), format!("{expected:?}"));
        }
    }
}
