//! The direction of a metric, derived from its name, and the summary of its points.

use super::points::Metric;

/// The summary of all points of a metric that were not superseded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricSummary {
    /// Number of points.
    pub count: usize,
    /// The newest value, finite or not.
    pub last: f64,
    /// The best finite value: the minimum of a loss, the maximum of an accuracy.
    pub best: Option<f64>,
    pub best_step: i64,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// Summarizes a metric; `None` without points.
#[must_use]
pub fn summarize(metric: &Metric) -> Option<MetricSummary> {
    let facts = metric.facts()?;
    let best = if lower_is_better(&metric.name) { facts.min } else { facts.max };
    Some(MetricSummary {
        count: facts.count,
        last: facts.last,
        best: best.map(|(_, value)| value),
        best_step: best.map_or(0, |(step, _)| step),
        min: facts.min.map(|(_, value)| value),
        max: facts.max.map(|(_, value)| value),
    })
}

/// Whether lower values are better, judged by the metric's name.
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

/// The part of a name before the first `/`: metrics of one group are shown together.
#[must_use]
pub fn group(name: &str) -> &str {
    name.split_once('/').map_or("", |(group, _)| group)
}
