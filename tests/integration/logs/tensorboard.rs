//! TensorBoard's event files: read with the same result as by EventAccumulator and the data server,
//! except that reading continues after damage at which those stop.

use super::expected::{difference, pairs, read};
use super::{fixture, load, only};
use nntop::catalog::{Metric, MetricPoint, Run};
use serde_json::Value;
use std::collections::BTreeSet;

/// Documents of undamaged directories.
const WHOLE: [&str; 20] = [
    "tb-hf",
    "tb-lightning",
    "tb-tensorboardX-main",
    "tb-tensorboardX-restart",
    "tb-tf-hparams",
    "tb-tf-keras",
    "tb-tf-restart",
    "tb-tf-summary",
    "tb-torch-add_scalars",
    "tb-torch-big-steps",
    "tb-torch-empty",
    "tb-torch-hparams",
    "tb-torch-nonfinite",
    "tb-torch-out-of-order",
    "tb-torch-restart-without-purge",
    "tb-torch-restart",
    "tb-torch-rich",
    "tb-torch-seeds",
    "tb-torch-whole",
    "tb-faults-torn-in-data",
];

/// The points that EventAccumulator keeps: a restart drops those at its step or later.
fn accumulated(metric: &Metric) -> Vec<MetricPoint> {
    let mut restarts = metric.restarts().peekable();
    let mut kept: Vec<MetricPoint> = Vec::new();
    for (index, point) in metric.points().enumerate() {
        while let Some((_, step)) = restarts.next_if(|(before, _)| *before <= index) {
            kept.retain(|earlier| earlier.step < step);
        }
        kept.push(point);
    }
    for (_, step) in restarts {
        kept.retain(|earlier| earlier.step < step);
    }
    kept
}

/// The points that the data server keeps: each one drops those at its step or later.
fn preempted(metric: &Metric) -> Vec<MetricPoint> {
    let mut kept: Vec<MetricPoint> = Vec::new();
    for point in metric.points() {
        while kept.last().is_some_and(|last| last.step >= point.step) {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

fn run_of<'a>(catalog: &'a nntop::catalog::Catalog, name: &str) -> Option<&'a Run> {
    catalog.run(name)
}

#[test]
fn every_directory_is_read_like_tensorboard() {
    for name in WHOLE {
        let Some(expected) = read(name) else { return };
        let directory = expected["logdir"].as_str().unwrap();
        // The Trainer's own state is in the directory of its events.
        let catalog = load(fixture(directory).unwrap());
        for (run_name, content) in expected["runs"].as_object().unwrap() {
            let scalars = content["scalars"].as_object().unwrap();
            let Some(run) = run_of(&catalog, run_name) else {
                assert!(scalars.is_empty(), "{name}: the run {run_name} is missing");
                continue;
            };
            let tags: BTreeSet<&str> =
                run.metrics.iter().map(|metric| metric.name.as_str()).collect();
            let wanted: BTreeSet<&str> = scalars.keys().map(String::as_str).collect();
            assert_eq!(tags, wanted, "{name}: {run_name}");
            for (tag, series) in scalars {
                let metric = run.metric(tag).unwrap();
                if let Some(difference) = difference(&accumulated(metric), series) {
                    panic!("{name}: {run_name}: {tag}: {difference}");
                }
                let differing = &expected["data_server"]["scalars"]["differ"][run_name][tag];
                // The data server does not support 64-bit scalars.
                if differing["points"].as_u64().is_some_and(|points| points > 0) {
                    let differs = difference(&preempted(metric), differing);
                    assert_eq!(differs, None, "{name}: {run_name}: {tag}, data server");
                }
            }
            samples(name, run, content);
        }
    }
}

/// Texts, images, histograms and hyper-parameters of a run.
fn samples(name: &str, run: &Run, content: &Value) {
    for (tag, images) in content["images"].as_object().into_iter().flatten() {
        let found: Vec<_> = run.images.iter().filter(|image| image.name == *tag).collect();
        let wanted = images.as_array().unwrap();
        assert_eq!(found.len(), wanted.len(), "{name}: {tag}");
        for (image, wanted) in found.iter().zip(wanted) {
            assert_eq!(image.step, wanted["step"].as_i64().unwrap());
            assert_eq!(image.content.len() as u64, wanted["bytes"].as_u64().unwrap());
        }
    }
    for (tag, histogram) in content["histograms"].as_object().into_iter().flatten() {
        let found: Vec<_> = run.histograms.iter().filter(|sample| sample.name == *tag).collect();
        let steps: Vec<Value> = found.iter().map(|sample| sample.step.into()).collect();
        assert_eq!(Value::Array(steps), histogram["steps"], "{name}: {tag}");
        let last = &histogram["last"];
        let buckets = &found.last().unwrap().content;
        assert_eq!(buckets.len() as u64, last["buckets"].as_u64().unwrap(), "{name}: {tag}");
        let total: f64 = buckets.iter().map(|bucket| bucket.count).sum();
        assert_eq!(total, last["sum_of_counts"].as_f64().unwrap(), "{name}: {tag}");
        assert!(buckets.windows(2).all(|pair| pair[0].left <= pair[1].left), "{name}: {tag}");
        assert!(buckets.iter().all(|bucket| bucket.left <= bucket.right), "{name}: {tag}");
    }
    for (tag, tensor) in content["tensors"].as_object().into_iter().flatten() {
        let plugin = tensor["plugin"].as_str().unwrap();
        let found = match plugin {
            "histograms" => run.histograms.iter().filter(|sample| sample.name == *tag).count(),
            "text" => {
                let short = tag.strip_suffix("/text_summary").unwrap_or(tag);
                let text = run.texts.iter().find(|sample| sample.name == short).unwrap();
                let wanted: Vec<&str> = tensor["last_values"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                assert_eq!(text.content, wanted.join("\n"), "{name}: {tag}");
                1
            }
            _ => continue,
        };
        assert_eq!(found as u64, tensor["points"].as_u64().unwrap(), "{name}: {tag}");
    }
    let start = &content["hparams"]["_hparams_/session_start_info"]["hparams"];
    for (key, value) in start.as_object().into_iter().flatten() {
        let found = run.setting(key).unwrap_or_else(|| panic!("{name}: {}: {key}", run.name));
        // The hparams.yaml beside the events contains null where they contain `None`.
        let wanted = match value {
            Value::String(text) if text == "None" => "null".to_owned(),
            Value::String(text) => text.clone(),
            Value::Number(number) => {
                nntop::logs::LogValue::Number(number.as_f64().unwrap()).to_string()
            }
            other => other.to_string(),
        };
        assert_eq!(found.to_string(), wanted, "{name}: {}: {key}", run.name);
    }
}

#[test]
fn the_trial_of_a_sub_run_has_its_hyper_parameters() {
    let Some(path) = fixture("tb/torch/hparams") else { return };
    let catalog = load(path);
    let trial = catalog.run("trial1").unwrap();
    assert_eq!(trial.setting("lr").unwrap().to_string(), "0.1");
    assert_eq!(trial.setting("optimizer").unwrap().to_string(), "sgd");
}

#[test]
fn only_the_damaged_record_is_lost() {
    let Some(path) = fixture("tb/torch/whole") else { return };
    let whole = load(path);
    let whole = only(&whole);
    // The number of lost points, in all metrics together, and whether the damage is reported.
    for (fault, lost, reported) in [
        ("torn-in-length", 1, true),
        ("torn-in-data", 1, true),
        ("torn-in-footer", 1, true),
        ("bad-data-crc", 1, true),
        ("bad-length-crc", 1, true),
        ("huge-length", 1, true),
        ("zeros-at-end", 1, true),
        ("zeros-in-middle", 13, true),
    ] {
        let catalog = load(fixture(&format!("tb/faults/{fault}")).unwrap());
        let run = only(&catalog);
        let count = |run: &Run| run.metrics.iter().map(Metric::len).sum::<usize>();
        assert_eq!(count(whole) - count(run), lost, "{fault}");
        assert_eq!(!run.warnings.is_empty(), reported, "{fault}");
        for metric in &run.metrics {
            let all = pairs(whole.metric(&metric.name).unwrap());
            assert!(
                pairs(metric).iter().all(|point| all.contains(point)),
                "{fault}: {}",
                metric.name
            );
        }
        // The points that EventAccumulator finds before it stops are first.
        let expected = read(&format!("tb-faults-{fault}")).unwrap();
        for (tag, series) in expected["runs"]["."]["scalars"].as_object().unwrap() {
            let points: Vec<MetricPoint> = run.metric(tag).unwrap().points().collect();
            let front = series["points"].as_u64().unwrap() as usize;
            assert_eq!(difference(&points[..front], series), None, "{fault}: {tag}");
        }
    }
}

#[test]
fn text_named_like_an_event_file_is_reported() {
    let Some(path) = fixture("tb/faults/not-an-event-file") else { return };
    let catalog = load(path);
    assert_eq!(catalog.runs().count(), 0);
    assert!(catalog.explain()[0].why.contains("does not start like one"));
}
