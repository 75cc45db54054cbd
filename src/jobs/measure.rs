//! Medians, curves and charts of recorded epochs.

use super::run::TrainingRecord;
use crate::protocol::{Curve, EpochStats, FigureBody, MetricSeries, Scale};

/// The median; the mean of the two middle values for an even count, NaN for none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// A fraction in percent; NaN if it was not measured.
#[must_use]
pub fn percent(fraction: Option<f64>) -> f64 {
    fraction.map_or(f64::NAN, |fraction| 100.0 * fraction)
}

/// A curve named after the run: the epoch on x, `value` on y. Epochs without the value are skipped;
/// for very long runs, only the first, lowest, highest and last value of each section are kept.
#[must_use]
pub fn curve(record: &TrainingRecord, value: impl Fn(&EpochStats) -> Option<f64>) -> Curve {
    let mut series = MetricSeries::default();
    for stats in &record.epochs {
        if let Some(value) = value(stats) {
            series.push(i64::from(stats.epoch), value);
        }
    }
    let points = series.points().into_iter().map(|(epoch, value)| (epoch as f64, value)).collect();
    Curve { name: record.name.clone(), points, scatter: false }
}

/// A chart of curves with linear axes.
#[must_use]
pub fn chart(x_label: &str, y_label: &str, curves: Vec<Curve>) -> FigureBody {
    FigureBody::Chart {
        x_label: x_label.into(),
        y_label: y_label.into(),
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        curves,
    }
}

/// Returns a value of an epoch's statistics, `None` if it was not measured.
pub(crate) type EpochValue = fn(&EpochStats) -> Option<f64>;

/// Accuracies in percent by epoch, one curve per run, without the untrained network.
pub(crate) fn accuracy_chart<'a>(
    label: &str,
    records: impl IntoIterator<Item = &'a TrainingRecord>,
    reading: EpochValue,
) -> FigureBody {
    let percents = |stats: &EpochStats| {
        let trained = (stats.epoch > 0).then_some(stats);
        trained.and_then(reading).map(|fraction| 100.0 * fraction)
    };
    let curves = records.into_iter().map(|record| curve(record, percents)).collect();
    chart("epoch", label, curves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;

    /// A run whose test accuracy rises from 0 to 1.
    fn record(epochs: u32) -> TrainingRecord {
        let stats = |epoch: u32| {
            let test_accuracy = Some(f64::from(epoch) / f64::from(epochs));
            EpochStats { epoch, test_accuracy, ..EpochStats::default() }
        };
        let epochs = (0..=epochs).map(stats).collect();
        TrainingRecord { name: "long".into(), spec: Spec::default(), epochs }
    }

    #[test]
    fn a_curve_has_a_point_for_every_epoch() {
        let points = curve(&record(100), |stats| stats.test_accuracy).points;
        assert_eq!(points.len(), 101);
        assert!(points.iter().all(|(epoch, value)| (epoch / 100.0 - value).abs() < 1e-12));
    }

    #[test]
    fn the_curve_of_a_long_run_has_a_bounded_number_of_points() {
        let points = curve(&record(50_000), |stats| stats.test_accuracy).points;
        assert!((1000..=4000).contains(&points.len()), "{}", points.len());
        assert_eq!((points[0], points[points.len() - 1]), ((0.0, 0.0), (50_000.0, 1.0)));
    }

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_the_middle_values() {
        assert!(median([]).is_nan());
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
    }
}
