//! The list of experiments, and suggestions for mistyped ids.

use super::Usage;
use crate::book;
use crate::book::{EXPERIMENTS, Experiment, OMITTED, OmittedExperiment};
use crate::cli::output::Output;
use serde_json::json;
use std::collections::BTreeSet;
use std::io;

/// Titles of the book's chapters, from 1 on.
const CHAPTERS: [&str; 6] = [
    "Using neural nets to recognize handwritten digits",
    "How the backpropagation algorithm works",
    "Improving the way neural networks learn",
    "A visual proof that neural nets can compute any function",
    "Why are deep neural networks hard to train?",
    "Deep learning",
];
/// Maximum edit distance of a suggested id.
const MAX_DISTANCE: usize = 4;

/// The experiment with this id.
pub(super) fn find(id: &str) -> Result<&'static Experiment, Usage> {
    if let Some(omitted) = OMITTED.iter().find(|omitted| omitted.id == id) {
        return Err(Usage::because(format!("`{id}` is left out: {}", omitted.reason)));
    }
    book::find(id).ok_or_else(|| {
        let near = near(id);
        let hint = if near.is_empty() {
            "`nntop book` lists them".into()
        } else {
            format!("did you mean {}? `nntop book` lists them all", near.join(" or "))
        };
        Usage::because(format!("there is no experiment `{id}`; {hint}"))
    })
}

/// Suggestions: ids that contain the text, otherwise the nearest ones.
fn near(id: &str) -> Vec<&'static str> {
    let typed = id.to_lowercase();
    let ids = || EXPERIMENTS.iter().map(|experiment| experiment.id);
    let containing: Vec<_> = ids().filter(|id| !typed.is_empty() && id.contains(&typed)).collect();
    if !containing.is_empty() {
        return containing.into_iter().take(5).collect();
    }
    let mut ranked: Vec<_> = ids().map(|id| (distance(&typed, id), id)).collect();
    ranked.sort_unstable();
    let nearest = ranked.first().map_or(0, |(distance, _)| *distance);
    let near = |distance: usize| distance <= MAX_DISTANCE && distance <= nearest + 1;
    ranked.into_iter().filter(|(d, _)| near(*d)).map(|(_, id)| id).take(3).collect()
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Prints experiments by chapter, or one JSON object per line.
pub(super) fn print(
    experiments: &[&Experiment],
    json: bool,
    out: &mut Output<'_>,
) -> io::Result<()> {
    let widest = experiments.iter().map(|experiment| experiment.id.len()).max().unwrap_or(0);
    let mut last = 0;
    for Experiment { id, chapter, title, expected, .. } in experiments {
        if json {
            let line =
                json!({ "id": id, "chapter": chapter, "title": title, "expected": expected });
            out.json(&line)?;
            continue;
        }
        if *chapter != last {
            if last != 0 {
                writeln!(out)?;
            }
            let name = CHAPTERS.get(*chapter as usize - 1).unwrap_or(&"");
            writeln!(out, "Chapter {chapter}: {name}")?;
            last = *chapter;
        }
        writeln!(out, "  {id:widest$}  {title}")?;
        writeln!(out, "  {:widest$}    {expected}", "")?;
    }
    if !json {
        let chapters: BTreeSet<u32> =
            experiments.iter().map(|experiment| experiment.chapter).collect();
        let omitted = OMITTED.iter().filter(|omitted| chapters.contains(&omitted.chapter));
        for (number, OmittedExperiment { id, title, reason, .. }) in omitted.enumerate() {
            if number == 0 {
                out.lines("\nLeft out")?;
            }
            writeln!(out, "  {id:widest$}  {title}")?;
            writeln!(out, "  {:widest$}    {reason}", "")?;
        }
        out.lines("\n`nntop book ID` runs one, with --quick in seconds; --all runs every one.")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_ids_are_suggested() {
        assert_eq!(near("1-nadn"), ["1-nand"]);
        assert_eq!(near("darkness"), ["1-darkness"]);
        assert_eq!(near("something else altogether"), Vec::<&str>::new());
        assert_eq!([distance("kitten", "sitting"), distance("", "abc")], [3, 3]);
    }
}
