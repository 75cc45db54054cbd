//! Compares points with the results of a reference reader.

use super::fixture;
use nntop::catalog::{Metric, MetricPoint, Run};
use serde_json::Value;
use std::fs;

/// A document of `expected/`; `None` in a packaged crate.
pub fn read(name: &str) -> Option<Value> {
    let path = fixture(&format!("expected/{name}.json"))?;
    Some(serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
}

/// A number, or the text for one that is not finite.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// The checksum of a series in the fixtures: over step and value of each point.
pub fn checksum(points: &[(i64, f64)]) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for &(step, value) in points {
        hasher.update(&step.to_le_bytes());
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        hasher.update(&bits.to_le_bytes());
    }
    format!("{:08x}", hasher.finalize())
}

pub fn pairs(metric: &Metric) -> Vec<(i64, f64)> {
    metric.points().map(|point| (point.step, point.value)).collect()
}

/// The difference between points and a series of `expected/`, if any.
pub fn difference(points: &[MetricPoint], series: &Value) -> Option<String> {
    let pairs: Vec<(i64, f64)> = points.iter().map(|point| (point.step, point.value)).collect();
    let count = series["points"].as_u64();
    if count.is_some_and(|count| count != points.len() as u64) {
        return Some(format!("{} points instead of {count:?}", points.len()));
    }
    for some in series["some"].as_array().into_iter().flatten() {
        // For text, this field contains one pair of step and value.
        let (Some(index), Some(step)) = (some["index"].as_u64(), some["step"].as_i64()) else {
            continue;
        };
        let point = points[index as usize];
        let value = number(&some["value"]);
        let same = point.value == value || (point.value.is_nan() && value.is_nan());
        if point.step != step || !same {
            return Some(format!("{point:?} at {index} instead of {some}"));
        }
        let time = some["wall_time"].as_f64();
        if time.is_some_and(|time| (point.wall_time - time).abs() > 1e-3) {
            return Some(format!("{point:?} at {index} instead of {some}"));
        }
    }
    let sum = checksum(&pairs);
    (sum != series["crc32"].as_str().unwrap()).then(|| format!("the checksum {sum}: {pairs:?}"))
}

/// Fails if a run's metrics differ from the series of `expected/`; names in `also_allowed` are also
/// allowed.
pub fn assert_series(run: &Run, series: &Value, also_allowed: &[&str]) {
    let series = series.as_object().unwrap();
    let mut names: Vec<&str> = run.metrics.iter().map(|metric| metric.name.as_str()).collect();
    names.retain(|name| !also_allowed.contains(name));
    names.sort_unstable();
    let mut wanted: Vec<&str> = series.keys().map(String::as_str).collect();
    wanted.retain(|name| !also_allowed.contains(name));
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{}", run.name);
    for (name, series) in series {
        let Some(metric) = run.metric(name) else { continue };
        let points: Vec<MetricPoint> = metric.points().collect();
        if let Some(difference) = difference(&points, series) {
            panic!("{}: {name}: {difference}", run.name);
        }
    }
}
