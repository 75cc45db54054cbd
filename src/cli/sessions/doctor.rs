//! `nntop doctor`: what this terminal and system support, and how to fix what is missing.

use super::super::output;
use super::logout::{self, Logout};
use crate::cli::dashboard::{self, NoTerminal};
use crate::linalg::{cpu_path, cpu_paths};
use crate::protocol::PROTOCOL_VERSION;
use crate::session::{self, Home};
use crate::ui::{ColorDepth, Environment};
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// A line of the report.
struct Finding {
    /// Key in JSON.
    key: &'static str,
    title: &'static str,
    value: Value,
    /// Text for people.
    text: String,
    good: bool,
}

/// Prints the report.
pub(super) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let findings = [
        versions(),
        linkage(),
        terminal(),
        size(),
        colours(),
        unicode(),
        mouse(),
        state_directory(),
        at_logout(),
        cpu(),
        sessions(),
    ];
    let mut out = output::out();
    if json {
        let object: Map<String, Value> =
            findings.into_iter().map(|finding| (finding.key.into(), finding.value)).collect();
        out.json(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    for Finding { title, text, good, .. } in findings {
        let mark = if good { "ok" } else { "!!" };
        writeln!(out, "{mark}  {title:<16} {text}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn versions() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    Finding {
        key: "version",
        title: "nntop",
        value: json!({ "nntop": version, "protocol": PROTOCOL_VERSION }),
        text: format!("{version}, protocol {PROTOCOL_VERSION}"),
        good: true,
    }
}

/// Whether the program is linked statically, or needs a recent C library.
fn linkage() -> Finding {
    let is_static = cfg!(target_feature = "crt-static");
    let text = if is_static {
        "static: this one file runs on any Linux of the same processor"
    } else {
        "needs the C library of a system as new as the one it was built on; the manual has the \
         command that builds a static one"
    };
    Finding {
        key: "static",
        title: "binary",
        value: json!(is_static),
        text: text.into(),
        good: true,
    }
}

fn terminal() -> Finding {
    let term = Environment::read().term;
    let (text, good) = match dashboard::terminal() {
        Ok(()) => (format!("TERM={term}"), true),
        Err(NoTerminal::Missing) => {
            ("none here: runs are printed as lines, `nntop train --headless`".into(), false)
        }
        Err(why) => (format!("{why}; until then runs are printed as lines"), false),
    };
    let here = io::stdin().is_terminal() && output::out_is_terminal();
    Finding { key: "terminal", title: "terminal", value: json!(here), text, good }
}

fn size() -> Finding {
    // The size that `stty size` prints; 0×0 means that the terminal does not know it.
    let size = output::terminal_size();
    let (value, text, good) = match size {
        Some((columns, rows)) if columns > 0 && rows > 0 => {
            let advice = match (columns >= 120 && rows >= 40, columns >= 40 && rows >= 12) {
                (true, _) => "everything fits",
                (false, true) => "120×40 shows everything at once",
                (false, false) => "40×12 is the least for a whole pane",
            };
            let fits = columns >= 40 && rows >= 12;
            (json!([columns, rows]), format!("{columns}×{rows}; {advice}"), fits)
        }
        Some((columns, rows)) => {
            let text = format!("{columns}×{rows}: `stty rows 40 columns 120` sets the size");
            (Value::Null, text, false)
        }
        None => (Value::Null, "not known".into(), false),
    };
    Finding { key: "size", title: "size", value, text, good }
}

/// How to get truecolor through programs between the terminal and this one.
const TRUECOLOR: &str = "truecolor: `export COLORTERM=truecolor`; through tmux, `set -as \
     terminal-features ',*:RGB'` in ~/.tmux.conf; through ssh, `SendEnv COLORTERM` here and \
     `AcceptEnv COLORTERM` there; or `--color truecolor` each time";

fn colours() -> Finding {
    let environment = Environment::read();
    let (name, text) = match environment.theme().depth {
        ColorDepth::True => ("truecolor", "truecolor".into()),
        ColorDepth::Ansi256 => ("256", format!("256; {TRUECOLOR}")),
        ColorDepth::Ansi16 => {
            ("16", "16; if the terminal has more: `export TERM=xterm-256color`".into())
        }
        ColorDepth::None if environment.no_color => ("none", "none: NO_COLOR is set".into()),
        ColorDepth::None => ("none", "none, according to TERM".into()),
    };
    let good = matches!(name, "truecolor" | "256");
    Finding { key: "colours", title: "colours", value: json!(name), text, good }
}

fn unicode() -> Finding {
    let environment = Environment::read();
    let good = environment.theme().unicode;
    let Environment { locale, term, .. } = &environment;
    let text = match (good, environment.is_utf8_locale()) {
        (true, _) => locale.clone(),
        // The locale supports UTF-8.
        (false, true) => format!("TERM={term} supports only ASCII characters"),
        (false, false) => {
            format!("locale `{locale}`: ASCII is drawn; LANG=C.UTF-8 gives finer pictures")
        }
    };
    Finding { key: "utf8", title: "UTF-8", value: json!(good), text, good }
}

fn mouse() -> Finding {
    let term = Environment::read().term;
    let good = Environment::read().can_draw() && term != "linux";
    let text = if good { "clicks and wheel, where the terminal reports them" } else { "none" };
    Finding { key: "mouse", title: "mouse", value: json!(good), text: text.into(), good }
}

fn state_directory() -> Finding {
    let (path, problem) = match Home::of_user() {
        Ok(home) => (home.path().display().to_string(), home.check_writable().err()),
        Err(error) => (String::new(), Some(error)),
    };
    let problem = problem.map(|error| error.to_string());
    let text = match &problem {
        None => path.clone(),
        Some(problem) => format!("{problem}; runs end with their terminal"),
    };
    Finding {
        key: "state_directory",
        title: "state directory",
        value: json!({ "path": path, "problem": problem }),
        text,
        good: problem.is_none(),
    }
}

fn at_logout() -> Finding {
    let (logout, lingers) = logout::here();
    let kills = match logout {
        Logout::Killed => json!(true),
        Logout::Spared | Logout::NoSystemd => json!(false),
        Logout::Unknown => Value::Null,
    };
    Finding {
        key: "logout",
        title: "logout",
        value: json!({ "kills_user_processes": kills, "linger": lingers }),
        text: logout.advice(lingers),
        good: matches!(logout, Logout::Spared | Logout::NoSystemd),
    }
}

fn cpu() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (path, paths) = (cpu_path(), cpu_paths());
    let text = match &path {
        Ok(path) => format!("{cores} cores, {path} kernels (NNTOP_CPU: {})", paths.join(", ")),
        Err(error) => error.to_string(),
    };
    Finding {
        key: "cpu",
        title: "CPU",
        value: json!({
            "cores": cores,
            "features": features(),
            "path": path.as_ref().ok(),
            "paths": paths,
        }),
        text,
        good: path.is_ok(),
    }
}

/// The instruction sets for the kernels.
#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let found = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

fn sessions() -> Finding {
    let runs = Home::of_user().and_then(|home| session::list(&home)).unwrap_or_default();
    let live: Vec<&str> = runs.iter().filter(|run| run.live).map(|run| run.name.as_str()).collect();
    let text = match live[..] {
        [] => format!("none live, {} kept", runs.len()),
        _ => format!("live: {}", live.join(", ")),
    };
    Finding { key: "sessions", title: "sessions", value: json!(live), text, good: true }
}
