//! Weights & Biases, MLflow and trackio.

use super::expected::{assert_series, read};
use super::{fixture, load, only};
use nntop::logs::WriterState;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Unpacks a fixture to the directory in which its database is opened.
fn unpack(name: &str, to: &Path) {
    let packed = fs::File::open(fixture(name).unwrap()).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let file = Path::new(name).file_stem().unwrap();
    fs::write(to.join(file), bytes).unwrap();
}

#[test]
fn wandb_files_are_read_even_if_damaged() {
    for name in [
        "wandb-aaaa0001",
        "wandb-aaaa0002",
        "wandb-aaaa0003",
        "wandb-aaaa0004",
        "wandb-damaged",
        "wandb-torn",
    ] {
        let Some(expected) = read(name) else { return };
        let catalog = load(fixture(expected["file"].as_str().unwrap()).unwrap());
        let run = only(&catalog);
        assert_series(run, &expected["scalars"], &[]);
        assert_eq!(run.title.as_deref(), expected["run"]["display_name"].as_str(), "{name}");
        let state = expected["exit"]["exit_code"].as_u64().map(|_| WriterState::Finished);
        assert_eq!(run.state, state, "{name}");
        for (key, value) in expected["config"].as_object().unwrap() {
            if let Some(number) = value.as_f64() {
                assert_eq!(run.setting(key).unwrap().number(), Some(number), "{name}: {key}");
            }
        }
        let printed: String = run.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        assert_eq!(printed, expected["console"].as_str().unwrap(), "{name}");
        assert_eq!(!run.warnings.is_empty(), expected["reader_said"].is_array(), "{name}");
    }
}

#[test]
fn a_directory_of_wandb_is_one_run_each() {
    let Some(path) = fixture("wandb/wandb") else { return };
    let catalog = load(path);
    let titles: Vec<_> = catalog.runs().map(|run| run.title.as_deref().unwrap()).collect();
    assert_eq!(titles, ["mlp-lr0.1", "mlp-lr0.02", "custom-axis", "killed"]);
}

#[test]
fn the_mlflow_file_store_is_read() {
    let Some(expected) = read("mlflow-file") else { return };
    let catalog = load(fixture("mlflow/file").unwrap());
    assert_mlflow(&catalog, &expected);
}

#[test]
fn the_mlflow_database_is_read() {
    let Some(expected) = read("mlflow-sqlite") else { return };
    let directory = tempfile::tempdir().unwrap();
    unpack("mlflow/sqlite/mlflow.db.gz", directory.path());
    let catalog = load(directory.path().to_owned());
    assert_mlflow(&catalog, &expected);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "there are no other files beside the database");
}

fn assert_mlflow(catalog: &nntop::catalog::Catalog, expected: &serde_json::Value) {
    let runs = expected["experiments"]["shapes"]["runs"].as_object().unwrap();
    assert_eq!(catalog.runs().count(), runs.len());
    for (name, content) in runs {
        let run = catalog.runs().find(|run| run.title.as_deref() == Some(name)).unwrap();
        assert_series(run, &content["metrics"], &[]);
        let state = match content["status"].as_str().unwrap() {
            "FINISHED" => WriterState::Finished,
            "FAILED" => WriterState::Failed,
            _ => WriterState::Running,
        };
        assert_eq!(run.state, Some(state), "{name}");
        let started = content["start_ms"].as_f64().unwrap() / 1e3;
        assert!((run.started.unwrap() - started).abs() < 1e-3, "{name}");
        for (key, value) in content["params"].as_object().unwrap() {
            assert_eq!(
                run.setting(key).unwrap().to_string(),
                value.as_str().unwrap(),
                "{name}: {key}"
            );
        }
    }
}

#[test]
fn trackio_databases_and_their_logs_are_read() {
    let Some(expected) = read("trackio-finished") else { return };
    let directory = tempfile::tempdir().unwrap();
    unpack("trackio/finished/shapes.db.gz", directory.path());
    let catalog = load(directory.path().join("shapes.db"));
    for (name, content) in expected["runs"].as_object().unwrap() {
        let run = catalog.run(&format!("shapes.db/{name}")).unwrap();
        let beside = ["nested/a", "nested/b/c", "system/gpu_util", "system/gpu_mem"];
        assert_series(run, &content["scalars"], &beside);
        assert_eq!(run.setting("lr").unwrap().number(), content["config"]["lr"].as_f64());
    }
    let expected = read("trackio-live").unwrap();
    let directory = tempfile::tempdir().unwrap();
    unpack("trackio/live/live.db.gz", directory.path());
    unpack("trackio/live/live.db-wal.gz", directory.path());
    let catalog = load(directory.path().join("live.db"));
    assert_series(only(&catalog), &expected["scalars"], &[]);
}

#[test]
fn aim_is_reported_as_unsupported() {
    let Some(path) = fixture("aim") else { return };
    let catalog = load(path);
    assert_eq!(catalog.runs().count(), 0);
    assert!(catalog.explain()[0].why.contains("Aim"), "{:?}", catalog.explain());
}
