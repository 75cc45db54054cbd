//! A comparison of runs as text: differences in their configuration, and their metrics.

use super::table::{TableSelection, columns, short};
use crate::catalog::metric::summarize;
use crate::catalog::{Catalog, Run, group};
use crate::cli::output;
use std::io;

pub(super) fn print(catalog: &Catalog, shown: &TableSelection) -> io::Result<()> {
    let runs = shown.runs(catalog);
    if runs.is_empty() {
        return writeln!(output::err(), "no run matches");
    }
    let cell = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut rows = vec![
        std::iter::once(String::new()).chain(runs.iter().map(|run| run.name.clone())).collect(),
    ];
    for name in group::differing_settings(&runs) {
        let values = runs.iter().map(|run| cell(run.setting(&name).map(ToString::to_string)));
        rows.push(std::iter::once(name.clone()).chain(values).collect::<Vec<_>>());
    }
    for name in shown.metrics(&runs) {
        let best = |run: &Run| run.metric(&name).and_then(summarize)?.best.map(short);
        let last = |run: &Run| Some(short(run.metric(&name).and_then(summarize)?.last));
        let row = |label: &str, value: &dyn Fn(&Run) -> Option<String>| {
            let values = runs.iter().map(|run| cell(value(run)));
            std::iter::once(format!("{name}{label}")).chain(values).collect::<Vec<_>>()
        };
        rows.push(row(" (last)", &last));
        rows.push(row(" (best)", &best));
    }
    columns(&rows)
}
