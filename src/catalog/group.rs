//! Groups of runs, by seed or by any hyper-parameter, with their mean and its uncertainty.

use super::axis::Xy;
use super::run::Run;
use crate::protocol::Spread;
use std::collections::BTreeMap;

/// Names of hyper-parameters that are the seed.
const SEEDS: [&str; 5] = ["seed", "random_seed", "rng_seed", "manual_seed", "random_state"];
/// Number of bootstrap samples.
const DRAWS: usize = 500;

/// The mean of several curves, and a band around it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeanBand {
    pub mean: Vec<Xy>,
    pub low: Vec<Xy>,
    pub high: Vec<Xy>,
}

/// Groups runs by the value of a hyper-parameter; those without it form one group. Returns the
/// names of the groups with the indices of the runs.
#[must_use]
pub fn by_setting(runs: &[&Run], name: &str) -> Vec<(String, Vec<usize>)> {
    let value = |run: &Run| match run.setting(name) {
        Some(value) => format!("{name}={value}"),
        None => format!("no {name}"),
    };
    collect(runs, value)
}

/// Groups runs that differ only in their seed: by all other hyper-parameters, or if there are none,
/// by the name without its seed (`mlp-32/seed0` belongs to `mlp-32`).
#[must_use]
pub fn by_seed(runs: &[&Run]) -> Vec<(String, Vec<usize>)> {
    let differing = differing_settings(runs);
    collect(runs, |run| {
        let others: Vec<String> = differing
            .iter()
            .filter(|name| !is_seed(name))
            .map(|name| {
                format!(
                    "{name}={}",
                    run.setting(name).map_or_else(String::new, ToString::to_string)
                )
            })
            .collect();
        if others.is_empty() { without_seed(&run.name) } else { others.join(" ") }
    })
}

fn is_seed(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    SEEDS.iter().any(|seed| seed.eq_ignore_ascii_case(last))
}

/// A name without `seed` and the digits after it.
fn without_seed(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let Some(at) = lower.rfind("seed") else { return name.to_owned() };
    let rest = name[at + 4..].trim_start_matches(['=', '_', '-', ':']);
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let front = name[..at].trim_end_matches(['/', '_', '-', '.', ',']);
    format!("{front}{rest}")
}

/// The hyper-parameters in which runs differ, sorted by name.
#[must_use]
pub fn differing_settings(runs: &[&Run]) -> Vec<String> {
    let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for run in runs {
        for (name, value) in &run.config {
            values.entry(name).or_default().push(value.to_string());
        }
    }
    let differs =
        |texts: &[String]| texts.len() < runs.len() || texts.iter().any(|text| *text != texts[0]);
    let names = values.into_iter().filter(|(_, texts)| differs(texts));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn collect(runs: &[&Run], key: impl Fn(&Run) -> String) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let key = key(run);
        match groups.iter_mut().find(|(name, _)| *name == key) {
            Some((_, members)) => members.push(index),
            None => groups.push((key, vec![index])),
        }
    }
    groups
}

/// The mean of curves with a band, at those x values of the curve with the most points that all
/// curves cover. Curves are interpolated linearly; values that are not finite are omitted.
#[must_use]
pub fn band(curves: &[Vec<Xy>], spread: Spread) -> MeanBand {
    let finite = |curve: &Vec<Xy>| -> Vec<Xy> {
        let mut kept: Vec<Xy> =
            curve.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        kept.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept
    };
    let curves: Vec<Vec<Xy>> =
        curves.iter().map(finite).filter(|curve| !curve.is_empty()).collect();
    let Some(longest) = curves.iter().max_by_key(|curve| curve.len()) else {
        return MeanBand::default();
    };
    let ends = curves.iter().filter_map(|curve| Some(curve.last()?.0));
    let end = ends.min_by(f64::total_cmp).unwrap_or(0.0);
    let starts = curves.iter().filter_map(|curve| Some(curve.first()?.0));
    let start = starts.max_by(f64::total_cmp).unwrap_or(0.0);
    let mut band = MeanBand::default();
    for &(x, _) in longest.iter().filter(|(x, _)| (start..=end).contains(x)) {
        let values: Vec<f64> = curves.iter().filter_map(|curve| at(curve, x)).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (low, high) = match spread {
            Spread::Range => {
                let low = values.iter().copied().min_by(f64::total_cmp).unwrap_or(mean);
                (low, values.iter().copied().max_by(f64::total_cmp).unwrap_or(mean))
            }
            Spread::Deviation => {
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                let deviation = (squares / (values.len().max(2) - 1) as f64).sqrt();
                (mean - deviation, mean + deviation)
            }
            Spread::Bootstrap => bootstrap(&values, mean),
        };
        band.mean.push((x, mean));
        band.low.push((x, low));
        band.high.push((x, high));
    }
    band
}

/// The linearly interpolated value of a curve at an x within its range.
fn at(curve: &[Xy], x: f64) -> Option<f64> {
    let after = curve.partition_point(|point| point.0 <= x);
    let (x0, y0) = *curve.get(after.checked_sub(1)?)?;
    match curve.get(after) {
        Some(&(x1, y1)) if x1 > x0 => Some(y0 + (y1 - y0) * (x - x0) / (x1 - x0)),
        _ => Some(y0),
    }
}

/// The 2.5th and 97.5th percentile of the means of samples drawn with replacement,
/// deterministically.
fn bootstrap(values: &[f64], mean: f64) -> (f64, f64) {
    if values.len() < 2 {
        return (mean, mean);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        values[((mixed ^ (mixed >> 31)) % values.len() as u64) as usize]
    };
    let means: Vec<f64> = (0..DRAWS)
        .map(|_| (0..values.len()).map(|_| draw()).sum::<f64>() / values.len() as f64)
        .collect();
    let bound = |share| super::axis::percentile(&means, share).unwrap_or(mean);
    (bound(0.025), bound(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogValue;

    fn run(name: &str, config: &[(&str, f64)]) -> Run {
        let mut run = Run::new(name.to_owned());
        run.config = config
            .iter()
            .map(|(name, value)| ((*name).to_owned(), LogValue::Number(*value)))
            .collect();
        run
    }

    #[test]
    fn runs_are_grouped_by_everything_but_the_seed() {
        let runs = [
            run("a", &[("lr", 0.1), ("seed", 0.0)]),
            run("b", &[("lr", 0.1), ("seed", 1.0)]),
            run("c", &[("lr", 0.2), ("seed", 0.0)]),
        ];
        let runs: Vec<&Run> = runs.iter().collect();
        assert_eq!(differing_settings(&runs), ["lr", "seed"]);
        let groups = by_seed(&runs);
        assert_eq!(groups, [("lr=0.1".to_owned(), vec![0, 1]), ("lr=0.2".to_owned(), vec![2])]);
        assert_eq!(by_setting(&runs, "lr").len(), 2);
        let named = [run("mlp-32/seed0", &[]), run("mlp-32/seed1", &[]), run("mlp-8/seed_0", &[])];
        let groups = by_seed(&named.iter().collect::<Vec<_>>());
        assert_eq!(groups.iter().map(|g| g.0.as_str()).collect::<Vec<_>>(), ["mlp-32", "mlp-8"]);
    }

    #[test]
    fn a_band_ends_with_the_shortest_curve() {
        let long = vec![(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)];
        let short = vec![(0.0, 2.0), (2.0, 4.0)];
        let shown = band(&[long.clone(), short.clone()], Spread::Range);
        assert_eq!(shown.mean, [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(shown.low, [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]);
        let boot = band(&[long, short], Spread::Bootstrap);
        assert_eq!((boot.low[0].1, boot.high[0].1), (0.0, 2.0));
    }
}
