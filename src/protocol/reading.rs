//! What a network reads in a picture: the ways tried to cut it into digits, and their scores.

use serde::{Deserialize, Serialize};

/// A picture and what it says. Lengths are in pixels of `ink`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub width: u32,
    pub height: u32,
    /// Row by row; 0 is paper, 255 the strongest ink.
    pub ink: Vec<u8>,
    /// So many pixels of the file, in each direction, became one of `ink`.
    pub shrunk: u32,
    /// Pixels that the network sees of a digit, across and down.
    pub seen: [u32; 2],
    /// Lines of writing, from the top.
    pub lines: Vec<ReadLine>,
}

/// A line of writing and the best ways to cut it into digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadLine {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    /// Places where it was tried to cut.
    pub tried: u32,
    /// Best first, never none.
    pub segmentations: Vec<Segmentation>,
}

/// A line cut into digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Segmentation {
    /// The sum of its digits' scores; 0 would be beyond doubt.
    pub score: f64,
    pub digits: Vec<ReadDigit>,
    /// Between digits, a path down the line: in each row, the first column to its right.
    pub cuts: Vec<Vec<u32>>,
}

/// A piece of a line, and which digit it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadDigit {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    /// As the network saw it, row by row; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    pub prediction: u32,
    pub name: String,
    /// How strongly the network's outputs speak for it, from 0 to 1.
    pub strength: f32,
    /// The name and strength of the answer that comes second.
    pub second: Option<(String, f32)>,
    /// The answer of each network of an ensemble; empty for one network.
    pub votes: Vec<u32>,
    /// How much speaks for it being a digit, and this one; 0 would be beyond doubt.
    pub score: f64,
}

impl Segmentation {
    /// The names side by side; names of several letters get blanks between them.
    #[must_use]
    pub fn text(&self) -> String {
        let one_letter = |digit: &ReadDigit| digit.name.chars().count() == 1;
        let between = if self.digits.iter().all(one_letter) { "" } else { " " };
        let names: Vec<&str> = self.digits.iter().map(|digit| digit.name.as_str()).collect();
        names.join(between)
    }
}
