//! Captured output of a training, read line by line: dictionaries printed by Hugging Face, JSON
//! after a prefix, bars of tqdm and Keras, and names with numbers in many layouts. Colours and a
//! leading time and level are removed.

pub mod ansi;
mod bars;
mod pairs;
mod pattern;
mod prefix;
mod steps;
mod tables;
mod utf16;
mod wrapped;

pub use pattern::PatternText;
pub use utf16::Utf16;

use super::columns;
use super::json;
use super::jsonl::ObjectRows;
use super::lines::LONGEST_LINE;
use super::number;
use super::record::{LogReader, LogRecord, Sink};
use super::value::LogValue;
use bars::ProgressBar;
use std::collections::HashMap;
use steps::{LoggedPosition, Steps};
use tables::{TableLine, TableRow, Tables};

/// Reads printed text. A piece ends at `\n` or `\r`, so that each redraw of a bar is a piece.
#[derive(Debug, Default)]
pub struct Text {
    offset: u64,
    steps: Steps,
    tables: Tables,
    rows: ObjectRows,
    /// A dictionary without a step, kept until a bar gives the step, and the time of its line.
    pending: Option<(LogValue, f64)>,
    /// Number of rows so far for each name without any step.
    counts: HashMap<String, i64>,
    /// The last value of each metric of a bar, because redraws repeat them.
    drawn: HashMap<String, (i64, f64)>,
}

/// Maximum number of remembered metrics of bars and names without steps.
const MAX_NAMES: usize = 10_000;

impl LogReader for Text {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let ends = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r');
            let length = match ends {
                Some(length) => length,
                None if end || rest.len() > LONGEST_LINE => rest.len(),
                None => break,
            };
            if length <= LONGEST_LINE {
                self.piece(&ansi::plain(&String::from_utf8_lossy(&rest[..length])), sink);
            } else {
                let text = "a line too long to read was skipped".to_owned();
                sink.record(LogRecord::Warning { offset: self.offset + at as u64, text });
            }
            at = (at + length + 1).min(bytes.len());
        }
        if end {
            self.flush(sink);
        }
        self.offset += at as u64;
        at
    }
}

impl Text {
    fn piece(&mut self, line: &str, sink: &mut dyn Sink) {
        if line.is_empty() {
            return;
        }
        if let Some(bar) = bars::tqdm(line) {
            self.bar(&bar, sink);
            return;
        }
        sink.record(LogRecord::Line { text: line });
        let line = &*wrapped::unwrap(line);
        if let Some(bar) = bars::keras(line) {
            self.keras(&bar, sink);
            return;
        }
        let (message, time) = prefix::split(line);
        let wall_time = time.unwrap_or(f64::NAN);
        match self.tables.line(line) {
            TableLine::Other => {}
            TableLine::Part => return,
            TableLine::Row(row) => {
                Self::row(&row, wall_time, sink);
                return;
            }
        }
        if let Some(object) = object_in(message) {
            self.object(object, wall_time, sink);
            return;
        }
        let found = pairs::find(message);
        let place = LoggedPosition::of(&found);
        let known = self.steps.is_known();
        if let Some(progress) = self.steps.update(&place) {
            sink.record(progress);
        }
        let all_pairs = !found.is_empty() && is_only_pairs(message, &found);
        for pair in &found {
            if pair.name.is_empty() || steps::is_position(pair) {
                continue;
            }
            // A line without a step is only used if its names are those of metrics.
            let names_one = || steps::is_metric(pair.name, known) && (pair.joined || all_pairs);
            let is_used = place.is_some() || names_one();
            if is_used {
                let mean = format!("{} (avg)", pair.name);
                let name = if pair.mean { &mean } else { pair.name };
                let value = pair.total.map_or(pair.value, |total| pair.value / total);
                let step = if place.is_some() { self.steps.step() } else { self.steps.nearest() };
                sink.record(LogRecord::Scalar { name, step, wall_time, value });
            }
        }
    }

    fn row(row: &TableRow, wall_time: f64, sink: &mut dyn Sink) {
        let step = row.step;
        for (name, value) in &row.values {
            sink.record(LogRecord::Scalar { name, step, wall_time, value: *value });
        }
    }

    fn bar(&mut self, bar: &ProgressBar<'_>, sink: &mut dyn Sink) {
        // The label of Ultralytics' bar is a row of its table.
        if let Some(row) = self.tables.row(bar.label).filter(|_| bar.total == Some(bar.done)) {
            let same = |(name, value): &(String, f64)| {
                let drawn = self.drawn.get(name);
                drawn.is_some_and(|(at, had)| *at == row.step && had.to_bits() == value.to_bits())
            };
            if !row.values.iter().all(same) && self.drawn.len() < MAX_NAMES {
                Self::row(&row, f64::NAN, sink);
                let drawn = row.values.into_iter().map(|(name, value)| (name, (row.step, value)));
                self.drawn.extend(drawn);
            }
            return;
        }
        let (step, progress) = self.steps.bar(bar.label, bar.done, bar.total);
        if let Some((done, total)) = progress {
            sink.record(LogRecord::Progress { done, total });
            if self.pending.is_some() {
                self.flush(sink);
            }
        }
        for &(name, value) in &bar.metrics {
            let same = self
                .drawn
                .get(name)
                .is_some_and(|&(at, drawn)| at == step && drawn.to_bits() == value.to_bits());
            if same || name == "v_num" || self.drawn.len() > MAX_NAMES {
                continue;
            }
            self.drawn.insert(name.to_owned(), (step, value));
            sink.record(LogRecord::Scalar { name, step, wall_time: f64::NAN, value });
        }
    }

    fn keras(&mut self, bar: &ProgressBar<'_>, sink: &mut dyn Sink) {
        if bar.total != Some(bar.done) {
            return;
        }
        let step = self.steps.epoch();
        for &(name, value) in &bar.metrics {
            // The completed bar is redrawn with further metrics, such as those of validation: only
            // these are recorded.
            if self.drawn.get(name).is_some_and(|&(at, _)| at == step)
                || self.drawn.len() > MAX_NAMES
            {
                continue;
            }
            self.drawn.insert(name.to_owned(), (step, value));
            sink.record(LogRecord::Scalar { name, step, wall_time: f64::NAN, value });
        }
    }

    fn object(&mut self, object: LogValue, wall_time: f64, sink: &mut dyn Sink) {
        let LogValue::Map(entries) = &object else { return };
        let has_step = entries.iter().any(|(name, value)| {
            name != "epoch" && columns::step_rank(name).is_some() && value.number().is_some()
        });
        if has_step {
            self.rows.object(&object, sink);
            return;
        }
        self.flush(sink);
        self.pending = Some((object, wall_time));
        if !self.steps.has_bar() {
            self.flush(sink);
        }
    }

    /// Records the pending dictionary at the step of the bar, or at the row number of each name.
    fn flush(&mut self, sink: &mut dyn Sink) {
        let Some((object, wall_time)) = self.pending.take() else { return };
        let bar = self.steps.bar_step();
        object.leaves("/", true, &mut |name, leaf| {
            let Some(value) = leaf.number() else { return };
            let step = bar.unwrap_or_else(|| {
                if self.counts.len() > MAX_NAMES {
                    return 0;
                }
                let count = self.counts.entry(name.to_owned()).or_default();
                *count += 1;
                *count - 1
            });
            sink.record(LogRecord::Scalar { name, step, wall_time, value });
        });
    }
}

/// The dictionary in a message, if it is preceded only by a prefix.
fn object_in(message: &str) -> Option<LogValue> {
    let start = message.find('{')?;
    let front = message[..start].trim_end();
    if !(front.is_empty() || front.ends_with(['|', ':', '-', ']', '=', ')'])) {
        return None;
    }
    let (value, _) = json::parse_prefix(&message[start..])?;
    let LogValue::Map(entries) = &value else { return None };
    entries.iter().any(|(_, value)| value.number().is_some()).then_some(value)
}

/// Whether a message consists only of names and numbers.
fn is_only_pairs(message: &str, pairs: &[pairs::NamedNumber<'_>]) -> bool {
    let named: usize = pairs.iter().map(|pair| pair.name.split_whitespace().count()).sum();
    let all_metrics = pairs.iter().all(|pair| steps::is_metric(pair.name, true));
    all_metrics && message.split_whitespace().count() == named + pairs.len()
}

/// Recognises the output of a training from the start of a file; returns the metrics in it, `None`
/// if there are none.
#[must_use]
pub fn recognise(head: &str) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    let mut values = 0;
    let mut sink = |record: LogRecord<'_>| {
        if let LogRecord::Scalar { name, .. } = record {
            values += 1;
            if names.len() < 5 && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    };
    Text::default().read(head.as_bytes(), true, &mut sink);
    (values > 0).then(|| format!("printed values of {}", names.join(", ")))
}

/// Converts a printed step; 0 if it does not fit.
fn whole(number: f64) -> i64 {
    number::to_step(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::{assert_pieces_give_same_records, whole};
    use proptest::prelude::*;

    fn scalars(text: &str) -> Vec<String> {
        let found = whole(Text::default(), text.as_bytes());
        found.into_iter().filter(|record| record.starts_with("Scalar")).collect()
    }

    #[test]
    fn prose_with_numbers_gives_no_metrics() {
        let text = "Using device cuda:0, 8 workers, port 29500\nError 404 at line 12\n\
                    learning_rate = 1e-3 # small\nnumber of parameters: 10.65M\n\
                    Trainable params: 12.7 K\n 10:30:12 up 3 days\n";
        assert_eq!(scalars(text), Vec::<String>::new());
    }

    #[test]
    fn layouts_of_many_programs_are_read() {
        for (text, expected) in [
            (
                "[06/01 12:00:00 d2.utils.events]:  eta: 0:10:00  iter: 19  total_loss: 1.9\n",
                "total_loss 19 1.9",
            ),
            ("I0101 12:00:00.0 140 train.py:200] [100] loss=2.5, accuracy=0.1\n", "loss 100 2.5"),
            ("[10]\tvalid_0's auc: 0.75\n", "valid_0's auc 10 0.75"),
            (
                "Train: 0 [  50/1251 (  4%)]  Loss: 6.90 (6.93)  Time: 0.5s,  500.1/s\n",
                "Loss 50 6.9",
            ),
            ("step 5 loss tensor(0.6931, grad_fn=<NllLossBackward0>)\n", "loss 5 0.6931"),
            ("epoch train_loss valid_loss time\n0 0.9 0.6 00:10\n", "train_loss 0 0.9"),
            (
                "----------\n| time/ | |\n| total_timesteps | 64 |\n| train/ | |\n| loss | 2 |\n----------\n",
                "train/loss 64 2.0",
            ),
            (
                "[rank0]:[titan] 2024-12-01 12:00:00,000 - root - INFO - step: 10  loss: 11.2  memory: 30.00GiB(32%)  tps: 7,000\n",
                "tps 10 7000.0",
            ),
            ("0:\tlearn: 0.69\ttest: 0.7\tbest: 0.7 (0)\ttotal: 1ms\n", "learn 0 0.69"),
            (
                "INFO:root:Epoch[1] Batch [50]\tSpeed: 99 samples/sec\taccuracy=0.5\n",
                "accuracy 50 0.5",
            ),
            (
                "iteration 10/ 50 | lm loss: 1.5E+00 | number of nan iterations: 0 |\n",
                "lm loss 10 1.5",
            ),
            ("Epoch 1 loss=0.4: 100%|##| 90/90 [00:10<00:00,  9.9it/s]\n", "loss 90 0.4"),
            ("Train Loss 0.5 Acc 0.9:  50%|# | 45/90 [00:10<00:00,  9.9it/s]\n", "Acc 45 0.9"),
            ("accuracy: 0.5, loss: 2 ||: 100%|##| 90/90 [00:10<00:00,  9.9it/s]\n", "loss 90 2.0"),
            (
                "      Epoch  box_loss  Size\n      1/3  1.25  640: 100%|███| 4/4 [00:01<00:00,  3.00it/s]\n",
                "box_loss 1 1.25",
            ),
        ] {
            let mut found = Vec::new();
            let mut sink = |record: LogRecord<'_>| {
                if let LogRecord::Scalar { name, step, value, .. } = record {
                    found.push(format!("{name} {step} {value:?}"));
                }
            };
            Text::default().read(text.as_bytes(), true, &mut sink);
            assert!(found.iter().any(|scalar| scalar == expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn metrics_in_the_description_of_a_bar_are_counted_over_epochs() {
        let found = scalars(
            "Epoch 1 loss=0.5:  50%|# | 45/90 [00:10<00:00,  9.9it/s]\r\
             Epoch 1 loss=0.4: 100%|##| 90/90 [00:20<00:00,  9.9it/s]\n\
             Epoch 2 loss=0.3: 100%|##| 90/90 [00:20<00:00,  9.9it/s]\n",
        );
        let steps = ["step: 45", "step: 90", "step: 180"];
        assert_eq!(found.len(), 3);
        assert!(found.iter().zip(steps).all(|(scalar, step)| scalar.contains(step)), "{found:?}");
        // Numbers in a label that are not values of metrics.
        let text = "Validation DataLoader 0: 100%|##| 9/9 [00:01<00:00,  9.9it/s]\n\
                    Fetching 5 files: 100%|##| 5/5 [00:01<00:00,  9.9it/s]\n";
        assert_eq!(scalars(text), Vec::<String>::new());
    }

    #[test]
    fn nan_in_a_name_is_not_a_value() {
        let text = "step: 1 | loss: nan | nan values: 7 |\nstep 2 loss nan acc 0.5\n";
        let found = scalars(text);
        let expected = ["\"loss\"", "\"nan values\"", "\"loss\"", "\"acc\""];
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found.iter().zip(expected).all(|(scalar, name)| scalar.contains(name)),
            "{found:?}"
        );
    }

    #[test]
    fn batches_of_the_tutorials_layout_are_counted_over_epochs() {
        let found = scalars("[1,  2000] loss: 2.2\n[1,  4000] loss: 1.9\n[2,  2000] loss: 1.7\n");
        assert_eq!(found.len(), 3);
        assert!(found[2].contains("step: 6000") && found[2].contains("value: 1.7"), "{found:?}");
        let found = scalars(
            "Epoch[0] Batch [0] acc=0.1\nEpoch[0] Batch [50] acc=0.2\nEpoch[1] Batch [0] acc=0.3\n\
             Epoch[1] Batch [50] acc=0.4\n",
        );
        assert!(found[2].contains("step: 100") && found[3].contains("step: 150"), "{found:?}");
    }

    #[test]
    fn steps_that_continue_over_epochs_are_used_unchanged() {
        let found = scalars(
            "Epoch 1 | step 500/2000 | loss 2\nEpoch 1 | step 1000/2000 | loss 1.5\n\
             Epoch 2 | step 1500/2000 | loss 1\n",
        );
        assert!(found[2].contains("step: 1500"), "{found:?}");
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            pieces in proptest::collection::vec(
                "(\\{'loss': '0.[0-9]', 'epoch': '[0-9]'\\}|  9%\\|▉  \\| [0-9]{1,2}/108 \\[00:00<00:01, 7.07it/s, x=[0-9]\\]|step [0-9]{1,2} loss 0.[0-9]|Epoch [1-3]/3|14/14 - 0s - 7ms/step - loss: 0.[0-9]|\u{1b}\\[31mlr=1\u{1b}\\[0m|prose é)(\r|\n|\r\n)",
                0..12,
            ),
            cut in proptest::collection::vec(0_usize..500, 0..6),
        ) {
            assert_pieces_give_same_records(Text::default, pieces.concat().as_bytes(), &cut);
        }
    }
}
