//! CSV, JSON lines, trainer states and configurations.

use super::expected::{assert_series, number, pairs, read};
use super::{fixture, load, only};
use serde_json::Value;
use std::fs;

#[test]
fn lightning_tables_and_hyper_parameters_are_read() {
    let Some(expected) = read("lightning-csv") else { return };
    let catalog = load(fixture("lightning/lightning_logs").unwrap());
    for (version, content) in expected["versions"].as_object().unwrap() {
        let run = catalog.run(version).unwrap();
        assert_series(run, &content["series"], &[]);
        for (name, value) in content["hparams"].as_object().unwrap() {
            let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(run.setting(name).unwrap().to_string(), wanted);
        }
    }
}

#[test]
fn a_table_that_is_rewritten_with_a_new_header_is_read_again() {
    let Some(growing) = fixture("lightning/growing") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.csv");
    let mut catalog = nntop::catalog::Catalog::new(vec![directory.path().to_owned()]);
    for state in ["01", "02", "06", "07", "08", "30", "31", "40"] {
        fs::write(&path, fs::read(growing.join(format!("metrics-{state}.csv"))).unwrap()).unwrap();
        catalog.poll();
        let fresh = load(growing.join(format!("metrics-{state}.csv")));
        let (fresh, run) = (only(&fresh), only(&catalog));
        for metric in &fresh.metrics {
            assert_eq!(
                format!("{:?}", pairs(metric)),
                format!("{:?}", pairs(run.metric(&metric.name).unwrap())),
                "{state}"
            );
        }
    }
}

#[test]
fn keras_tables_are_read() {
    let Some(expected) = read("keras") else { return };
    for (name, content) in expected["files"].as_object().unwrap() {
        let catalog = load(fixture(&format!("keras/{name}")).unwrap());
        assert_series(only(&catalog), &content["series"], &[]);
    }
}

#[test]
fn ultralytics_runs_are_read() {
    let Some(expected) = read("ultralytics") else { return };
    for (task, content) in expected["runs"].as_object().unwrap() {
        let catalog = load(fixture(&format!("ultralytics/runs/{task}/train")).unwrap());
        let run = only(&catalog);
        assert_series(run, &content["series"], &[]);
        for (name, value) in content["args"].as_object().unwrap() {
            let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(run.setting(name).unwrap().to_string(), wanted, "{name}");
        }
    }
}

#[test]
fn hydra_jobs_have_their_configuration() {
    let Some(expected) = read("hydra") else { return };
    let catalog = load(fixture("hydra").unwrap());
    for (name, content) in expected["runs"].as_object().unwrap() {
        let run = catalog.run(name).unwrap_or_else(|| panic!("{name}"));
        assert_series(run, &content["series"], &[]);
        let config = &content["config"];
        for (key, value) in [
            ("seed", &config["seed"]),
            ("model.hidden", &config["model"]["hidden"]),
            ("optim.lr", &config["optim"]["lr"]),
            ("model.act", &config["model"]["act"]),
        ] {
            let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(run.setting(key).unwrap().to_string(), wanted, "{name}: {key}");
        }
    }
    let single = catalog.run("outputs/2026-11-20/09-30-00").unwrap();
    assert_eq!(single.setting("note").unwrap().to_string(), "a, b=c");
    assert_eq!(single.setting("data.augment").unwrap().to_string(), "[flip]");
}

#[test]
fn trainer_states_are_read_and_the_newest_is_chosen() {
    let Some(expected) = read("hf-trainer-state") else { return };
    for (name, content) in expected["runs"].as_object().unwrap() {
        let catalog = load(fixture(name).unwrap());
        let run = only(&catalog);
        assert_series(run, &content["series"], &["epoch"]);
        assert_eq!(run.progress.unwrap().0, content["global_step"].as_u64().unwrap(), "{name}");
    }
    // The checkpoint at step 60 belongs to an abandoned history.
    let catalog = load(fixture("hf/resumed").unwrap());
    let newest = load(fixture("hf/resumed/checkpoint-90/trainer_state.json").unwrap());
    assert_eq!(
        pairs(only(&catalog).metric("loss").unwrap()),
        pairs(only(&newest).metric("loss").unwrap())
    );
}

#[test]
fn tables_of_any_other_layout_are_read() {
    let Some(expected) = read("text") else { return };
    for name in ["bom-and-spaces.csv", "decimal-comma.csv", "no-step-column.csv"] {
        let catalog = load(fixture(&format!("text/{name}")).unwrap());
        for (metric, points) in expected[name]["expected"].as_object().unwrap() {
            let wanted: Vec<(i64, f64)> = points
                .as_array()
                .unwrap()
                .iter()
                .map(|point| (point[0].as_i64().unwrap(), number(&point[1])))
                .collect();
            assert_eq!(pairs(only(&catalog).metric(metric).unwrap()), wanted, "{name}");
        }
    }
    let catalog = load(fixture("text/timm").unwrap());
    assert_series(only(&catalog), &expected["timm/summary.csv"]["series"], &[]);
    assert_eq!(only(&catalog).setting("model").unwrap().to_string(), "resnet50");
}

#[test]
fn json_lines_are_read() {
    let Some(expected) = read("text") else { return };
    for name in ["flat.jsonl", "nested.jsonl", "odd.jsonl"] {
        let catalog = load(fixture(&format!("text/{name}")).unwrap());
        let run = only(&catalog);
        let series: Value = expected[name]["expected"].clone();
        assert_series(run, &series, &[]);
    }
    let catalog = load(fixture("text/odd.jsonl").unwrap());
    assert_eq!(only(&catalog).setting("lr").unwrap().to_string(), "0.1");
}
