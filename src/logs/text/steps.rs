//! Determines the step of a printed line.

use super::pairs::NamedNumber;
use super::whole;
use crate::logs::record::LogRecord;
use std::collections::HashMap;

/// The position in the training given by a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggedPosition {
    epoch: Option<(i64, Option<i64>)>,
    /// A step or iteration, and the total (or the number per epoch).
    step: Option<(i64, Option<i64>)>,
}

/// The position in the training, accumulated over lines.
#[derive(Debug, Default)]
pub struct Steps {
    step: i64,
    epoch: Option<i64>,
    /// Whether epochs are counted from 0, because one with that number was seen.
    from_zero: bool,
    /// The last epoch and step of a line that contained both.
    last: Option<(i64, i64)>,
    /// Number of steps of earlier epochs.
    before: i64,
    /// Number of steps between the last two lines of an epoch.
    stride: i64,
    /// Whether steps continue over epochs rather than restarting in each.
    is_cumulative: bool,
    bars: HashMap<String, BarCount>,
    /// Step and number of units of the bar with the most units, which is that of the training.
    main: Option<(i64, i64)>,
    known: bool,
}

#[derive(Debug, Default)]
struct BarCount {
    last: i64,
    /// Units of the earlier bars with the same label.
    before: i64,
}

/// Maximum number of remembered labels of bars.
const MAX_BARS: usize = 1000;

fn last_word(name: &str) -> String {
    name.rsplit([' ', '.', '/']).next().unwrap_or_default().to_ascii_lowercase()
}

fn is_epoch(name: &str) -> bool {
    matches!(last_word(name).as_str(), "epoch" | "ep" | "epochs")
}

fn is_step(name: &str) -> bool {
    matches!(
        last_word(name).as_str(),
        "step"
            | "steps"
            | "iter"
            | "iteration"
            | "it"
            | "itr"
            | "global_step"
            | "num_updates"
            | "batch"
            | "update"
            | "i"
            | "global_steps"
            | "iters"
            | "iterations"
    )
}

/// Whether a pair counts the epochs of a phase: `Train: 0`.
fn is_phase(pair: &NamedNumber<'_>) -> bool {
    let known = ["train", "test", "val", "valid", "validate", "eval"];
    let is_count = pair.joined && pair.total.is_none() && pair.value.fract() == 0.0;
    is_count && known.iter().any(|name| name.eq_ignore_ascii_case(pair.name))
}

/// Whether a pair gives a position or the process, rather than a metric.
pub fn is_position(pair: &NamedNumber<'_>) -> bool {
    let is_process = matches!(last_word(pair.name).as_str(), "rank" | "local_rank" | "pid");
    is_epoch(pair.name) || is_step(pair.name) || is_process || is_phase(pair)
}

/// Whether a name is a common metric. `known` means that a step was seen before, so that the line
/// is not a list of settings printed at the start.
pub fn is_metric(name: &str, known: bool) -> bool {
    const WORDS: [&str; 34] = [
        "acc",
        "accuracy",
        "error",
        "err",
        "auc",
        "f1",
        "precision",
        "recall",
        "map",
        "iou",
        "miou",
        "bleu",
        "rouge",
        "perplexity",
        "ppl",
        "mse",
        "mae",
        "rmse",
        "psnr",
        "ssim",
        "fid",
        "reward",
        "return",
        "score",
        "nll",
        "elbo",
        "dice",
        "wer",
        "cer",
        "top1",
        "top5",
        "ndcg",
        "acc1",
        "acc5",
    ];
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| {
        word.ends_with("loss") || WORDS.contains(&word) || (known && matches!(word, "lr" | "loss"))
    })
}

impl LoggedPosition {
    /// Extracts the position from the pairs of a line.
    pub fn of(pairs: &[NamedNumber<'_>]) -> Self {
        let mut place = Self::default();
        // Whether the step is an unnamed number, which a named one overrides.
        let mut nameless = false;
        let count = |pair: &NamedNumber<'_>| (whole(pair.value), pair.total.map(whole));
        for (index, pair) in pairs.iter().enumerate() {
            let is_whole = pair.value.fract() == 0.0;
            if pair.mean {
                continue;
            }
            if is_epoch(pair.name) && place.epoch.is_none() {
                place.epoch = Some(count(pair));
            } else if is_step(pair.name) && is_whole && (place.step.is_none() || nameless) {
                place.step = Some(count(pair));
                nameless = false;
            } else if pair.name.is_empty() && is_whole && place.step.is_none() {
                // `Epoch: [0][ 10/100]`, `[1,  2000]`, `[ 10/100]`.
                nameless = true;
                let before = index.checked_sub(1).and_then(|before| pairs.get(before));
                if place.epoch.is_some() && index <= 2 {
                    place.step = Some(count(pair));
                } else if let Some(before) = before.filter(|before| is_phase(before)) {
                    // `Train: 0 [  50/1251 (  4%)]`.
                    if index == 1 && pair.total.is_some() {
                        place.epoch = Some(count(before));
                        place.step = Some(count(pair));
                    }
                } else if index == 0 {
                    let second = pairs.get(1).filter(|next| next.name.is_empty() && !next.mean);
                    match (pair.total, second) {
                        (None, Some(_)) => place.epoch = Some(count(pair)),
                        (Some(_), _) => place.step = Some(count(pair)),
                        // `[10]  train-rmse:0.5`, `10:  learn: 0.5`.
                        (None, None)
                            if pair.numbers_line
                                && pairs.get(1).is_some_and(|next| next.joined) =>
                        {
                            place.step = Some(count(pair));
                        }
                        _ => {}
                    }
                }
            }
        }
        place
    }

    pub fn is_some(&self) -> bool {
        self.epoch.is_some() || self.step.is_some()
    }
}

impl Steps {
    /// Processes the position of a line; returns the resulting progress.
    pub fn update(&mut self, place: &LoggedPosition) -> Option<LogRecord<'static>> {
        if !place.is_some() {
            return None;
        }
        self.known = true;
        if let Some((epoch, _)) = place.epoch {
            self.from_zero |= epoch == 0;
            self.epoch = Some(epoch);
        }
        let (done, total) = match (place.epoch, place.step) {
            (Some((epoch, epochs)), Some((step, Some(each)))) if each > 0 && step <= each => {
                let earlier = self.last.filter(|(last_epoch, _)| epoch > *last_epoch);
                self.is_cumulative |= earlier.is_some_and(|(_, last_step)| step > last_step);
                self.last = Some((epoch, step));
                if self.is_cumulative {
                    self.step = step;
                    (step, Some(each))
                } else {
                    let before = if self.from_zero { epoch } else { epoch - 1 };
                    self.step = before.saturating_mul(each).saturating_add(step);
                    (self.step, epochs.map(|epochs| epochs.saturating_mul(each)))
                }
            }
            (Some((epoch, _)), Some((step, None))) => {
                self.step = self.counted_over_epochs(epoch, step);
                (self.step, None)
            }
            (_, Some((step, total))) => {
                self.step = step;
                (step, total)
            }
            (Some((epoch, epochs)), None) => {
                self.step = epoch;
                (epoch, epochs)
            }
            (None, None) => return None,
        };
        let total = total.filter(|&total| total > 0 && done >= 0)?;
        Some(LogRecord::Progress { done: done.cast_unsigned(), total: total.cast_unsigned() })
    }

    /// Adds the steps of earlier epochs, if steps restart in each.
    fn counted_over_epochs(&mut self, epoch: i64, step: i64) -> i64 {
        if let Some((last_epoch, last_step)) = self.last {
            if epoch == last_epoch {
                self.stride = step.saturating_sub(last_step).max(0);
            } else if epoch < last_epoch {
                self.before = 0;
            } else if step <= last_step {
                // If steps start at 0, the last line is one stride before the end of its epoch.
                let rest = if step == 0 { self.stride } else { 0 };
                self.before = self.before.saturating_add(last_step).saturating_add(rest);
            }
        }
        self.last = Some((epoch, step));
        self.before.saturating_add(step)
    }

    /// The step of the last line with a position.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// The step for a line without a position: the epoch, if lines contain epochs.
    pub fn nearest(&self) -> i64 {
        self.epoch.unwrap_or(self.step)
    }

    pub fn epoch(&self) -> i64 {
        self.epoch.unwrap_or(0)
    }

    /// Whether a line with a step was seen.
    pub fn is_known(&self) -> bool {
        self.known
    }

    pub fn has_bar(&self) -> bool {
        self.main.is_some()
    }

    /// The position of the training's bar.
    pub fn bar_step(&self) -> Option<i64> {
        self.main.map(|(done, _)| done)
    }

    /// Processes a redraw of a bar; returns its step and, for the training's bar, its progress.
    pub fn bar(&mut self, label: &str, done: f64, total: Option<f64>) -> (i64, Option<(u64, u64)>) {
        let (done, size) = (whole(done), total.map(whole));
        self.known = true;
        let (epoch, epochs) = epoch_in(label);
        let step = match (epoch, size) {
            (Some(epoch), Some(size)) => {
                self.from_zero |= epoch == 0;
                self.epoch = Some(epoch);
                let before = if self.from_zero { epoch } else { epoch - 1 };
                before.max(0).saturating_mul(size).saturating_add(done)
            }
            _ => self.count(label, done, size),
        };
        let all = match (size, epochs) {
            (Some(size), Some(epochs)) => size.saturating_mul(epochs),
            (Some(size), None) => size,
            (None, _) => 0,
        };
        let is_main = self.main.is_none_or(|(_, most)| all >= most);
        if !is_main {
            return (step, None);
        }
        self.main = Some((step, all));
        (step, Some((step.max(0).cast_unsigned(), all.max(0).cast_unsigned())))
    }

    /// The number of units completed by this bar and by earlier ones with the same label.
    fn count(&mut self, label: &str, done: i64, size: Option<i64>) -> i64 {
        // Bars of training and evaluation may have no label.
        let key = format!("{label}/{}", size.unwrap_or(0));
        if self.bars.len() >= MAX_BARS && !self.bars.contains_key(&key) {
            return done;
        }
        let bar = self.bars.entry(key).or_default();
        if done < bar.last && size.is_none_or(|size| bar.last >= size) {
            bar.before = bar.before.saturating_add(bar.last);
        }
        bar.last = done;
        bar.before.saturating_add(done)
    }
}

/// The epoch in a label: `Epoch 1/3`, `Epoch 0`, `epoch=4`.
fn epoch_in(label: &str) -> (Option<i64>, Option<i64>) {
    let found = super::pairs::find(label);
    let pair = found.iter().find(|pair| is_epoch(pair.name));
    (pair.map(|pair| whole(pair.value)), pair.and_then(|pair| pair.total).map(whole))
}
