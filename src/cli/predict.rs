//! `nntop predict`: which digits pictures show.

use super::args::PredictArgs;
use super::error::Usage;
use super::model_arg;
use super::output::{self, Output};
use crate::data::{PictureError, Scan};
use crate::model::{Answer, Model};
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
    let model = model_arg::load(&args.model)?;
    let names = model.spec().readout.names(&model.classes);
    let mut out = output::out();
    let mut code = ExitCode::SUCCESS;
    for image in &args.images {
        match answer(&model, image) {
            Ok(answer) if args.json => print_json(&mut out, image, &answer)?,
            Ok(answer) => print(&mut out, image, &answer, &names)?,
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

fn answer(model: &Model, image: &Path) -> Result<Answer, PictureError> {
    let (width, height) = model.image;
    let images = Scan::open(image)?.picture.to_images(width, height);
    Ok(model.answer(&images).swap_remove(0))
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
