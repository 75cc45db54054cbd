//! Logs of other tools, written by the real ones, read as `tests/fixtures/logs/expected` says.
#![allow(clippy::float_cmp, reason = "what is read must be what was written, to the last bit")]

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

/// A fixture's path; none in a packaged crate, which leaves them out.
fn fixture(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs").join(name);
    path.exists().then_some(path)
}

/// What lies at a path, read to its end.
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
