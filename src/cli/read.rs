//! `nntop read`: several digits in one picture.

use super::args::ReadArgs;
use super::dashboard::{has_terminal, show_without_run};
use super::display::DisplayArgs;
use super::error::Usage;
use super::output;
use crate::data::Scan;
use crate::protocol::{ReadLine, Reading, Segmentation};
use crate::reading::{is_unsure, read};
use crate::ui::{App, Setup, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// Columns and rows of the view where there is no terminal.
const PICTURE: Rect = Rect::new(0, 0, 120, 40);

/// The line of `--json`; lengths are in pixels of the file. Fields are added, never renamed.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    image: &'a Path,
    /// The lines of writing, from the top.
    lines: Vec<String>,
    digits: Vec<Digit<'a>>,
    /// For each line the best ways to cut it, best first.
    segmentations: Vec<Vec<Way>>,
}

/// A digit, where it was found and what it is.
#[derive(Serialize)]
struct Digit<'a> {
    line: usize,
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    prediction: u32,
    name: &'a str,
    strength: f32,
    unsure: bool,
    /// How much speaks for it being a digit, and this one; 0 would be beyond doubt.
    score: f64,
    second: Option<&'a str>,
    second_strength: Option<f32>,
    /// The answer of each network of an ensemble; empty for one network.
    votes: &'a [u32],
}

/// A way to cut a line.
#[derive(Serialize)]
struct Way {
    text: String,
    score: f64,
    /// Paths down the line, each a list of (column, row).
    cuts: Vec<Vec<(u32, u32)>>,
}

/// Prints the digits of a picture, a line for each line of writing, or shows how they were found.
pub(super) fn run(args: &ReadArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let model = args.import.load(&args.model, args.size)?;
    if model.channels != 1 {
        let problem = "reads colour images, but lines of digits are read in grey";
        return Err(Usage::value("<MODEL>", problem).into());
    }
    let scan = Scan::open(&args.image).map_err(|error| Usage::value("<IMAGE>", error))?;
    let reading = read(&model, &scan).map_err(|error| Usage::value("<IMAGE>", error))?;
    let mut out = output::out();
    if args.json {
        out.json(&line(&args.image, &reading))?;
    } else if args.show {
        let reading = Some((args.image.display().to_string(), reading));
        if has_terminal() {
            drop(out);
            let (theme, besides) = (display.theme(), display.besides());
            show_without_run(Setup { theme, besides, reading, ..Setup::default() }, display)?;
            return Ok(ExitCode::SUCCESS);
        }
        let setup = Setup { theme: display.text_theme(), reading, ..Setup::default() };
        out.lines(&picture(setup))?;
    } else {
        for best in best(&reading) {
            writeln!(out, "{}", best.text())?;
        }
        out.flush()?;
        // Beside the digits, which scripts take as they are.
        if let Some(unsure) = unsure(&reading) {
            let _ = writeln!(output::err(), "{unsure}");
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Which digits may well be wrong, in a sentence.
fn unsure(reading: &Reading) -> Option<String> {
    let digits = best(reading).enumerate().flat_map(|(line, best)| {
        best.digits.iter().enumerate().map(move |(at, digit)| (line, at, digit))
    });
    let unsure: Vec<String> = digits
        .filter(|(_, _, digit)| is_unsure(digit))
        .map(|(line, at, digit)| {
            let percent = 100.0 * digit.strength;
            format!("digit {} of line {} ({} {percent:.0}%)", at + 1, line + 1, digit.name)
        })
        .collect();
    (!unsure.is_empty()).then(|| format!("unsure: {}", unsure.join(", ")))
}

/// The view as plain text.
fn picture(setup: Setup) -> String {
    let mut buffer = Buffer::empty(PICTURE);
    App::new(setup).render(&mut buffer);
    text(&buffer)
}

/// The best segmentation of each line.
fn best(reading: &Reading) -> impl Iterator<Item = &Segmentation> {
    reading.lines.iter().filter_map(|line| line.segmentations.first())
}

fn line<'a>(image: &'a Path, reading: &'a Reading) -> Line<'a> {
    let by = reading.shrunk;
    let digits = best(reading).enumerate().flat_map(|(line, best)| {
        best.digits.iter().map(move |digit| Digit {
            line,
            left: digit.left * by,
            top: digit.top * by,
            width: digit.width * by,
            height: digit.height * by,
            prediction: digit.prediction,
            name: &digit.name,
            strength: digit.strength,
            unsure: is_unsure(digit),
            score: digit.score,
            second: digit.second.as_ref().map(|(name, _)| name.as_str()),
            second_strength: digit.second.as_ref().map(|(_, strength)| *strength),
            votes: &digit.votes,
        })
    });
    Line {
        event: "reading",
        image,
        lines: best(reading).map(Segmentation::text).collect(),
        digits: digits.collect(),
        segmentations: reading.lines.iter().map(|line| ways(line, by)).collect(),
    }
}

fn ways(line: &ReadLine, by: u32) -> Vec<Way> {
    let path = |cut: &Vec<u32>| {
        let rows = (line.top..).zip(cut);
        rows.map(|(row, column)| (column * by, row * by)).collect()
    };
    let way = |way: &Segmentation| Way {
        text: way.text(),
        score: way.score,
        cuts: way.cuts.iter().map(path).collect(),
    };
    line.segmentations.iter().map(way).collect()
}
