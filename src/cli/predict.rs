//! `nntop predict`: which digits pictures show.

use super::args::PredictArgs;
use super::error::Usage;
use super::output::{self, Output};
use crate::data::{Images, PictureError, Scan};
use crate::model::{Answer, Model};
use crate::picture::Picture;
use crate::reading::read;
use serde::Serialize;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// A line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    image: &'a Path,
    prediction: usize,
    name: &'a str,
    strength: f32,
    outputs: &'a [f64],
    /// The answer of each network of an ensemble; empty for one network.
    votes: &'a [usize],
}

/// Prints a line a picture. A picture that cannot be read is told on standard error, and the
/// others are answered all the same.
pub(super) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let model = args.import.load(&args.model, args.size)?;
    let names = model.spec().readout.names(&model.classes);
    let mut out = output::out();
    let mut code = ExitCode::SUCCESS;
    for image in &args.images {
        match answer(&model, image) {
            Ok((answer, digits)) => {
                if args.json {
                    print_json(&mut out, image, &answer)?;
                } else {
                    print(&mut out, image, &answer, &names)?;
                }
                if digits > 1 {
                    out.flush()?;
                    let (model, image) = (args.model.display(), image.display());
                    let note = format!(
                        "{image} seems to show {digits} digits, and this is the answer for one; \
                         `nntop read {model} {image}` reads them all"
                    );
                    let _ = writeln!(output::err(), "note: {note}");
                }
            }
            Err(error) => {
                out.flush()?;
                // Nobody is left to tell when standard error is gone too.
                let _ = writeln!(output::err(), "error: {}", Usage::value("<IMAGE>", error));
                code = ExitCode::from(super::USAGE);
            }
        }
    }
    out.flush()?;
    Ok(code)
}

/// Ink wider than this, over its height, may be several digits side by side.
const WIDE: f64 = 1.4;

/// The answer for a picture as one digit, and how many digits it seems to show.
fn answer(model: &Model, image: &Path) -> Result<(Answer, usize), PictureError> {
    let (width, height) = model.image;
    if model.channels != 1 {
        let images = Images::open_colour(image, model.image)?;
        return Ok((model.answer(&images).swap_remove(0), 1));
    }
    let picture = Scan::open(image)?.picture;
    let answer = model.answer(&picture.to_images(width, height)).swap_remove(0);
    Ok((answer, digits(model, &picture)))
}

/// How many digits a picture seems to show, one above the other or side by side.
fn digits(model: &Model, picture: &Picture) -> usize {
    let (_, _, width, height) = picture.bounds();
    if (width as f64) < WIDE * height as f64 {
        return 1;
    }
    // What cannot be read as lines of digits says nothing of how many there are.
    let Ok(reading) = read(model, picture) else { return 1 };
    let best = reading.lines.iter().filter_map(|line| line.segmentations.first());
    best.map(|way| way.digits.len()).sum::<usize>().max(1)
}

fn print_json(out: &mut Output<'_>, image: &Path, answer: &Answer) -> anyhow::Result<()> {
    let line = Line {
        event: "prediction",
        image,
        prediction: answer.answer,
        name: &answer.name,
        strength: answer.strength,
        outputs: &answer.outputs,
        votes: &answer.votes,
    };
    out.json(&line)?;
    Ok(())
}

fn print(out: &mut Output<'_>, image: &Path, answer: &Answer, names: &[String]) -> io::Result<()> {
    let percent = answer.strength * 100.0;
    write!(out, "{}: {} ({percent:.1}%)", image.display(), answer.name)?;
    if !answer.votes.is_empty() {
        let votes: Vec<&str> = answer.votes.iter().map(|&vote| names[vote].as_str()).collect();
        write!(out, ", votes {}", votes.join(" "))?;
    }
    writeln!(out)
}
