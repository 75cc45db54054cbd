//! Logs written by other tools, compared with `tests/fixtures/logs/expected`.
#![allow(clippy::float_cmp, reason = "values must be read exactly")]

mod expected;
mod exporting;
mod following;
mod growing;
mod printed;
mod tables;
mod tensorboard;
mod trackers;

use nntop::catalog::{Catalog, Run};
use std::path::PathBuf;

/// The path of a fixture; `None` in a packaged crate, which does not include them.
fn fixture(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs").join(name);
    path.exists().then_some(path)
}

/// Reads the logs at a path to the end.
fn load(path: PathBuf) -> Catalog {
    let mut catalog = Catalog::new(vec![path]);
    catalog.load(true);
    catalog
}

/// The only run of a catalog.
fn only(catalog: &Catalog) -> &Run {
    let runs: Vec<&Run> = catalog.runs().collect();
    assert_eq!(runs.len(), 1, "{:?}", runs.iter().map(|run| &run.name).collect::<Vec<_>>());
    runs[0]
}
