//! Logs of other tools: `watch`, `runs` and `compare`.

mod compare;
mod dashboard;
mod explain;
mod follow;
mod table;

pub(super) use table::json_number;

use super::dashboard::has_terminal;
use super::display::DisplayArgs;
use super::error::Usage;
use super::picture;
use crate::catalog::{Catalog, first_log};
use crate::session::Home;
use crate::ui::ViewId;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Arguments of `nntop watch`.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Log files or directories to search; `-` reads a training's printed output from standard
    /// input [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print what each file was recognised as and why, then exit
    #[arg(long)]
    explain: bool,
    /// Parse printed text with a regular expression whose named groups are metrics, such as
    /// `E(?<epoch>\d+) loss=(?<loss>\S+)`
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    /// Print a view once as text, by default the charts, then exit; `nntop picture PATH FILE`
    /// writes .png and .svg
    #[arg(long, value_name = "VIEW", num_args = 0..=1, require_equals = true, default_missing_value = "charts")]
    once: Option<OnceOutput>,
    /// Size of --once in columns and rows
    #[arg(long, default_value = "120x40", value_name = "WxH")]
    size: String,
    /// Print lines instead of drawing the dashboard, even on a terminal
    #[arg(long)]
    headless: bool,
    /// Print one JSON object per run, then exit
    #[arg(long)]
    json: bool,
}

/// What --once prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnceOutput {
    /// The charts of all metrics
    Charts,
    /// The table of runs, as the dashboard shows it
    Runs,
    /// The distributions of tensors over time
    Histograms,
    /// The newest picture
    Images,
    /// The newest text
    Texts,
}

/// Arguments of `nntop runs`.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Log files or directories to search [default: nntop's own runs]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only runs that match a query, such as `lr<0.01 and val/acc>0.9 and not debug`
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// Sort by a column: `name`, `state`, `step`, a metric or a hyper-parameter; a leading `-`
    /// reverses the order
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Metrics to show; `*` matches any characters [default: the most informative ones]
    #[arg(long = "metric", value_name = "GLOB")]
    metrics: Vec<String>,
    /// Print one JSON object per run
    #[arg(long)]
    json: bool,
}

/// Arguments of `nntop compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Log files or directories with several runs [default: nntop's own runs]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only runs that match a query
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// Metrics to show; `*` matches any characters [default: all]
    #[arg(long = "metric", value_name = "GLOB")]
    metrics: Vec<String>,
}

/// `nntop watch`.
pub(super) fn watch(args: &WatchArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        if args.paths.len() > 1 {
            return Err(Usage::value("PATH", "`-` cannot be combined with other paths").into());
        }
        return follow::standard_input(args.pattern.as_deref(), args.once.is_some() || args.json);
    }
    let paths = or_here(&args.paths)?;
    let mut catalog = Catalog::new(paths);
    if let Some(pattern) = &args.pattern {
        catalog = catalog.with_pattern(pattern).map_err(|why| Usage::value("--pattern", why))?;
    }
    let ends = args.explain || args.once.is_some() || args.json;
    if !ends && !args.headless && has_terminal() {
        return dashboard::show(catalog, ViewId::Compare, display);
    }
    catalog.load(ends);
    if args.paths.is_empty() {
        writeln!(super::output::err(), "{}", found(&catalog))?;
    }
    if args.explain {
        explain::print(&catalog)?;
    } else if args.json {
        table::print(&catalog, &table::TableSelection::default(), true)?;
    } else if let Some(once) = args.once {
        let size = picture::size(&args.size)?;
        let view = match once {
            OnceOutput::Charts => ViewId::Compare,
            OnceOutput::Runs => ViewId::Runs,
            OnceOutput::Histograms => ViewId::Histograms,
            OnceOutput::Images => ViewId::Images,
            OnceOutput::Texts => ViewId::Texts,
        };
        super::output::out().lines(&dashboard::once(catalog, view, size, display)?)?;
    } else {
        return follow::files(catalog);
    }
    Ok(ExitCode::SUCCESS)
}

/// A line about what was found below the current directory.
fn found(catalog: &Catalog) -> String {
    let kinds: Vec<String> =
        catalog.formats().into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    let runs = catalog.runs().count();
    if runs == 0 {
        let files = catalog.explain().len();
        return format!(
            "no runs below the current directory: {files} files are not logs of a known format; \
             `nntop watch --explain` says why"
        );
    }
    format!("{runs} runs below the current directory, in {}", kinds.join(", "))
}

/// How long `nntop` without arguments searches for logs in the current directory.
const HINT_TIMEOUT: Duration = Duration::from_millis(100);

/// Prints a hint if there are logs of other trainings below the current directory.
pub(super) fn hint_at_logs() {
    if let Some(path) = first_log(Path::new("."), Instant::now() + HINT_TIMEOUT) {
        let path = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        // Standard error may be closed.
        let _ = writeln!(
            super::output::err(),
            "there are logs of trainings below this directory, such as {path}: \
             `nntop watch` shows them"
        );
    }
}

/// `nntop runs`.
pub(super) fn runs(args: &RunsArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let mut catalog = Catalog::new(or_own(&args.paths)?);
    let plain =
        args.json || args.filter.is_some() || args.sort.is_some() || !args.metrics.is_empty();
    if !plain && has_terminal() {
        return dashboard::show(catalog, ViewId::Runs, display);
    }
    catalog.load(true);
    let shown =
        table::TableSelection::new(args.filter.as_deref(), args.sort.as_deref(), &args.metrics)?;
    table::print(&catalog, &shown, args.json)?;
    Ok(ExitCode::SUCCESS)
}

/// `nntop compare`.
pub(super) fn compare(args: &CompareArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let mut catalog = Catalog::new(or_own(&args.paths)?);
    if args.filter.is_none() && args.metrics.is_empty() && has_terminal() {
        return dashboard::show(catalog, ViewId::Compare, display);
    }
    catalog.load(true);
    let shown = table::TableSelection::new(args.filter.as_deref(), None, &args.metrics)?;
    compare::print(&catalog, &shown)?;
    Ok(ExitCode::SUCCESS)
}

/// The paths, all of which must exist; the current directory if there are none.
fn or_here(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    for path in paths {
        if !path.exists() {
            let problem = format!("{}: there is no such file or directory", path.display());
            return Err(Usage::value("PATH", problem).into());
        }
    }
    Ok(if paths.is_empty() { vec![PathBuf::from(".")] } else { paths.to_vec() })
}

/// The paths; the directory of nntop's own runs if there are none.
fn or_own(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if paths.is_empty() {
        return Ok(vec![Home::of_user()?.path().to_path_buf()]);
    }
    or_here(paths)
}

/// Whether a name matches a pattern with `*` for any characters and `?` for one.
pub(super) fn matches_glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Position of the last star, and how much of the name it currently matches.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    p = at + 1;
                    n = taken + 1;
                    star = Some((at, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches_glob;

    #[test]
    fn stars_match_any_characters() {
        for (pattern, name, matches) in [
            ("*", "", true),
            ("val/*", "val/acc", true),
            ("val/*", "train/acc", false),
            ("*/acc", "a/b/acc", true),
            ("*a*b?", "xaybz", true),
            ("loss", "loss2", false),
        ] {
            assert_eq!(matches_glob(pattern, name), matches, "{pattern} {name}");
        }
    }
}
