//! `nntop predict`: recognises digits in pictures.

use super::args::PredictArgs;
use super::error::Usage;
use super::output::{self, Output};
use crate::data::{Images, Scan};
use crate::model::Model;
use crate::reading::{ReadingError, Recognition, recognize, recognize_image};
use serde::Serialize;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Minimum ink, from 0 to 255, of a pixel that `--show` draws.
const DRAWN: u8 = 96;

/// A line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
struct PredictRecord<'a> {
    event: &'static str,
    image: &'a Path,
    prediction: usize,
    name: &'a str,
    strength: f32,
    outputs: &'a [f64],
    /// The prediction of each network of an ensemble; empty for a single network.
    votes: &'a [usize],
    /// Number of digits in the picture; if there are several, the prediction is for the clearest.
    digits: usize,
    unsure: bool,
}

/// Prints one line per picture. A picture that cannot be read is reported on standard error and
/// skipped.
pub(super) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let model = args.import.load(&args.model, args.size)?;
    let names = model.spec().readout.names(&model.classes);
    let mut out = output::out();
    let mut code = ExitCode::SUCCESS;
    for image in &args.images {
        match answer(&model, image) {
            Ok(found) => {
                if args.json {
                    print_json(&mut out, image, &found)?;
                } else {
                    print(&mut out, image, &found, &names)?;
                }
                if args.show && model.channels == 1 {
                    out.lines(&drawn(&found.pixels, model.image))?;
                }
                if found.digits > 1 {
                    out.flush()?;
                    let (model, image) = (args.model.display(), image.display());
                    let note = format!(
                        "{image} seems to show {} digits, and this is the answer for one; \
                         `nntop read {model} {image}` reads them all",
                        found.digits
                    );
                    let _ = writeln!(output::err(), "note: {note}");
                }
            }
            Err(error) => {
                out.flush()?;
                // Standard error may be closed, too.
                let _ = writeln!(output::err(), "error: {}", Usage::value("<IMAGE>", error));
                code = ExitCode::from(super::USAGE);
            }
        }
    }
    out.flush()?;
    Ok(code)
}

fn answer(model: &Model, image: &Path) -> anyhow::Result<Recognition> {
    let found = if model.channels == 1 {
        recognize(model, &Scan::open(image)?)?
    } else {
        recognize_image(model, Images::open_colour(image, model.image)?)
    };
    if found.answer.outputs.iter().any(|output| output.is_nan()) {
        let image = image.display();
        anyhow::bail!("{image}: {}", ReadingError::NotNumbers);
    }
    Ok(found)
}

fn print_json(out: &mut Output<'_>, image: &Path, found: &Recognition) -> anyhow::Result<()> {
    let Recognition { answer, digits, unsure, .. } = found;
    let line = PredictRecord {
        event: "prediction",
        image,
        prediction: answer.answer,
        name: &answer.name,
        strength: answer.strength,
        outputs: &answer.outputs,
        votes: &answer.votes,
        digits: *digits,
        unsure: *unsure,
    };
    out.json(&line)?;
    Ok(())
}

fn print(
    out: &mut Output<'_>,
    image: &Path,
    found: &Recognition,
    names: &[String],
) -> io::Result<()> {
    let answer = &found.answer;
    let percent = answer.strength * 100.0;
    write!(out, "{}: {} ({percent:.1}%)", image.display(), answer.name)?;
    if !answer.votes.is_empty() {
        let votes: Vec<&str> =
            answer.votes.iter().map(|&vote| names.get(vote).map_or("-", String::as_str)).collect();
        write!(out, ", votes {}", votes.join(" "))?;
    }
    if found.unsure {
        write!(out, ", unsure")?;
    }
    writeln!(out)
}

/// The digit as passed to the network, two rows of pixels per line.
fn drawn(pixels: &[u8], (width, height): (usize, usize)) -> String {
    let is_ink = |x: usize, y: usize| y < height && pixels[y * width + x] >= DRAWN;
    let cell = |x: usize, y: usize| match (is_ink(x, y), is_ink(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let line = |y: usize| {
        let cells: String = (0..width).map(|x| cell(x, y)).collect();
        format!("  {}\n", cells.trim_end())
    };
    (0..height).step_by(2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_of_pixels_are_drawn_per_line() {
        let pixels = [255, 0, 0, 0, 255, 0, 255, 255, 0];
        assert_eq!(drawn(&pixels, (3, 3)), "  ▀▄\n  ▀▀\n");
    }
}
