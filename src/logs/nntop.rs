//! nntop's own runs: the events that a session writes to `events.jsonl`.

use super::lines;
use super::record::{LogReader, LogRecord, Sink, WriterState};
use super::value::LogValue;
use crate::protocol::{Event, Outcome, RunInfo};
use serde::Deserialize;

/// A line of the file: an event and its time in seconds since 1970.
#[derive(Deserialize)]
struct LoggedEvent {
    at: f64,
    event: Event,
}

/// Reads a run's events. If an experiment trains several networks, their titles are prefixed to the
/// names of metrics.
#[derive(Debug, Default)]
pub struct EventLog {
    offset: u64,
    /// The prefix of the names of metrics.
    prefix: String,
}

impl LogReader for EventLog {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let offset = self.offset;
        let read = lines::each(bytes, end, |at, line| {
            let line = line.unwrap_or_default();
            match serde_json::from_str::<LoggedEvent>(line) {
                Ok(line) => self.event(&line.event, line.at, sink),
                Err(_) if line.trim().is_empty() => {}
                // The process was killed while writing this line; later lines are complete.
                Err(_) => {
                    let text = "a line that is not an event was skipped".to_owned();
                    sink.record(LogRecord::Warning { offset: offset + at as u64, text });
                }
            }
        });
        self.offset += read as u64;
        read
    }
}

impl EventLog {
    fn event(&mut self, event: &Event, wall_time: f64, sink: &mut dyn Sink) {
        let metrics = |step: i64, values: &[(String, f64)], sink: &mut dyn Sink| {
            for (name, value) in values {
                let name = format!("{}{name}", self.prefix);
                sink.record(LogRecord::Scalar { name: &name, step, wall_time, value: *value });
            }
        };
        match event {
            Event::EpochEnded(stats) => metrics(stats.epoch.into(), &stats.metrics(), sink),
            Event::Metrics(update) => metrics(update.step, &update.values, sink),
            Event::Started(info) => {
                self.prefix =
                    info.name_in_job().map_or_else(String::new, |name| format!("{name}/"));
                sink.record(LogRecord::Started { wall_time });
                settings(info, sink);
                sink.record(LogRecord::State(WriterState::Running));
            }
            Event::Log(line) => sink.record(LogRecord::Line { text: &line.text }),
            Event::Finished(outcome) => sink.record(LogRecord::State(match outcome {
                Outcome::Completed(_) | Outcome::Stopped | Outcome::Checkpointed(_) => {
                    WriterState::Finished
                }
                Outcome::Diverged { .. } | Outcome::Failed(_) | Outcome::Exited { .. } => {
                    WriterState::Failed
                }
            })),
            _ => {}
        }
    }
}

fn settings(info: &RunInfo, sink: &mut dyn Sink) {
    sink.record(LogRecord::Title { name: &info.title });
    let texts = [
        ("network", &info.network),
        ("cost", &info.cost),
        ("optimizer", &info.optimizer),
        ("regularizer", &info.regularizer),
        ("schedule", &info.schedule),
        ("data", &info.data),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        sink.record(LogRecord::Config { name, value: LogValue::Text(text.clone()) });
    }
    let numbers = [
        ("learning_rate", info.learning_rate),
        ("regularization", info.regularization),
        ("momentum", info.momentum),
        ("batch_size", info.batch_size.into()),
        ("epochs", info.epochs.into()),
        ("seed", info.seed as f64),
    ];
    for (name, number) in numbers {
        sink.record(LogRecord::Config { name, value: LogValue::Number(number) });
    }
}

/// Whether a file starts like a run's event log.
#[must_use]
pub fn has_magic(head: &str) -> bool {
    let first = head.lines().next().unwrap_or_default();
    first.starts_with("{\"at\":") && first.contains("\"event\":{\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::whole;
    use crate::protocol::{EpochStats, Metrics};

    fn line(event: &Event) -> String {
        format!("{{\"at\":1.5,\"event\":{}}}\n", serde_json::to_string(event).expect("JSON"))
    }

    #[test]
    fn epochs_metrics_and_the_end_are_read() {
        let info = RunInfo { title: "x · part".to_owned(), ..RunInfo::default() };
        let stats = EpochStats { epoch: 2, test_accuracy: Some(0.5), ..EpochStats::default() };
        let metrics =
            Metrics { step: 7, values: vec![("loss".to_owned(), f64::NAN)], ..Metrics::default() };
        let text = [
            line(&Event::Started(Box::new(info))),
            line(&Event::EpochEnded(stats)),
            line(&Event::Metrics(metrics)),
            "torn\n".to_owned(),
            line(&Event::Finished(Outcome::Stopped)),
        ]
        .concat();
        assert!(has_magic(&text));
        let found = whole(EventLog::default(), text.as_bytes()).join("\n");
        for part in [
            "part/accuracy/test\", step: 2, wall_time: 1.5, value: 0.5",
            "part/loss\", step: 7",
            "value: NaN",
            "Warning",
            "State(Finished)",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
    }
}
