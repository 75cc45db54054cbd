//! The purpose of the columns of a table of predictions, derived from their names.

use super::super::shades::Shades;
use crate::data::Images;
use std::sync::Arc;

/// The purpose of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnPurpose {
    /// The true class.
    Truth,
    /// The predicted class.
    Predicted,
    /// The confidence of the prediction.
    Confidence,
    /// The probability of a class.
    Score(String),
    /// The path of the picture.
    Path,
    Pixel,
    /// A column named by a number: a pixel, or the probability of a class.
    Numbered(String),
    Classes,
    Other,
}

const TRUTH: [&str; 15] = [
    "true",
    "truth",
    "label",
    "labels",
    "target",
    "targets",
    "actual",
    "gt",
    "ground",
    "y",
    "class",
    "category",
    "expected",
    "digit",
    "reference",
];
const PREDICTED: [&str; 8] =
    ["pred", "yhat", "answer", "guess", "said", "classified", "recognized", "top1"];
const SCORE: [&str; 8] =
    ["prob", "score", "logit", "softmax", "likelihood", "activation", "output", "conf"];
const PATH: [&str; 7] = ["path", "file", "filename", "image", "img", "picture", "photo"];

/// The purpose of a column with one value per row.
pub(super) fn purpose_of(name: &str) -> ColumnPurpose {
    let name = name.trim().trim_start_matches('\u{feff}').trim_matches('"').trim();
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let stem = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let begins = |word: &str, list: &[&str]| list.iter().any(|begin| word.starts_with(begin));
    let is = |word: &str, list: &[&str]| list.contains(&word);
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return ColumnPurpose::Other;
    };
    if lower.parse::<u32>().is_ok() {
        return ColumnPurpose::Numbered(lower);
    }
    if lower == "classes" || lower.contains("class_names") || lower.contains("label_names") {
        return ColumnPurpose::Classes;
    }
    // `correct`, `is_correct`, `error`: derived from the other columns.
    if words.iter().any(|word| begins(word, &["correct", "wrong", "error", "loss"])) {
        return ColumnPurpose::Other;
    }
    let score = words.iter().position(|word| begins(word, &SCORE) || *word == "p");
    let predicted = words.iter().any(|word| begins(word, &PREDICTED)) || lower.contains("y_hat");
    if let Some(at) = score {
        // The rest of the name is the class: `prob_cat`, `cat_prob`, `prob3`.
        let digits = words[at].trim_start_matches(|c: char| !c.is_ascii_digit());
        let others = ["predicted", "prediction", "pred", "max", "top", "top1", "best", "class"];
        let rest: Vec<&str> =
            words.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, word)| *word).collect();
        let class = match (digits.is_empty(), rest.is_empty()) {
            (false, true) => digits.to_owned(),
            (true, false) if !rest.iter().all(|word| is(word, &others)) => {
                original(name, rest[rest.len() - 1], rest.len(), at == 0)
            }
            _ => return ColumnPurpose::Confidence,
        };
        return ColumnPurpose::Score(class);
    }
    if predicted {
        let numbered = last.parse::<u32>().is_ok() || stem(first) != **first && *first != "top1";
        let digits = last.trim_start_matches(|c: char| !c.is_ascii_digit());
        return if numbered {
            ColumnPurpose::Score(digits.to_owned())
        } else {
            ColumnPurpose::Predicted
        };
    }
    let pixel = begins(first, &["pixel", "px", "pix"])
        || (is(&stem(first), &["p", "x"]) && stem(first) != **first && words.len() == 1);
    if pixel {
        return ColumnPurpose::Pixel;
    }
    if words.iter().any(|word| is(word, &TRUTH)) {
        let numbered = words.len() > 1 && last.parse::<u32>().is_ok();
        return if numbered {
            ColumnPurpose::Score((*last).to_owned())
        } else {
            ColumnPurpose::Truth
        };
    }
    if is(first, &["id", "index", "unnamed"]) || is(last, &["id", "index"]) {
        return ColumnPurpose::Other;
    }
    if words.iter().any(|word| begins(word, &PATH)) {
        ColumnPurpose::Path
    } else {
        ColumnPurpose::Other
    }
}

/// The class in a column name, in its original case: the part after `prob_` (if `is_last`) or
/// before `_prob`.
fn original(name: &str, last: &str, words: usize, is_last: bool) -> String {
    if words == 1 {
        let at = name.to_lowercase().rfind(last);
        return at.and_then(|at| name.get(at..at + last.len())).unwrap_or(last).to_owned();
    }
    let is_gap = |c: char| !c.is_alphanumeric();
    let rest = if is_last { name.split_once(is_gap) } else { name.rsplit_once(is_gap) };
    let rest = rest.map_or(name, |(a, b)| if is_last { b } else { a });
    rest.trim_matches(is_gap).to_owned()
}

/// Probabilities or other scores, one per class and row.
#[derive(Clone, Debug, Default)]
pub(super) struct Scores {
    /// The class names, if the table specifies them.
    pub names: Vec<String>,
    pub columns: usize,
    /// Row by row.
    pub values: Vec<f32>,
}

/// The pictures of a table before decoding.
#[derive(Clone, Debug, Default)]
pub(super) enum UndecodedPictures {
    #[default]
    Nothing,
    /// A row of pixels per image.
    Rows(Shades),
    Images(Images),
    Paths(Vec<String>),
    /// PNG, JPEG and similar.
    Encoded(Vec<Option<Arc<[u8]>>>),
}

/// A table of predictions.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub truth: Option<Vec<String>>,
    pub predicted: Option<Vec<String>>,
    pub confidence: Option<Vec<f32>>,
    pub scores: Option<Scores>,
    pub pictures: UndecodedPictures,
    /// Class names that the table specifies other than by the names of its columns.
    pub classes: Option<Vec<String>>,
    pub notes: Vec<String>,
    /// The names of all columns.
    pub listed: Vec<String>,
}

impl Columns {
    /// The first column names, for errors.
    pub fn names(&self) -> String {
        let mut names: Vec<String> = self.listed.iter().take(12).map(|n| super::short(n)).collect();
        if self.listed.len() > names.len() {
            names.push("…".into());
        }
        if names.is_empty() { "nothing".into() } else { names.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_column_names_are_recognised() {
        for (name, purpose) in [
            ("label", ColumnPurpose::Truth),
            ("y_true", ColumnPurpose::Truth),
            ("True Label", ColumnPurpose::Truth),
            ("ground_truth", ColumnPurpose::Truth),
            ("y_pred", ColumnPurpose::Predicted),
            ("predicted_label", ColumnPurpose::Predicted),
            ("prediction", ColumnPurpose::Predicted),
            ("y_hat", ColumnPurpose::Predicted),
            ("confidence", ColumnPurpose::Confidence),
            ("pred_prob", ColumnPurpose::Confidence),
            ("max_probability", ColumnPurpose::Confidence),
            ("prob_Cat", ColumnPurpose::Score("Cat".into())),
            ("prob_T-shirt", ColumnPurpose::Score("T-shirt".into())),
            ("cat_probability", ColumnPurpose::Score("cat".into())),
            ("prob3", ColumnPurpose::Score("3".into())),
            ("p_7", ColumnPurpose::Score("7".into())),
            ("pred_0", ColumnPurpose::Score("0".into())),
            ("class_9", ColumnPurpose::Score("9".into())),
            ("output4", ColumnPurpose::Score("4".into())),
            ("pixel12", ColumnPurpose::Pixel),
            ("p12", ColumnPurpose::Pixel),
            ("x0", ColumnPurpose::Pixel),
            ("image_path", ColumnPurpose::Path),
            ("filename", ColumnPurpose::Path),
            ("img", ColumnPurpose::Path),
            ("3", ColumnPurpose::Numbered("3".into())),
            ("classes", ColumnPurpose::Classes),
            ("id", ColumnPurpose::Other),
            ("image_id", ColumnPurpose::Other),
            ("", ColumnPurpose::Other),
            ("is_correct", ColumnPurpose::Other),
        ] {
            assert_eq!(purpose_of(name), purpose, "{name}");
        }
    }
}
