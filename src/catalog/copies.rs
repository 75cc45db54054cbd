//! Files that duplicate others: skipped, or merged into the run they belong to.

use super::run_files::RunFiles;
use crate::logs::LogFile;
use crate::logs::formats;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The files of each run, by the run's path.
type Units = BTreeMap<PathBuf, RunFiles>;
/// Skipped files with the reason.
type SkippedFiles = HashMap<PathBuf, String>;

/// Skips duplicates and merges printed text into runs.
pub fn merge_duplicates(units: &mut Units, left_out: &mut SkippedFiles) {
    leave_out_copies(units, left_out);
    leave_out_older_states(units, left_out);
    join_printed_text(units);
}

/// Skips files in which Ray and Stable-Baselines write the same metrics in another format.
fn leave_out_copies(units: &mut Units, left_out: &mut SkippedFiles) {
    for unit in units.values_mut() {
        let names: Vec<String> =
            unit.files.iter().map(|member| file_name(member.log.path())).collect();
        let has = |name: &str| names.iter().any(|known| known == name);
        let has_events = names.iter().any(|name| name.contains("tfevents"));
        let copies: Vec<PathBuf> = unit
            .files
            .iter()
            .map(|member| member.log.path().to_path_buf())
            .filter(|path| {
                let name = file_name(path);
                if has("result.json") {
                    return name == "progress.csv" || name.contains("tfevents");
                }
                let is_progress = name == "progress.csv" || name == "progress.json";
                (is_progress && has_events) || (name == "progress.json" && has("progress.csv"))
            })
            .collect();
        for path in copies {
            let better = if has("result.json") { "result.json" } else { "its other logs" };
            unit.remove(&path);
            left_out.insert(path, format!("the same numbers as in {better}"));
        }
    }
}

/// Skips all trainer states of checkpoints except the newest: older ones may belong to a discarded
/// part of the run.
fn leave_out_older_states(units: &mut Units, left_out: &mut SkippedFiles) {
    for unit in units.values_mut() {
        let states: Vec<(i64, bool, PathBuf)> = unit
            .files
            .iter()
            .map(|member| member.log.path())
            .filter(|path| file_name(path) == "trainer_state.json")
            .map(|path| {
                let is_root = path.parent() == Some(&unit.path);
                (global_step(path), is_root, path.to_path_buf())
            })
            .collect();
        let Some(newest) = states.iter().max().cloned() else { continue };
        for (_, _, path) in states.into_iter().filter(|state| *state != newest) {
            unit.remove(&path);
            left_out.insert(path, format!("an older state than {}", newest.2.display()));
        }
    }
}

/// Merges printed text into a run whose metrics are logged in the same directory.
fn join_printed_text(units: &mut Units) {
    let printed: Vec<PathBuf> = units
        .iter()
        .filter(|(_, unit)| {
            unit.files.iter().all(|member| member.log.format().name.starts_with("printed text"))
        })
        .map(|(path, _)| path.clone())
        .collect();
    for path in printed {
        let Some(dir) = path.parent().filter(|_| path.is_file()) else { continue };
        if !units.get(dir).is_some_and(RunFiles::has_metrics) {
            continue;
        }
        let Some(text) = units.remove(&path) else { continue };
        let Some(unit) = units.get_mut(dir) else { continue };
        for member in text.files {
            let format = member.log.format();
            unit.add(LogFile::new(member.log.path(), format, &[]), member.id, true);
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The `global_step` at the start of a trainer state, or else the number in the name of its
/// checkpoint's directory; 0 if both are missing.
fn global_step(path: &Path) -> i64 {
    let head = std::fs::read(path).unwrap_or_default();
    let head = String::from_utf8_lossy(&head[..head.len().min(formats::SAMPLE)]);
    let stated = head.split("\"global_step\":").nth(1).and_then(|rest| {
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    let numbered =
        path.parent().map(file_name).and_then(|name| name.rsplit('-').next()?.parse().ok());
    stated.or(numbered).unwrap_or(0)
}
