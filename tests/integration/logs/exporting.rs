//! `nntop export` with logs of other tools.

use super::{fixture, load};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The output of `nntop` with these arguments.
fn printed(arguments: &[&str], path: &Path) -> String {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nntop"))
        .env("NNTOP_STATE_DIR", state.path())
        .arg("export")
        .arg(path)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Steps, wall times and values of a metric.
type Points = Vec<(i64, f64, f64)>;

#[test]
fn the_long_form_has_a_row_for_every_point() {
    let Some(path) = fixture("tb/torch") else { return };
    let csv = printed(&[], &path);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("run,metric,step,wall_time,value"));
    let mut exported: BTreeMap<(String, String), Points> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.rsplitn(4, ',').collect();
        let (run, metric) = cells[3].split_once(',').unwrap();
        let point = (
            cells[2].parse().unwrap(),
            cells[1].parse().unwrap_or(f64::NAN),
            cells[0].parse().unwrap(),
        );
        exported.entry((run.to_owned(), metric.replace('"', ""))).or_default().push(point);
    }
    let catalog = load(path);
    let mut count = 0;
    for run in catalog.runs() {
        for metric in &run.metrics {
            count += 1;
            let rows = &exported[&(run.name.clone(), metric.name.clone())];
            let points: Vec<_> = metric.points().map(|p| (p.step, p.wall_time, p.value)).collect();
            assert_eq!(format!("{rows:?}"), format!("{points:?}"), "{} {}", run.name, metric.name);
        }
    }
    assert_eq!(exported.len(), count);
    assert!(csv.contains(",inf\n") && csv.contains(",-inf\n") && csv.contains(",NaN\n"));
}

#[test]
fn metrics_are_selected_by_globs_and_exported_wide() {
    let Some(path) = fixture("lightning/lightning_logs") else { return };
    let wide = printed(&["--wide", "--metric", "val_*", "--metric", "epoch"], &path);
    let header = wide.lines().next().unwrap();
    assert_eq!(header, "run,step,wall_time,epoch,val_acc,val_loss,val_late");
    assert!(wide.lines().nth(1).unwrap().starts_with("version_0,"), "{wide}");
    let json = printed(&["--format", "jsonl", "--metric", "test_acc"], &path);
    for line in json.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["metric"], "test_acc");
        assert!(row["value"].is_f64() && row["wall_time"].is_null(), "{row}");
    }
    assert_eq!(json.lines().count(), 1);
}

#[test]
fn a_path_without_logs_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nntop"))
        .env("NNTOP_STATE_DIR", directory.path())
        .args(["export", directory.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let reported = String::from_utf8(output.stderr).unwrap();
    assert!(reported.contains("nntop watch --explain"), "{reported}");
}
