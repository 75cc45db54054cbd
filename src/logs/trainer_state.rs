//! `trainer_state.json` of Hugging Face's Trainer: one document with the whole history, rewritten
//! at each checkpoint.

use super::json;
use super::number;
use super::record::{LogRecord, Sink, WriterState};
use super::value::LogValue;

/// Settings of the Trainer that are useful for comparisons.
const SETTINGS: [&str; 6] = [
    "num_train_epochs",
    "max_steps",
    "train_batch_size",
    "logging_steps",
    "eval_steps",
    "save_steps",
];

/// Reads a complete document.
///
/// # Errors
/// If the document is incomplete or not the Trainer's; it will be read again later.
pub fn read(bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
    let document =
        json::parse(&String::from_utf8_lossy(bytes)).ok_or("the document is incomplete")?;
    let Some(LogValue::List(history)) = document.get("log_history") else {
        return Err("it has no `log_history`".to_owned());
    };
    for name in SETTINGS {
        if let Some(value) = document.get(name) {
            sink.record(LogRecord::Config { name, value: value.clone() });
        }
    }
    for row in history {
        let LogValue::Map(entries) = row else { continue };
        let step =
            row.get("step").and_then(LogValue::number).and_then(number::to_step).unwrap_or(0);
        for (name, value) in entries.iter().filter(|(name, _)| name != "step") {
            if let Some(value) = value.number() {
                sink.record(LogRecord::Scalar { name, step, wall_time: f64::NAN, value });
            }
        }
    }
    let count = |name| document.get(name).and_then(LogValue::number).map_or(0, |n| n as u64);
    let (done, total) = (count("global_step"), count("max_steps"));
    sink.record(LogRecord::Progress { done, total });
    if total > 0 && done >= total {
        sink.record(LogRecord::State(WriterState::Finished));
    }
    Ok(())
}

/// Recognises the Trainer's state from the start of a file; returns the reason, `None` for other
/// files.
#[must_use]
pub fn recognise(head: &str) -> Option<String> {
    let head = head.trim_start();
    let keys =
        ["\"log_history\"", "\"global_step\"", "\"best_metric\"", "\"best_model_checkpoint\""];
    let known = keys.iter().filter(|key| head.contains(**key)).count();
    (head.starts_with('{') && known >= 2)
        .then(|| "the keys of Hugging Face's trainer_state.json".to_owned())
}
