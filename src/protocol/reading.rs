//! The reading of a picture: lines of digits, the segmentations tried, and their scores.

use serde::{Deserialize, Serialize};

/// A picture and its reading. Lengths are in pixels of `ink`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub width: u32,
    pub height: u32,
    /// Row-major; 0 is paper, 255 the strongest ink.
    pub ink: Vec<u8>,
    /// Downsampling factor: a pixel of `ink` is a square of this many pixels of the file per side.
    pub shrunk: u32,
    /// If a sheet of paper was rectified: the homography from its pixels to those of the file, row
    /// by row without the last value (1).
    #[serde(default)]
    pub straightened: Option<[f32; 8]>,
    /// Input width and height of the network.
    pub seen: [u32; 2],
    /// Lines of writing, from top to bottom.
    pub lines: Vec<ReadLine>,
}

/// A line of writing and its best segmentations into digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadLine {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    /// Number of candidate cuts that were tried.
    pub tried: u32,
    /// Best first; never empty.
    pub segmentations: Vec<Segmentation>,
}

/// A segmentation of a line into digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Segmentation {
    /// Sum of the scores of its digits; 0 is certain.
    pub score: f64,
    pub digits: Vec<ReadDigit>,
    /// The cuts between digits, each a path down the line: per row, the first column to its right.
    pub cuts: Vec<Vec<u32>>,
}

/// A piece of a line, recognised as a digit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadDigit {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    /// The network's input, row-major; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    pub prediction: u32,
    pub name: String,
    /// Confidence of the network, from 0 to 1.
    pub strength: f32,
    /// Name and confidence of the second best class.
    pub second: Option<(String, f32)>,
    /// The prediction of each network of an ensemble; empty for a single network.
    pub votes: Vec<u32>,
    /// Score for being this digit; 0 is certain.
    pub score: f64,
}

impl Segmentation {
    /// The class names joined; separated by spaces if any has several characters.
    #[must_use]
    pub fn text(&self) -> String {
        let one_letter = |digit: &ReadDigit| digit.name.chars().count() == 1;
        let between = if self.digits.iter().all(one_letter) { "" } else { " " };
        let names: Vec<&str> = self.digits.iter().map(|digit| digit.name.as_str()).collect();
        names.join(between)
    }
}
