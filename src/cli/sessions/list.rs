//! Lists runs, prints their logs, and deletes them.

use super::super::error::Usage;
use super::super::output;
use super::find;
use crate::protocol::printable;
use crate::session::{self, Home, RunDir, RunSummary};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

/// Maximum time for a session without clients to end.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum width of a cell of the table, in characters.
const MAX_CELL: usize = 100;

/// `nntop ls`.
pub(super) fn ls(json: bool) -> anyhow::Result<ExitCode> {
    let runs = session::list(&Home::of_user()?)?;
    let mut out = output::out();
    if json {
        for run in &runs {
            out.json(run)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if runs.is_empty() && output::out_is_terminal() {
        writeln!(output::err(), "no runs yet; `nntop` starts one")?;
    }
    let differing = differing(&runs);
    let mut header =
        vec!["NAME", "STATE", "EPOCH", "BEST VALIDATION", "AGE", "CLIENTS", "ID", "NETWORK"];
    header.extend((!differing.is_empty()).then_some("RECIPE"));
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, &differing)).collect();
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let cells = rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.width()));
            cells.max().unwrap_or(0).max(name.width())
        })
        .collect();
    if !rows.is_empty() {
        writeln!(out, "{}", line(&header, &widths))?;
    }
    for row in &rows {
        writeln!(out, "{}", line(row, &widths))?;
    }
    for run in &runs {
        if let Some(problem) = &run.problem {
            writeln!(output::err(), "{}: {problem}", run.name)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(run: &RunSummary, differing: &[String]) -> Vec<String> {
    vec![
        run.name.clone(),
        run.state.word().into(),
        if run.epochs > 0 { format!("{}/{}", run.epoch, run.epochs) } else { "-".into() },
        run.best_accuracy.map_or_else(|| "-".into(), |a| format!("{:.2}%", 100.0 * a)),
        age(run.age_seconds),
        if run.live { run.clients.to_string() } else { "-".into() },
        run.id.clone(),
        work(run),
        choices(run, differing),
    ]
    .into_iter()
    .map(|cell| truncated(&cell))
    .collect()
}

/// A cell of at most [`MAX_CELL`] printable characters: a network can have any number of layers.
fn truncated(cell: &str) -> String {
    let cell = printable(cell);
    if cell.chars().count() <= MAX_CELL {
        return cell.into_owned();
    }
    cell.chars().take(MAX_CELL - 1).chain(['…']).collect()
}

/// The recipe fields that differ between runs and have no column of their own.
fn differing(runs: &[RunSummary]) -> Vec<String> {
    /// Fields shown elsewhere in the list, or without influence on the result.
    const SHOWN: [&str; 4] = ["layers", "also", "epochs", "threads"];
    let mut recipes = runs.iter().map(|run| &run.recipe).filter(|recipe| !recipe.is_empty());
    let Some(first) = recipes.next() else { return Vec::new() };
    let mut differing = BTreeSet::new();
    for recipe in recipes {
        let names = first.keys().chain(recipe.keys());
        differing.extend(names.filter(|name| first.get(*name) != recipe.get(*name)));
    }
    let differs = |name: &&String| differing.contains(name) && !SHOWN.contains(&name.as_str());
    // Fields of the first recipe come first, in order; those that only others have come last.
    let known = first.keys().filter(differs);
    let others =
        differing.iter().copied().filter(|name| !first.contains_key(*name)).filter(differs);
    known.chain(others).cloned().collect()
}

/// A run's values of the fields that differ.
fn choices(run: &RunSummary, differing: &[String]) -> String {
    let choice = |name: &String| {
        let value = run.recipe.get(name)?;
        let name = name.replace('_', "-");
        Some(match value {
            Value::Null => return None,
            Value::Bool(false) => return None,
            Value::Bool(true) => name,
            Value::String(text) => format!("{name} {text}"),
            Value::Array(list) if list.is_empty() => return None,
            other => format!("{name} {}", other.to_string().replace('"', "")),
        })
    };
    differing.iter().filter_map(choice).collect::<Vec<_>>().join(", ")
}

/// The network, or the experiment and its state.
fn work(run: &RunSummary) -> String {
    match &run.experiment {
        Some(id) if run.claims > 0 => {
            format!("book {id}: {} of {} claims hold", run.claims_holding, run.claims)
        }
        Some(id) => format!("book {id}"),
        None if run.networks > 1 => format!("{} × {}", run.networks, run.network),
        None => run.network.clone(),
    }
}

fn line(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let cell = cell.as_ref();
        format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_string()
}

/// A duration in its largest unit.
fn age(seconds: f64) -> String {
    let seconds = seconds as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `nntop logs`.
pub(super) fn logs(run: &RunDir) -> anyhow::Result<ExitCode> {
    let mut out = output::out();
    for path in [run.log().with_extension("old"), run.log()] {
        match fs::read(&path) {
            Ok(log) => out.lines(&String::from_utf8_lossy(&log))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(path.display().to_string()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `nntop rm`.
pub(super) fn rm(prefixes: &[String], sure: bool) -> anyhow::Result<ExitCode> {
    let home = Home::of_user()?;
    let runs = prefixes.iter().map(|prefix| find(&home, prefix));
    let runs = runs.collect::<Result<Vec<RunDir>, _>>()?;
    for run in &runs {
        if sure {
            end_waiting_session(run)?;
        }
        if !until_free(run)? {
            bail!("`{0}` is live; `nntop stop {0}` first", run.name());
        }
    }
    for run in &runs {
        if !sure && !confirm(run)? {
            continue;
        }
        if !run.remove()? {
            bail!("`{}` was resumed meanwhile", run.name());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the session of a run that is over and to which no client is attached, if it does not exit
/// by itself: its last events wait for room on a full disk.
fn end_waiting_session(run: &RunDir) -> anyhow::Result<()> {
    let RunSummary { state, pid, clients, .. } = session::summarize(run);
    if state.is_over() && clients == 0 && !wait_for_exit(run) {
        let pid = pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid.filter(|_| run.is_live()) {
            kill_process(pid, Signal::TERM).context("the session cannot be ended")?;
        }
    }
    Ok(())
}

/// Waits up to [`EXIT_TIMEOUT`] for the session of a run to exit; returns whether it has.
fn wait_for_exit(run: &RunDir) -> bool {
    let start = Instant::now();
    while run.is_live() && start.elapsed() < EXIT_TIMEOUT {
        thread::sleep(Duration::from_millis(20));
    }
    !run.is_live()
}

/// Waits for the session of a run that has ended to exit, as it does without clients; false if the
/// run is still live.
///
/// # Errors
/// If a client stays attached, or the last events wait for room on a full disk.
pub(super) fn until_free(run: &RunDir) -> anyhow::Result<bool> {
    if !run.is_live() {
        return Ok(true);
    }
    let RunSummary { name, state, live, .. } = session::summarize(run);
    if live && !state.is_over() {
        return Ok(false);
    }
    if !wait_for_exit(run) {
        let state = state.word();
        if session::summarize(run).clients > 0 {
            bail!("`{name}` is {state}, but a client is still attached: detach it first");
        }
        bail!(
            "`{name}` is {state}, but its last events wait for room on the disk: free some, or \
             remove the run by `nntop rm --yes {name}`"
        );
    }
    Ok(true)
}

/// Asks the user whether to delete a run.
fn confirm(run: &RunDir) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let problem = format!(
            "without a terminal the deletion of `{}` cannot be confirmed; give --yes",
            run.name()
        );
        return Err(Usage::because(problem).into());
    }
    let summary = session::summarize(run);
    let state = summary.state.word();
    let (name, epoch) = (&summary.name, summary.epoch);
    let mut out = output::out();
    write!(out, "Remove {name} ({state}, epoch {epoch}) for good? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_use_the_largest_unit() {
        let ages = [0.0, 59.9, 60.0, 7199.0, 86_399.0, 200_000.0].map(age);
        assert_eq!(ages, ["0s", "59s", "1m", "1h", "23h", "2d"]);
    }
}
