//! `nntop read`: recognises several digits in one picture.

use super::args::ReadArgs;
use super::dashboard::{has_terminal, show_without_run};
use super::display::DisplayArgs;
use super::error::Usage;
use super::output;
use crate::data::{Rectification, Scan};
use crate::protocol::{ReadDigit, ReadLine, Reading, Segmentation};
use crate::reading::{is_unsure, read};
use crate::ui::{App, DashboardSetup, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// Columns and rows of the view without a terminal.
const PICTURE: Rect = Rect::new(0, 0, 120, 40);

/// The line of `--json`; lengths are in pixels of the file. Fields are added, never renamed.
#[derive(Serialize)]
struct ReadRecord<'a> {
    event: &'static str,
    image: &'a Path,
    /// The readings of the lines, from top to bottom.
    lines: Vec<String>,
    digits: Vec<Digit<'a>>,
    /// For each line the best segmentations, best first.
    segmentations: Vec<Vec<SegmentationRecord>>,
}

/// A recognised digit and its position.
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
    /// Score for being this digit; 0 is certain.
    score: f64,
    second: Option<&'a str>,
    second_strength: Option<f32>,
    /// The prediction of each network of an ensemble; empty for a single network.
    votes: &'a [u32],
}

/// A segmentation of a line.
#[derive(Serialize)]
struct SegmentationRecord {
    text: String,
    score: f64,
    /// Paths down the line, each a list of (column, row).
    cuts: Vec<Vec<(u32, u32)>>,
}

/// Prints the digits of a picture, one line per line of writing, or shows the segmentation.
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
            let (theme, extras) = (display.theme(), display.extras());
            show_without_run(
                DashboardSetup { theme, extras, reading, ..DashboardSetup::default() },
                display,
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let setup =
            DashboardSetup { theme: display.text_theme(), reading, ..DashboardSetup::default() };
        out.lines(&picture(setup))?;
    } else {
        for best in best(&reading) {
            writeln!(out, "{}", best.text())?;
        }
        out.flush()?;
        // On standard error, so that scripts get only the digits.
        if let Some(unsure) = unsure(&reading) {
            let _ = writeln!(output::err(), "{unsure}");
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A sentence about the digits that may be wrong.
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
fn picture(setup: DashboardSetup) -> String {
    let mut buffer = Buffer::empty(PICTURE);
    App::new(setup).render(&mut buffer);
    text(&buffer)
}

/// The best segmentation of each line.
fn best(reading: &Reading) -> impl Iterator<Item = &Segmentation> {
    reading.lines.iter().filter_map(|line| line.segmentations.first())
}

/// Converts positions to those in the picture's file.
#[derive(Clone, Copy)]
struct FilePositions {
    shrunk: u32,
    straightening: Option<Rectification>,
}

impl FilePositions {
    fn of(reading: &Reading) -> Self {
        let straightening = reading.straightened.map(Rectification::from_coefficients);
        Self { shrunk: reading.shrunk, straightening }
    }

    fn place(self, column: u32, row: u32) -> (u32, u32) {
        let (x, y) = (column * self.shrunk, row * self.shrunk);
        self.straightening.map_or((x, y), |back| {
            let [x, y] = back.place([x as f32, y as f32]).map(|at| at.round().max(0.0) as u32);
            (x, y)
        })
    }

    /// Left, top, width and height of the box around a digit.
    fn of_digit(self, digit: &ReadDigit) -> [u32; 4] {
        let (right, bottom) = (digit.left + digit.width, digit.top + digit.height);
        let corners = [digit.left, right].map(|x| [digit.top, bottom].map(|y| self.place(x, y)));
        let corners = corners.as_flattened();
        let least = |of: fn(&(u32, u32)) -> u32| corners.iter().map(of).min().unwrap_or(0);
        let most = |of: fn(&(u32, u32)) -> u32| corners.iter().map(of).max().unwrap_or(0);
        let (left, top) = (least(|at| at.0), least(|at| at.1));
        [left, top, most(|at| at.0) - left, most(|at| at.1) - top]
    }
}

fn line<'a>(image: &'a Path, reading: &'a Reading) -> ReadRecord<'a> {
    let places = FilePositions::of(reading);
    let digit_at = move |line, digit: &'a ReadDigit| {
        let [left, top, width, height] = places.of_digit(digit);
        Digit {
            line,
            left,
            top,
            width,
            height,
            prediction: digit.prediction,
            name: &digit.name,
            strength: digit.strength,
            unsure: is_unsure(digit),
            score: digit.score,
            second: digit.second.as_ref().map(|(name, _)| name.as_str()),
            second_strength: digit.second.as_ref().map(|(_, strength)| *strength),
            votes: &digit.votes,
        }
    };
    let digits = best(reading)
        .enumerate()
        .flat_map(|(line, best)| best.digits.iter().map(move |digit| digit_at(line, digit)));
    ReadRecord {
        event: "reading",
        image,
        lines: best(reading).map(Segmentation::text).collect(),
        digits: digits.collect(),
        segmentations: reading.lines.iter().map(|line| segmentations(line, places)).collect(),
    }
}

fn segmentations(line: &ReadLine, places: FilePositions) -> Vec<SegmentationRecord> {
    let path = |cut: &Vec<u32>| {
        let rows = (line.top..).zip(cut);
        rows.map(|(row, column)| places.place(*column, row)).collect()
    };
    let way = |way: &Segmentation| SegmentationRecord {
        text: way.text(),
        score: way.score,
        cuts: way.cuts.iter().map(path).collect(),
    };
    line.segmentations.iter().map(way).collect()
}
