//! Captured output.

use super::expected::{checksum, number, pairs, read};
use super::{fixture, load, only};
use nntop::catalog::{Catalog, Run};

fn printed(name: &str) -> Catalog {
    load(fixture(name).unwrap())
}

#[test]
fn lines_of_every_layout_are_read() {
    let Some(expected) = read("text") else { return };
    for (name, content) in expected.as_object().unwrap() {
        let is_printed = std::path::Path::new(name).extension().is_some_and(|e| e == "log");
        let Some(series) = content["expected"].as_object().filter(|_| is_printed) else { continue };
        let catalog = printed(&format!("text/{name}"));
        if series.is_empty() {
            assert_eq!(catalog.runs().count(), 0, "{name}");
            continue;
        }
        let run = only(&catalog);
        for (metric, wanted) in series {
            let found = run.metric(metric).unwrap_or_else(|| panic!("{name}: {metric}"));
            let mut found = pairs(found);
            if let Some(points) = wanted.as_array() {
                let wanted: Vec<_> = points
                    .iter()
                    .map(|point| (point[0].as_i64().unwrap(), number(&point[1])))
                    .collect();
                assert_eq!(found, wanted, "{name}: {metric}");
                continue;
            }
            if name == "pytorch-mnist-example.log" && metric == "Loss" {
                // The log counts samples; `expected` counts batches of 64.
                assert!(found.iter().all(|(step, _)| step % 64 == 0));
                for (step, _) in &mut found {
                    *step /= 64;
                }
            }
            if name == "speedrun.log" && metric != "val_loss" {
                // `expected` contains only the lines with a validation loss.
                found.retain(|(step, _)| step % 50 == 0);
            }
            assert_eq!(
                checksum(&found),
                wanted["crc32"].as_str().unwrap(),
                "{name}: {metric}: {found:?}"
            );
        }
    }
}

#[test]
fn only_metrics_are_taken_from_a_log() {
    let Some(_) = fixture("text") else { return };
    for (name, metrics) in [
        ("text/loguru.log", "loss val_loss"),
        ("text/logging.log", "lr train_loss valid_loss"),
        ("text/nanogpt.log", "loss mfu time train loss val loss"),
        ("text/rich.log", "loss val_loss"),
        ("keras/verbose-1.log", "accuracy loss val_accuracy val_loss"),
        ("keras/verbose-2.log", "accuracy loss val_accuracy val_loss"),
    ] {
        let catalog = printed(name);
        let mut names: Vec<&str> = only(&catalog).metrics.iter().map(|m| m.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), metrics, "{name}");
    }
}

#[test]
fn progress_bars_give_progress_and_metrics() {
    let Some(expected) = read("text") else { return };
    for name in ["tqdm.log", "tqdm-ascii.log"] {
        let catalog = printed(&format!("text/{name}"));
        let run = only(&catalog);
        assert_eq!(run.progress, Some((600, 600)), "{name}");
        for (bar, metrics) in expected[name]["final_postfix"].as_object().unwrap() {
            let step = (bar.parse::<i64>().unwrap() + 1) * 200;
            for (metric, value) in metrics.as_object().unwrap() {
                let found = pairs(run.metric(metric).unwrap());
                let last = found.iter().rev().find(|(at, _)| *at == step).unwrap();
                assert_eq!(last.1, number(value), "{name}: {metric}");
            }
        }
    }
    let slow = printed("text/tqdm-slow.log");
    assert_eq!(only(&slow).progress, Some((42, 500)));
    assert_eq!(pairs(only(&slow).metric("acc").unwrap()), [(42, 91.0)]);
    let unknown = printed("text/tqdm-unknown-total.log");
    assert_eq!(pairs(only(&unknown).metric("loss").unwrap()).last(), Some(&(7_500_000, 0.2)));
}

fn assert_rows(run: &Run, series: &serde_json::Value) {
    for (name, wanted) in series.as_object().unwrap() {
        let found = pairs(run.metric(name).unwrap());
        let rows: Vec<(i64, f64)> =
            (0_i64..).zip(&found).map(|(row, (_, value))| (row, *value)).collect();
        assert_eq!(checksum(&rows), wanted["crc32"].as_str().unwrap(), "{name}: {rows:?}");
    }
}

#[test]
fn hugging_face_dictionaries_get_their_steps_from_progress_bars() {
    let Some(expected) = read("hf-stdout") else { return };
    for (name, content) in expected["files"].as_object().unwrap() {
        let catalog = printed(name);
        assert_rows(only(&catalog), &content["series"]);
    }
    let catalog = printed("hf/default-run/both.log");
    let steps = |metric: &str| {
        let found = pairs(only(&catalog).metric(metric).unwrap());
        found.into_iter().map(|(step, _)| step).collect::<Vec<_>>()
    };
    assert_eq!(steps("loss"), (1..=10).map(|n| 10 * n).collect::<Vec<_>>());
    assert_eq!(steps("eval_loss"), [36, 72, 108]);
    assert_eq!(only(&catalog).progress, Some((108, 108)));
}

#[test]
fn keras_bars_count_finished_epochs() {
    let Some(_) = fixture("keras") else { return };
    for name in ["keras/verbose-1.log", "keras/verbose-2.log"] {
        let catalog = printed(name);
        let found = pairs(only(&catalog).metric("val_loss").unwrap());
        assert_eq!(found, [(1, 2.1987), (2, 2.0559), (3, 1.8772)], "{name}");
    }
}
