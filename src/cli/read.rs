//! `nntop read`: several digits in one picture.

use super::args::ReadArgs;
use super::error::Usage;
use crate::data::{Images, Picture};
use crate::engine::{Answer, Glyph, Model, segment};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// The line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    image: &'a Path,
    /// The lines of writing, from the top.
    lines: &'a [String],
    digits: Vec<Digit<'a>>,
}

/// A digit, where it was found and what it is.
#[derive(Serialize)]
struct Digit<'a> {
    line: usize,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    prediction: usize,
    name: &'a str,
    strength: f32,
}

/// Prints the digits of a picture, a line for each line of writing.
pub(super) fn run(args: &ReadArgs) -> anyhow::Result<ExitCode> {
    let model = Model::load(&args.model).map_err(|error| Usage::value("<MODEL>", error))?;
    let picture = Picture::open(&args.image).map_err(|error| Usage::value("<IMAGE>", error))?;
    let glyphs = segment(&picture);
    let answers = model.answer(&images(&glyphs, model.image));
    let lines = lines(&glyphs, &answers);
    let mut out = io::stdout().lock();
    if args.json {
        let digits = glyphs.iter().zip(&answers).map(|(glyph, answer)| Digit {
            line: glyph.line,
            left: glyph.left,
            top: glyph.top,
            width: glyph.picture.width,
            height: glyph.picture.height,
            prediction: answer.answer,
            name: &answer.name,
            strength: answer.strength,
        });
        let (lines, digits) = (lines.as_slice(), digits.collect());
        let line = Line { event: "reading", image: &args.image, lines, digits };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        for line in &lines {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Every digit as the model wants it.
fn images(glyphs: &[Glyph], (width, height): (usize, usize)) -> Images {
    let pixels = glyphs.iter().flat_map(|glyph| glyph.picture.to_digit(width, height));
    Images { width, height, pixels: pixels.collect(), labels: vec![0; glyphs.len()] }
}

/// Names side by side; names of several letters get blanks between them.
fn lines(glyphs: &[Glyph], answers: &[Answer]) -> Vec<String> {
    let between =
        if answers.iter().all(|answer| answer.name.chars().count() == 1) { "" } else { " " };
    let mut lines: Vec<Vec<&str>> = Vec::new();
    for (glyph, answer) in glyphs.iter().zip(answers) {
        lines.resize(lines.len().max(glyph.line + 1), Vec::new());
        lines[glyph.line].push(&answer.name);
    }
    lines.iter().map(|names| names.join(between)).collect()
}
