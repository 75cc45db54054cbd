//! Files that grow, are replaced, are truncated, or temporarily contain zeros.

use super::expected::pairs;
use super::{fixture, only};
use nntop::catalog::Catalog;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn losses(catalog: &Catalog) -> Vec<(i64, f64)> {
    catalog.runs().next().and_then(|run| run.metric("loss")).map_or_else(Vec::new, pairs)
}

#[test]
fn a_torn_line_is_read_once_complete() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.jsonl");
    append(&path, b"{\"step\": 1, \"loss\": 2.0}\n{\"step\": 2, \"lo");
    let mut catalog = Catalog::new(vec![directory.path().to_owned()]);
    catalog.poll();
    assert_eq!(losses(&catalog), [(1, 2.0)]);
    append(&path, b"ss\": 1.5}\n");
    assert!(catalog.poll());
    assert_eq!(losses(&catalog), [(1, 2.0), (2, 1.5)]);
    assert!(!catalog.poll());
}

#[test]
fn replaced_and_truncated_files_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.jsonl");
    append(&path, b"{\"step\": 1, \"loss\": 2.0}\n{\"step\": 2, \"loss\": 1.0}\n");
    let mut catalog = Catalog::new(vec![directory.path().to_owned()]);
    catalog.poll();
    // As rsync does: a new file with the same name, longer than the old one.
    let other = directory.path().join("other");
    fs::write(&other, b"{\"step\": 1, \"loss\": 9.0}\n{\"step\": 2, \"loss\": 8.0}\n{\"step\": 3, \"loss\": 7.0}\n").unwrap();
    fs::rename(&other, &path).unwrap();
    catalog.poll();
    assert_eq!(losses(&catalog), [(1, 9.0), (2, 8.0), (3, 7.0)]);
    fs::write(&path, b"{\"step\": 1, \"loss\": 0.5}\n").unwrap();
    catalog.poll();
    assert_eq!(losses(&catalog), [(1, 0.5)]);
}

#[test]
fn values_of_a_deleted_file_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.jsonl");
    append(&path, b"{\"step\": 1, \"loss\": 2.0}\n");
    let mut catalog = Catalog::new(vec![directory.path().to_owned()]);
    catalog.poll();
    fs::remove_file(&path).unwrap();
    catalog.poll();
    assert_eq!(losses(&catalog), [(1, 2.0)]);
}

#[test]
fn zeros_are_read_once_they_are_filled() {
    let Some(whole) = fixture("tb/torch/whole") else { return };
    let source = fs::read_dir(whole).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&source).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(source.file_name().unwrap());
    let mut reference = Catalog::new(vec![source]);
    reference.load(true);
    let count = |catalog: &Catalog| {
        only(catalog).metrics.iter().map(nntop::catalog::Metric::len).sum::<usize>()
    };
    // At first the end contains zeros.
    let mut bytes = good.clone();
    bytes[15_000..].fill(0);
    fs::write(&path, &bytes).unwrap();
    let mut catalog = Catalog::new(vec![directory.path().to_owned()]);
    catalog.poll();
    let some = count(&catalog);
    assert!(some > 0 && some < count(&reference));
    // Then the middle does.
    bytes.copy_from_slice(&good);
    bytes[9_915..10_515].fill(0);
    fs::write(&path, &bytes).unwrap();
    catalog.poll();
    fs::write(&path, &good).unwrap();
    catalog.poll();
    assert_eq!(count(&catalog), count(&reference));
    assert!(only(&catalog).warnings.is_empty());
}

#[test]
fn a_new_file_of_a_run_supersedes_later_steps() {
    let Some(path) = fixture("tb/torch/restart-without-purge") else { return };
    let mut catalog = Catalog::new(vec![path]);
    catalog.load(true);
    let metric = only(&catalog).metric("loss/train").unwrap();
    assert_eq!(metric.len(), 122);
    let steps: Vec<i64> = metric.current().map(|point| point.step).collect();
    assert_eq!(steps, (0..=100).map(|n| 10 * n).collect::<Vec<_>>());
}

#[test]
fn metrics_survive_a_changed_configuration() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hparams.yaml"), "lr: 0.1\n").unwrap();
    append(&directory.path().join("metrics.csv"), b"step,loss\n1,2.0\n");
    let mut catalog = Catalog::new(vec![directory.path().to_owned()]);
    catalog.poll();
    fs::write(directory.path().join("hparams.yaml"), "lr: 0.25\n").unwrap();
    catalog.poll();
    assert_eq!(only(&catalog).setting("lr").unwrap().to_string(), "0.25");
    assert_eq!(losses(&catalog), [(1, 2.0)]);
}
