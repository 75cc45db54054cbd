//! `--explain`: what each file was recognised as, and why.

use crate::catalog::Catalog;
use crate::cli::output;
use std::io;

pub(super) fn print(catalog: &Catalog) -> io::Result<()> {
    let mut out = output::out();
    let explained = catalog.explain();
    if explained.is_empty() {
        return writeln!(out, "no files");
    }
    for file in &explained {
        let path = file.path.display();
        match (file.format, &file.run) {
            (Some(format), Some(run)) => {
                writeln!(out, "{path}: {format}, run {run}: {}", file.why)?;
            }
            (Some(format), None) => writeln!(out, "{path}: {format}: {}", file.why)?,
            (None, _) => writeln!(out, "{path}: not read: {}", file.why)?,
        }
    }
    for (run, path, problem) in catalog.problems() {
        writeln!(out, "{run}: {}: {problem}", path.display())?;
    }
    let read = explained.iter().filter(|file| file.format.is_some()).count();
    writeln!(out, "{read} of {} files read, {} runs", explained.len(), catalog.runs().count())
}
