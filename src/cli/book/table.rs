//! A Markdown table of results.

use super::Usage;
use crate::cli::output::Output;
use crate::files;
use serde_json::Value;
use std::path::Path;

/// Maximum size of a file of results, in bytes.
const MAX_RESULTS: u64 = 64 << 20;

/// Prints the claims in a file of `nntop book --json` lines as a table; other lines are skipped.
pub(super) fn print(file: &Path, out: &mut Output<'_>) -> anyhow::Result<()> {
    let wrong = |problem: String| Usage::value("--table", format!("{}: {problem}", file.display()));
    let text = files::read::text(file, MAX_RESULTS)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    writeln!(
        out,
        "| experiment | the book's claim | expected | measured | seed | seconds | holds |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line)
            .map_err(|error| wrong(format!("line {number} is not a JSON object: {error}")))?;
        if value["event"] == "claim" {
            writeln!(out, "{}", row(&value))?;
        }
    }
    Ok(())
}

fn row(claim: &Value) -> String {
    let tolerance = match text(&claim["tolerance"]) {
        tolerance if tolerance.is_empty() => tolerance,
        tolerance => format!(" ({tolerance})"),
    };
    let seconds = claim["seconds"].as_f64().map_or("-".into(), |seconds| format!("{seconds:.1}"));
    let verdict = if claim["holds"] == true { "yes" } else { "**no**" };
    format!(
        "| {} | {} | {}{tolerance} | {} | {} | {seconds} | {verdict} |",
        text(&claim["id"]),
        text(&claim["claim"]),
        text(&claim["expected"]),
        text(&claim["measured"]),
        text(&claim["seed"]),
    )
}

/// The text of a cell, with `|` escaped.
fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let plain = number.as_f64().map(crate::protocol::Quantity::Number);
            plain.map_or_else(|| number.to_string(), |plain| plain.to_string())
        }
        Value::Null => "not a number".into(),
        other => other.to_string(),
    };
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failed_claim_is_marked() {
        let claim = json!({
            "id": "1-x", "claim": "|a| is 1", "expected": 95.42, "measured": 94.853_219,
            "tolerance": "±0.4 points", "holds": false, "seed": 1, "seconds": 12.345,
        });
        let expected = "| 1-x | \\|a\\| is 1 | 95.42 (±0.4 points) | 94.853 | 1 | 12.3 | **no** |";
        assert_eq!(row(&claim), expected);
    }
}
