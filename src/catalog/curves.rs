//! The curves of a metric as a chart shows them: smoothed, within its range, thinned to its columns.

use super::axis::{self, Xy};
use super::group;
use super::run::Run;
use crate::protocol::{CurveQuery, RunCurve};

/// Selects the points within the requested range and next to it, thinned to the number of columns.
fn fit(points: &[Xy], query: &CurveQuery) -> Vec<Xy> {
    let Some([low, high]) = query.range else { return axis::thin(points, query.columns.max(1)) };
    let is_inside = |point: &Xy| (low..=high).contains(&point.0);
    let near = |place: usize| {
        let from = place.saturating_sub(1);
        points[from..(place + 2).min(points.len())].iter().any(is_inside)
    };
    let inside: Vec<Xy> =
        (0..points.len()).filter(|&place| near(place)).map(|place| points[place]).collect();
    if inside.is_empty() {
        // Zoomed in between two points: keep the line between them.
        let after = points.partition_point(|point| point.0 < low);
        let around = after.saturating_sub(1)..(after + 1).min(points.len());
        return points[around].to_vec();
    }
    axis::thin(&inside, query.columns.max(1))
}

/// The index of the point nearest to an x.
fn nearest(points: &[Xy], x: f64) -> Option<usize> {
    let distance = |place: &usize| (points[*place].0 - x).abs();
    (0..points.len())
        .filter(|place| points[*place].0.is_finite())
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The curve of a run; the points before thinning are added to `shown`.
pub fn single(run: &Run, query: &CurveQuery, shown: &mut Vec<Xy>) -> Option<RunCurve> {
    let metric = run.metric(&query.metric)?;
    let curve = axis::curve(run, metric, query.axis);
    let smooth = axis::smooth(&curve.current, query.smoothing);
    let near = query.at.and_then(|x| {
        let place = nearest(&curve.current, x)?;
        Some([curve.current[place].0, curve.current[place].1, smooth[place].1])
    });
    shown.extend(&smooth);
    Some(RunCurve {
        name: run.name.clone(),
        members: 1,
        raw: fit(&curve.current, query),
        smooth: fit(&smooth, query),
        superseded: curve.superseded.iter().map(|piece| fit(piece, query)).collect(),
        band: None,
        near,
    })
}

/// The mean curve of a group of runs, with its band; the points before thinning are added to `shown`.
pub fn grouped(
    name: &str,
    members: &[usize],
    runs: &[&Run],
    query: &CurveQuery,
    shown: &mut Vec<Xy>,
) -> Option<RunCurve> {
    if let [only] = members {
        let curve = single(runs[*only], query, shown)?;
        return Some(RunCurve { name: name.to_owned(), ..curve });
    }
    let curves: Vec<Vec<Xy>> = members
        .iter()
        .filter_map(|&member| {
            let metric = runs[member].metric(&query.metric)?;
            let curve = axis::curve(runs[member], metric, query.axis);
            Some(axis::smooth(&curve.current, query.smoothing))
        })
        .collect();
    let band = group::band(&curves, query.spread);
    shown.extend(&band.mean);
    let near = query.at.and_then(|x| {
        let (x, mean) = band.mean[nearest(&band.mean, x)?];
        Some([x, mean, mean])
    });
    let mean = fit(&band.mean, query);
    Some(RunCurve {
        name: name.to_owned(),
        members: members.len(),
        raw: mean.clone(),
        smooth: mean,
        superseded: Vec::new(),
        band: Some([fit(&band.low, query), fit(&band.high, query)]),
        near,
    })
}
