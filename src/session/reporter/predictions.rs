//! The predictions of a script's model for its validation set, shown in the Digits and Confusion
//! views.

use super::encoding::{base64, floats};
use crate::files::{atomic, read};
use crate::protocol::{
    Card, Content, DigitFilter, DigitOrder, DigitQuery, PredictionFilter, ProbeQuery,
};
use crate::session::run_dir::RunDir;
use crate::session::wire;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Reverse;
use std::io;

/// Maximum number of classes; the confusion matrix of more could be neither sent nor shown.
const MAX_CLASSES: usize = 1000;
/// Maximum size in bytes of a file that is read.
const MAX_BYTES: u64 = 256 << 20;
/// Maximum length of a class name in characters.
const MAX_CLASS_LENGTH: usize = 60;

/// Labels, probabilities and images of a validation set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::session) struct ReportedPredictions {
    pub step: i64,
    pub classes: Vec<String>,
    /// Width, height and channels of an image; 0 without images.
    pub image: [u32; 3],
    labels: Vec<u32>,
    /// One row per sample, one value per class.
    probabilities: Vec<f32>,
    predicted: Vec<u32>,
    /// The pixels of all images, one after the other.
    pixels: Vec<u8>,
}

/// The message of the script.
#[derive(Deserialize)]
struct PredictionsMessage {
    labels: Vec<i64>,
    probabilities: String,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    channels: u32,
    #[serde(default)]
    pixels: String,
}

impl ReportedPredictions {
    /// Parses the value of a message.
    ///
    /// # Errors
    /// If it is inconsistent; the error says what is wrong.
    pub(super) fn parse(value: Value, step: i64) -> Result<Self, String> {
        let step = value.get("step").and_then(Value::as_i64).unwrap_or(step);
        let raw: PredictionsMessage =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        let probabilities =
            floats(&raw.probabilities).ok_or("the probabilities are not base64 of numbers")?;
        let count = raw.labels.len();
        let width = match count {
            0 => raw.classes.len(),
            count => probabilities.len() / count,
        };
        if width * count != probabilities.len() || count > 0 && width == 0 {
            return Err(format!("{} probabilities for {count} labels", probabilities.len()));
        }
        if width > MAX_CLASSES {
            return Err(format!("{width} classes, and at most {MAX_CLASSES} are shown"));
        }
        let labels: Option<Vec<u32>> =
            raw.labels.iter().map(|&label| u32::try_from(label).ok()).collect();
        let labels = labels.filter(|labels| labels.iter().all(|&label| (label as usize) < width));
        let labels =
            labels.ok_or_else(|| format!("a label is not from 0 to {}", width.max(1) - 1))?;
        let classes = (0..width).map(|class| match raw.classes.get(class) {
            Some(name) => name.chars().take(MAX_CLASS_LENGTH).collect(),
            None => class.to_string(),
        });
        let image = [raw.width, raw.height, raw.channels];
        let size = image.iter().fold(1_usize, |size, &side| size.saturating_mul(side as usize));
        let pixels = base64(&raw.pixels).ok_or("the pixels are not base64")?;
        if !pixels.is_empty() && (size.saturating_mul(count) != pixels.len()) {
            let [width, height, channels] = image;
            return Err(format!(
                "{} bytes of pixels for {count} images of {width}×{height}×{channels}",
                pixels.len()
            ));
        }
        let rows = probabilities.chunks(width.max(1));
        Ok(Self {
            step,
            classes: classes.collect(),
            image: if pixels.is_empty() { [0; 3] } else { image },
            predicted: rows.take(count).map(largest).collect(),
            labels,
            probabilities,
            pixels,
        })
    }

    /// Stores the predictions in the run's directory, so that they can be viewed after the session
    /// has ended.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(in crate::session) fn store(&self, run: &RunDir) -> io::Result<()> {
        let bytes = wire::encode(self).map_err(io::Error::other)?;
        atomic::write(&run.predictions(), &bytes)
    }

    /// The stored predictions of a run, if any.
    pub(in crate::session) fn of(run: &RunDir) -> Option<Self> {
        let bytes = read::bytes(&run.predictions(), MAX_BYTES).ok()?;
        let kept: Self = wire::decode(&bytes).ok()?;
        kept.is_consistent().then_some(kept)
    }

    /// Whether all lengths match, because a file may contain anything.
    fn is_consistent(&self) -> bool {
        let (count, classes) = (self.labels.len(), self.classes.len());
        let size = self.image.iter().map(|&side| side as usize).product::<usize>();
        let known = |label: &u32| (*label as usize) < classes;
        self.predicted.len() == count
            && self.probabilities.len() == count * classes
            && self.pixels.len() == count * size
            && self.labels.iter().chain(&self.predicted).all(known)
    }

    /// Number of samples.
    pub(in crate::session) fn count(&self) -> usize {
        self.labels.len()
    }

    /// The answer to a probe of the validation set; `None` for other probes.
    pub(in crate::session) fn answer(&self, what: &ProbeQuery) -> Option<Content> {
        Some(match what {
            ProbeQuery::Confusion => self.confusion(),
            ProbeQuery::Digits(query) => self.list(query),
            ProbeQuery::Digit { index } => self.one(*index as usize),
            _ => return None,
        })
    }

    fn confusion(&self) -> Content {
        let classes = self.classes.len();
        let mut counts = vec![0_u32; classes * classes];
        for (&label, &predicted) in self.labels.iter().zip(&self.predicted) {
            counts[label as usize * classes + predicted as usize] += 1;
        }
        Content::Confusion { classes: classes as u32, counts }
    }

    fn one(&self, index: usize) -> Content {
        if index >= self.count() {
            let last = self.count().saturating_sub(1);
            return Content::Unavailable(format!("the validation set ends with sample {last}"));
        }
        let outputs = self.row(index).to_vec();
        Content::Digit { card: self.card(index, true), outputs, votes: Vec::new() }
    }

    fn list(&self, query: &DigitQuery) -> Content {
        let mut list: Vec<usize> =
            (0..self.count()).filter(|&index| self.matches(index, query.filter)).collect();
        if query.order == DigitOrder::ConfidentlyWrong {
            let bits = |index: usize| {
                let (row, label) = (self.row(index), self.labels[index] as usize);
                let surplus = row[self.predicted[index] as usize] - row[label];
                // Never negative, because the predicted class has the largest probability.
                (surplus.max(0.0) * 1e6) as u32
            };
            list.sort_by_cached_key(|&index| (Reverse(bits(index)), index));
        }
        let rank = query.selected.and_then(|wanted| list.binary_search(&(wanted as usize)).ok());
        let rank = match query.order {
            DigitOrder::Index => rank,
            DigitOrder::ConfidentlyWrong => {
                let selected = query.selected.map(|index| index as usize);
                selected.and_then(|wanted| list.iter().position(|&index| index == wanted))
            }
        };
        let window = list.iter().skip(query.offset as usize).take(query.count as usize);
        Content::Digits {
            total: list.len() as u32,
            selected_rank: rank.map(|rank| rank as u32),
            cards: window.map(|&index| self.card(index, query.pixels)).collect(),
        }
    }

    fn matches(&self, index: usize, filter: DigitFilter) -> bool {
        let (label, predicted) = (self.labels[index], self.predicted[index]);
        let verdict = match filter.verdict {
            PredictionFilter::All => true,
            PredictionFilter::Right => label == predicted,
            PredictionFilter::Wrong => label != predicted,
        };
        verdict
            && filter.label.is_none_or(|wanted| wanted == label)
            && filter.predicted.is_none_or(|wanted| wanted == predicted)
    }

    fn row(&self, index: usize) -> &[f32] {
        let width = self.classes.len();
        &self.probabilities[index * width..(index + 1) * width]
    }

    fn card(&self, index: usize, pixels: bool) -> Card {
        let size = self.image.iter().map(|&side| side as usize).product::<usize>();
        let pixels = if pixels && size > 0 {
            self.pixels[index * size..(index + 1) * size].to_vec()
        } else {
            Vec::new()
        };
        let prediction = self.predicted[index];
        Card {
            index: index as u32,
            label: self.labels[index],
            prediction,
            confidence: self.row(index)[prediction as usize],
            pixels,
        }
    }
}

/// The index of the largest value, the first of equal ones; NaN counts as smallest.
fn largest(row: &[f32]) -> u32 {
    let better = |best: usize, at: usize| {
        let (old, new) = (row[best], row[at]);
        new > old || old.is_nan() && !new.is_nan()
    };
    (0..row.len()).fold(0, |best, at| if better(best, at) { at } else { best }) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Home;
    use serde_json::json;

    /// Three samples of two classes: one right, one wrong, one more confidently wrong.
    fn predictions() -> ReportedPredictions {
        let rows: [f32; 6] = [0.75, 0.25, 0.375, 0.625, 0.125, 0.875];
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let value = json!({
            "step": 40, "labels": [0, 0, 0], "classes": ["cat", "dog"],
            "probabilities": encode(&bytes),
            "width": 2, "height": 1, "channels": 3, "pixels": encode(&[7; 18]),
        });
        ReportedPredictions::parse(value, 0).unwrap()
    }

    fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let bits = (0..3).fold(0_u32, |bits, at| {
                bits << 8 | u32::from(group.get(at).copied().unwrap_or_default())
            });
            for digit in 0..=group.len() {
                let at = bits >> (18 - 6 * digit) & 63;
                text.push(char::from(DIGITS[at as usize]));
            }
        }
        text
    }

    #[test]
    fn misclassified_samples_are_listed_with_their_images() {
        let predictions = predictions();
        assert_eq!((predictions.step, predictions.image), (40, [2, 1, 3]));
        let filter = DigitFilter { verdict: PredictionFilter::Wrong, ..DigitFilter::default() };
        let query = DigitQuery {
            filter,
            order: DigitOrder::ConfidentlyWrong,
            count: 9,
            pixels: true,
            selected: Some(1),
            ..DigitQuery::default()
        };
        let Some(Content::Digits { total, selected_rank, cards }) =
            predictions.answer(&ProbeQuery::Digits(query))
        else {
            panic!("a list")
        };
        assert_eq!((total, selected_rank), (2, Some(1)));
        let shown: Vec<_> = cards.iter().map(|card| (card.index, card.prediction)).collect();
        assert_eq!(shown, [(2, 1), (1, 1)], "the most confidently wrong first");
        assert_eq!(cards[0].pixels, [7; 6]);
        let Some(Content::Confusion { classes, counts }) =
            predictions.answer(&ProbeQuery::Confusion)
        else {
            panic!("a matrix")
        };
        assert_eq!((classes, counts), (2, vec![1, 2, 0, 0]));
        assert!(predictions.answer(&ProbeQuery::Gradients).is_none());
    }

    #[test]
    fn predictions_are_stored_and_a_damaged_file_is_ignored() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        assert_eq!(ReportedPredictions::of(&run), None);
        let mut predictions = predictions();
        predictions.store(&run).unwrap();
        assert_eq!(ReportedPredictions::of(&run), Some(predictions.clone()));
        predictions.predicted[0] = 9;
        predictions.store(&run).unwrap();
        assert_eq!(ReportedPredictions::of(&run), None);
    }

    #[test]
    fn inconsistent_predictions_are_rejected_with_a_reason() {
        for (value, problem) in [
            (json!({"labels": [0], "probabilities": "AAAA"}), "not base64 of numbers"),
            (json!({"labels": [0, 1], "probabilities": "AACAPw=="}), "1 probabilities for 2"),
            (json!({"labels": [1], "probabilities": "AACAPw=="}), "not from 0 to 0"),
            (
                json!({"labels": [0], "probabilities": "AACAPw==", "pixels": "AAAA", "width": 9}),
                "3 bytes of pixels for 1 images of 9×0×0",
            ),
        ] {
            let error = ReportedPredictions::parse(value, 0).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
