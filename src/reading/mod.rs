//! Reads several digits in one picture: the segmentation problem of the book's section 1.4.
//!
//! "We could use the individual digit classifier to score each trial segmentation": every path from
//! the top to the bottom of a line that crosses little ink is a candidate cut, and the ink between
//! two cuts a candidate digit. The network scores each candidate, and the segmentation with the
//! highest total score is the reading. This separates touching digits, and keeps the separate
//! strokes of a five together.

mod cut;
mod interpretation;
mod lattice;
mod lines;
mod piece;
mod score;
mod single;
mod verdict;

use crate::data::{Images, Scan};
use crate::model::{Answer, Model};
use crate::picture::{Component, Components, Picture};
use crate::protocol::{ReadDigit, ReadLine, Reading, Segmentation};
use cut::Cut;
use lattice::LatticeStep;
use piece::Candidate;
use score::PieceShape;
pub use single::{Recognition, is_unsure, recognize, recognize_image};
use verdict::{PiecePrediction, verdict};

/// Maximum width of a piece, as a fraction of the height of a digit.
const WIDEST: f32 = 1.6;
/// Maximum gap inside a piece, as a fraction of the height of a digit.
const GAP: f32 = 0.3;
/// Number of segmentations kept for each line.
const KEPT: usize = 5;
/// A line read with this confidence is not compared with other interpretations.
const CONFIDENT: f32 = 0.85;
/// Height of a digit, in pixels, that suffices to find cuts.
const ENOUGH: usize = 30;

/// Maximum number of separate pieces of ink, because finding lines takes quadratic time. A page of
/// small writing has about 500, a halftone picture many times the limit.
const MAX_PIECES: usize = 5000;

/// Why a picture cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    #[error(
        "{found} separate pieces of ink are not lines of digits: at most {MAX_PIECES} are read; give \
         a picture without dots or texture"
    )]
    Specks { found: usize },
    #[error(
        "the model's outputs are not numbers, so there is no prediction: its weights are too large, or \
         its training diverged"
    )]
    NotNumbers,
}

/// All candidate digits of a picture.
#[derive(Clone, Debug)]
pub struct PageCandidates {
    picture: Picture,
    /// Each pixel of `picture` is a square of `shrunk` × `shrunk` pixels of the given picture.
    shrunk: usize,
    lines: Vec<TextLine>,
}

/// A line of writing with all its candidate cuts.
#[derive(Clone, Debug)]
struct TextLine {
    left: usize,
    top: usize,
    size: (usize, usize),
    /// The height of a digit in pixels.
    digit: f32,
    cuts: Vec<Cut>,
    candidates: Vec<Candidate>,
}

/// Reads a picture, choosing the interpretation of its ink that the model is most confident of.
///
/// # Errors
/// If there are too many pieces of ink for a page of writing, or the model's outputs are not
/// numbers.
pub fn read(model: &Model, scan: &Scan) -> Result<Reading, ReadingError> {
    let found = interpretation::interpret(model, scan)?;
    Ok(found.map(|found| found.reading).unwrap_or_default())
}

/// Reads ink that was already extracted.
///
/// # Errors
/// As [`read`].
pub fn read_picture(model: &Model, picture: &Picture) -> Result<Reading, ReadingError> {
    let sheet = PageCandidates::of(picture)?;
    let answers = model.answer(&sheet.images(model.image));
    if answers.iter().any(|answer| answer.outputs.iter().any(|output| output.is_nan())) {
        return Err(ReadingError::NotNumbers);
    }
    Ok(sheet.decide(model, &answers))
}

/// Mean strength of the digits of the best segmentations, weighted by size.
fn confidence(reading: &Reading) -> f32 {
    let digits = || best_digits(reading);
    let ink = |digit: &ReadDigit| (digit.width + digit.height) as f32;
    let all: f32 = digits().map(ink).sum();
    digits().map(|digit| digit.strength * ink(digit)).sum::<f32>() / all.max(1.0)
}

fn best_digits(reading: &Reading) -> impl Iterator<Item = &ReadDigit> {
    reading.lines.iter().filter_map(|line| line.segmentations.first()).flat_map(|one| &one.digits)
}

impl PageCandidates {
    /// Finds all candidate cuts of a picture. Large writing is scaled down first.
    ///
    /// # Errors
    /// If there are too many pieces of ink for a page of writing.
    pub fn of(picture: &Picture) -> Result<Self, ReadingError> {
        let shrunk = (lines::digit_height(&Components::of(picture).list) / ENOUGH).max(1);
        let picture = picture.shrunk(shrunk);
        let (pieces, lines) = lines::lines(Components::of(&picture))?;
        let line = |members: Vec<Component>| {
            let (alone, place) = pieces.cut_out(&picture, &members);
            TextLine::of(&alone, place, lines::digit_height(&members))
        };
        let lines = lines.into_iter().map(line).collect();
        Ok(Self { picture, shrunk, lines })
    }

    /// All candidate digits, normalized for a network.
    #[must_use]
    pub fn images(&self, (width, height): (usize, usize)) -> Images {
        let candidates = || self.lines.iter().flat_map(|line| &line.candidates);
        let pixels = candidates().flat_map(|one| one.picture.normalized(width, height)).collect();
        let labels = vec![0; candidates().count()];
        Images { width, height, channels: 1, pixels, labels }
    }

    /// Chooses the segmentations from the model's predictions for [`PageCandidates::images`].
    ///
    /// # Panics
    /// If the numbers of predictions and images differ.
    #[must_use]
    pub fn decide(&self, model: &Model, answers: &[Answer]) -> Reading {
        let mut rest = answers;
        let lines = self.lines.iter().map(|line| {
            let (own, others) = rest.split_at(line.candidates.len());
            rest = others;
            line.decide(model, own)
        });
        Reading {
            lines: lines.collect(),
            width: self.picture.width as u32,
            height: self.picture.height as u32,
            ink: self.picture.ink.clone(),
            shrunk: self.shrunk as u32,
            seen: [model.image.0 as u32, model.image.1 as u32],
            straightened: None,
        }
    }
}

impl TextLine {
    fn of(picture: &Picture, (left, top): (usize, usize), digit: usize) -> Self {
        let digit = digit as f32;
        let mut cuts = cut::cuts(picture, digit);
        piece::remove_empty_cuts(picture, &mut cuts);
        let mut candidates = Vec::new();
        for first in 0..cuts.len() {
            for last in first + 1..cuts.len() {
                let Some(piece) = piece::between(picture, &cuts, [first, last]) else { continue };
                if piece.picture.width as f32 > WIDEST * digit && last > first + 1 {
                    break;
                }
                // Pieces between neighbouring cuts are always kept, so that every line has a path.
                let neighbours = last == first + 1;
                if neighbours || piece::widest_gap(&piece.picture) as f32 <= GAP * digit {
                    candidates.push(piece);
                }
            }
        }
        let size = (picture.width, picture.height);
        Self { left, top, size, digit, cuts, candidates }
    }

    fn decide(&self, model: &Model, answers: &[Answer]) -> ReadLine {
        let steps = self.steps(model, answers);
        let paths = lattice::best_paths(&steps, self.cuts.len(), KEPT);
        let segmentation = |path: lattice::Path| Segmentation {
            score: path.score,
            cuts: path.steps.iter().skip(1).map(|&at| self.path(&self.candidates[at])).collect(),
            digits: path
                .steps
                .iter()
                .map(|&at| self.digit(&self.candidates[at], model, &answers[at], steps[at].score))
                .collect(),
        };
        ReadLine {
            left: self.left as u32,
            top: self.top as u32,
            width: self.size.0 as u32,
            height: self.size.1 as u32,
            tried: self.cuts.len() as u32 - 2,
            segmentations: paths.into_iter().map(segmentation).collect(),
        }
    }

    fn steps(&self, model: &Model, answers: &[Answer]) -> Vec<LatticeStep> {
        let step = |(one, answer): (&Candidate, &Answer)| {
            let strength = verdict(model, answer).strength;
            let score = score::score(strength, &answer.outputs, self.shape(one));
            LatticeStep { from: one.cuts[0], to: one.cuts[1], score }
        };
        self.candidates.iter().zip(answers).map(step).collect()
    }

    fn shape(&self, candidate: &Candidate) -> PieceShape {
        let ink = candidate.cuts.map(|at| self.cuts[at].ink);
        PieceShape {
            width: candidate.picture.width as f32 / self.digit,
            height: candidate.picture.height as f32 / self.digit,
            parted: (ink[0] + ink[1]) / self.digit,
        }
    }

    fn digit(&self, one: &Candidate, model: &Model, answer: &Answer, score: f64) -> ReadDigit {
        let PiecePrediction { answer: prediction, name, strength, second } = verdict(model, answer);
        ReadDigit {
            left: (self.left + one.left) as u32,
            top: (self.top + one.top) as u32,
            width: one.picture.width as u32,
            height: one.picture.height as u32,
            pixels: one.picture.normalized(model.image.0, model.image.1),
            prediction: prediction as u32,
            name: name.into(),
            strength,
            second: second.map(|(name, strength)| (name.into(), strength)),
            votes: answer.votes.iter().map(|&vote| vote as u32).collect(),
            score,
        }
    }

    /// The cut to the left of a candidate.
    fn path(&self, one: &Candidate) -> Vec<u32> {
        let columns = self.cuts[one.cuts[0]].columns.iter();
        columns.map(|column| (self.left + column) as u32).collect()
    }
}

#[cfg(test)]
mod tests;
