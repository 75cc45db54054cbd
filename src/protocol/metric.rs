//! Metrics: named series of (step, wall time, value) from any source.

use super::real;
use super::stats::EpochStats;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values that were measured at a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    pub step: i64,
    /// Completed epochs, if the source counts them.
    pub epoch: Option<f64>,
    /// Seconds since 1970.
    #[serde(deserialize_with = "real::number")]
    pub wall_time: f64,
    /// Names, grouped by `/`, and values, which may be infinite or NaN.
    #[serde(deserialize_with = "real::named")]
    pub values: Vec<(String, f64)>,
}

impl EpochStats {
    /// The measurements of an epoch as metrics; values that were not measured are omitted.
    #[must_use]
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let measured = [
            ("cost/train", self.train_cost),
            ("cost/validation", self.validation_cost),
            ("cost/test", self.test_cost),
            ("accuracy/train", self.train_accuracy),
            ("accuracy/validation", self.validation_accuracy),
            ("accuracy/test", self.test_accuracy),
            ("learning_rate", Some(self.learning_rate)),
            ("train_seconds", Some(self.train_seconds)),
            ("images_per_second", Some(self.samples_per_second)),
        ];
        let measured =
            measured.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let layers = self.layers.iter().flat_map(|layer| {
            let named = |what: &str, value| (format!("layer{}/{what}", layer.layer), value);
            [
                named("bias_gradient_norm", layer.bias_gradient_norm),
                named("weight_gradient_norm", layer.weight_gradient_norm),
                named("update_ratio", layer.update_ratio),
                named("saturated", layer.saturated),
                named("dead", layer.dead),
            ]
        });
        measured.chain(layers).collect()
    }
}

/// The values kept of consecutive values of a series: first, minimum, maximum and last, with their
/// steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub first: (i64, f64),
    pub min: (i64, f64),
    pub max: (i64, f64),
    pub last: (i64, f64),
    /// Number of values in it.
    pub count: u64,
}

/// Maximum number of buckets of a series; when it is reached, buckets are merged in pairs.
const MAX_BUCKETS: usize = 1024;

/// A bounded summary of a metric's values for drawing, and statistics of all values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricSeries {
    buckets: Vec<Bucket>,
    /// Values per bucket.
    stride: u64,
    count: u64,
    last: Option<(i64, f64)>,
    min: Option<(i64, f64)>,
    max: Option<(i64, f64)>,
}

impl MetricSeries {
    /// Adds a value. Values that are not finite count neither as minimum nor as maximum.
    pub fn push(&mut self, step: i64, value: f64) {
        let point = (step, value);
        self.count += 1;
        self.last = Some(point);
        if value.is_finite() {
            self.min = Some(self.min.filter(|min| min.1 <= value).unwrap_or(point));
            self.max = Some(self.max.filter(|max| max.1 >= value).unwrap_or(point));
        }
        self.stride = self.stride.max(1);
        match self.buckets.last_mut().filter(|bucket| bucket.count < self.stride) {
            Some(bucket) => bucket.merge(Bucket::of(point)),
            None => self.buckets.push(Bucket::of(point)),
        }
        if self.buckets.len() > MAX_BUCKETS {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let merged = self.buckets.chunks(2).map(|pair| {
            let mut bucket = pair[0];
            if let Some(second) = pair.get(1) {
                bucket.merge(*second);
            }
            bucket
        });
        self.buckets = merged.collect();
        self.stride *= 2;
    }

    /// The values kept, oldest first, without duplicates.
    #[must_use]
    pub fn points(&self) -> Vec<(i64, f64)> {
        let mut points = Vec::with_capacity(4 * self.buckets.len());
        for bucket in &self.buckets {
            let mut four = [bucket.first, bucket.min, bucket.max, bucket.last];
            // The first and last value stay at the ends even if steps go backwards.
            if four[1].0 > four[2].0 {
                four.swap(1, 2);
            }
            for point in four {
                if points.last() != Some(&point) {
                    points.push(point);
                }
            }
        }
        points
    }

    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Number of values added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The newest value.
    #[must_use]
    pub fn last(&self) -> Option<(i64, f64)> {
        self.last
    }

    /// The smallest finite value.
    #[must_use]
    pub fn min(&self) -> Option<(i64, f64)> {
        self.min
    }

    /// The largest finite value.
    #[must_use]
    pub fn max(&self) -> Option<(i64, f64)> {
        self.max
    }
}

impl Bucket {
    fn of(point: (i64, f64)) -> Self {
        Self { first: point, min: point, max: point, last: point, count: 1 }
    }

    /// Merges the next bucket into this one.
    fn merge(&mut self, later: Self) {
        let finite = |point: (i64, f64)| point.1.is_finite();
        if finite(later.min) && (!finite(self.min) || later.min.1 < self.min.1) {
            self.min = later.min;
        }
        if finite(later.max) && (!finite(self.max) || later.max.1 > self.max.1) {
            self.max = later.max;
        }
        self.last = later.last;
        self.count += later.count;
    }
}

/// Maximum number of metric names per run; more indicate an error of the writer.
const MAX_METRICS: usize = 10_000;

/// All metrics of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricTable {
    series: BTreeMap<String, MetricSeries>,
}

impl MetricTable {
    /// Adds the values of a step.
    pub fn apply(&mut self, metrics: &Metrics) {
        for (name, value) in &metrics.values {
            if let Some(series) = self.series.get_mut(name) {
                series.push(metrics.step, *value);
            } else if self.series.len() < MAX_METRICS {
                let mut series = MetricSeries::default();
                series.push(metrics.step, *value);
                self.series.insert(name.clone(), series);
            }
        }
    }

    /// The metric of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&MetricSeries> {
        self.series.get(name)
    }

    /// All metrics, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetricSeries)> {
        self.series.iter().map(|(name, series)| (name.as_str(), series))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statistics_cover_every_value() {
        let mut series = MetricSeries::default();
        for step in 0..100_000 {
            series.push(step, f64::from((step as i32 * 7919) % 100_003));
        }
        series.push(100_000, f64::NAN);
        assert_eq!(series.count(), 100_001);
        assert!(series.last().is_some_and(|(step, value)| step == 100_000 && value.is_nan()));
        assert_eq!(series.min(), Some((0, 0.0)));
        assert_eq!(series.max().map(|(_, value)| value), Some(100_002.0));
    }

    #[test]
    fn an_epoch_is_converted_to_metrics() {
        let stats =
            EpochStats { train_cost: Some(f64::NAN), learning_rate: 0.5, ..EpochStats::default() };
        let metrics = stats.metrics();
        assert_eq!(metrics[0].0, "cost/train");
        assert_eq!(metrics[1], ("learning_rate".to_owned(), 0.5));
        let mut table = MetricTable::default();
        table.apply(&Metrics { step: 3, values: metrics, ..Metrics::default() });
        assert_eq!(table.get("learning_rate").and_then(MetricSeries::last), Some((3, 0.5)));
    }

    proptest! {
        #[test]
        fn a_series_stays_bounded_and_keeps_ends_and_extremes(
            values in proptest::collection::vec(-1e3_f64..1e3, 1..5000),
        ) {
            let mut series = MetricSeries::default();
            for (step, &value) in (0_i64..).zip(&values) {
                series.push(step, value);
            }
            let points = series.points();
            prop_assert!(series.buckets().len() <= MAX_BUCKETS);
            prop_assert_eq!(points[0], (0, values[0]));
            prop_assert_eq!(points.last().copied(), series.last());
            let extreme = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick);
            prop_assert_eq!(series.min().map(|p| p.1), extreme(f64::min));
            prop_assert_eq!(points.iter().map(|p| p.1).reduce(f64::min), extreme(f64::min));
            prop_assert_eq!(points.iter().map(|p| p.1).reduce(f64::max), extreme(f64::max));
            let total: u64 = series.buckets().iter().map(|bucket| bucket.count).sum();
            prop_assert_eq!(total, values.len() as u64);
        }
    }
}
