//! Logs of other tools, and runs side by side: `watch`, `runs`, `compare`, and `export` of paths.

mod compare;
mod explain;
mod follow;
mod table;

use super::error::Usage;
use crate::catalog::Catalog;
use crate::session::Home;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `nntop watch`.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Log files, or directories to look into; `-` reads what a training prints from standard input
    /// [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Say of each file what it was recognised as and why, and end
    #[arg(long)]
    explain: bool,
    /// Read printed text with a regular expression whose named groups are metrics, such as
    /// `E(?<epoch>\d+) loss=(?<loss>\S+)`
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    /// Print the table of runs once, and end
    #[arg(long)]
    once: bool,
    /// Print one JSON object a run; implies --once
    #[arg(long)]
    json: bool,
}

/// Arguments of `nntop runs`.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Log files, or directories to look into [default: the runs of nntop itself]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only runs that a query matches, such as `lr<0.01 and val/acc>0.9 and not debug`
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// Sort by a column: `name`, `state`, `step`, a metric or a hyper-parameter; `-` in front turns
    /// the order round
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Metrics to show, with `*` for any characters [default: the most telling ones]
    #[arg(long = "metric", value_name = "GLOB")]
    metrics: Vec<String>,
    /// Print one JSON object a run
    #[arg(long)]
    json: bool,
}

/// Arguments of `nntop compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Log files, or directories with several runs [default: the runs of nntop itself]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only runs that a query matches
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// Metrics to show, with `*` for any characters [default: all]
    #[arg(long = "metric", value_name = "GLOB")]
    metrics: Vec<String>,
}

/// `nntop watch`.
pub(super) fn watch(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        if args.paths.len() > 1 {
            return Err(Usage::value("PATH", "`-` stands alone").into());
        }
        return follow::standard_input(args.pattern.as_deref(), args.once || args.json);
    }
    let paths = or_here(&args.paths)?;
    let mut catalog = Catalog::new(paths);
    if let Some(pattern) = &args.pattern {
        catalog = catalog.with_pattern(pattern).map_err(|why| Usage::value("--pattern", why))?;
    }
    catalog.load(args.explain || args.once || args.json);
    if args.explain {
        explain::print(&catalog)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.once || args.json {
        let shown = table::Shown::default();
        table::print(&catalog, &shown, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    follow::files(catalog)
}

/// `nntop runs`.
pub(super) fn runs(args: &RunsArgs) -> anyhow::Result<ExitCode> {
    let mut catalog = Catalog::new(or_own(&args.paths)?);
    catalog.load(true);
    let shown = table::Shown::new(args.filter.as_deref(), args.sort.as_deref(), &args.metrics)?;
    table::print(&catalog, &shown, args.json)?;
    Ok(ExitCode::SUCCESS)
}

/// `nntop compare`.
pub(super) fn compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let mut catalog = Catalog::new(or_own(&args.paths)?);
    catalog.load(true);
    let shown = table::Shown::new(args.filter.as_deref(), None, &args.metrics)?;
    compare::print(&catalog, &shown)?;
    Ok(ExitCode::SUCCESS)
}

/// The paths, all of which must exist; the current directory where there are none.
fn or_here(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    for path in paths {
        if !path.exists() {
            let problem = format!("{}: there is no such file or directory", path.display());
            return Err(Usage::value("PATH", problem).into());
        }
    }
    Ok(if paths.is_empty() { vec![PathBuf::from(".")] } else { paths.to_vec() })
}

/// The paths, or the directory of nntop's own runs.
fn or_own(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if paths.is_empty() {
        return Ok(vec![Home::of_user()?.path().to_path_buf()]);
    }
    or_here(paths)
}

/// Whether a name matches a pattern in which `*` stands for any characters and `?` for one.
fn matches_glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Where the last star stands, and how much of the name it takes so far.
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
    fn stars_stand_for_any_characters() {
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
