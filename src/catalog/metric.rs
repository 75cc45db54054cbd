//! What a metric's name says of it, and what its points come to.

use super::points::Metric;

/// The facts of a metric, folded from every point that was not superseded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many points.
    pub count: usize,
    /// The newest value, finite or not.
    pub last: f64,
    /// The best finite value: the least of a loss, the greatest of an accuracy.
    pub best: Option<f64>,
    pub best_step: i64,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// The facts of a metric; none without points.
#[must_use]
pub fn summarize(metric: &Metric) -> Option<Summary> {
    let less = lower_is_better(&metric.name);
    let mut summary = None::<Summary>;
    for point in metric.current() {
        let summary = summary.get_or_insert(Summary {
            count: 0,
            last: f64::NAN,
            best: None,
            best_step: 0,
            min: None,
            max: None,
        });
        summary.count += 1;
        summary.last = point.value;
        if !point.value.is_finite() {
            continue;
        }
        summary.min = Some(summary.min.map_or(point.value, |min| min.min(point.value)));
        summary.max = Some(summary.max.map_or(point.value, |max| max.max(point.value)));
        let better = |best| if less { point.value < best } else { point.value > best };
        if summary.best.is_none_or(better) {
            summary.best = Some(point.value);
            summary.best_step = point.step;
        }
    }
    summary
}

/// Whether less is better of what a name measures.
#[must_use]
pub fn lower_is_better(name: &str) -> bool {
    const LESS: [&str; 18] = [
        "loss",
        "error",
        "err",
        "cost",
        "perplexity",
        "ppl",
        "mse",
        "mae",
        "rmse",
        "nll",
        "wer",
        "cer",
        "fid",
        "time",
        "runtime",
        "kl",
        "norm",
        "regret",
    ];
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| LESS.contains(&word) || word.ends_with("loss"))
}

/// The part of a name before its first `/`: metrics of one group belong on one page.
#[must_use]
pub fn group(name: &str) -> &str {
    name.split_once('/').map_or("", |(group, _)| group)
}
