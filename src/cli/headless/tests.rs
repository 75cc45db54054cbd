use super::*;
use crate::protocol::{EpochStats, LayerStats, RunInfo};
use crossbeam_channel::unbounded;
use serde_json::Value;
use std::io::Write;

fn epoch(epoch: u32, validation: f64, test: f64) -> Event {
    Event::EpochEnded(EpochStats {
        epoch,
        train_cost: Some(f64::NAN),
        train_accuracy: Some(0.5),
        validation_accuracy: Some(validation),
        test_accuracy: Some(test),
        train_seconds: 0.5,
        samples_per_second: 100_000.0,
        learning_rate: 3.0,
        layers: vec![LayerStats { bias_gradient_norm: 0.0125, ..LayerStats::default() }],
        ..EpochStats::default()
    })
}

fn sample_events(outcome: Outcome) -> Vec<Event> {
    vec![
        Event::Started(Box::new(RunInfo { network: "784,30,10".into(), ..RunInfo::default() })),
        epoch(0, 0.1, 0.09),
        epoch(1, 0.95, 0.94),
        epoch(2, 0.93, 0.96),
        Event::Finished(outcome),
    ]
}

fn printed(format: OutputFormat, events: Vec<Event>) -> (String, Outcome) {
    let (sender, events_out) = unbounded();
    let (commands, _kept) = unbounded();
    for event in events {
        sender.send(event).unwrap();
    }
    drop(sender);
    let mut out = Vec::new();
    let view = follow(&events_out, &commands, format, &mut Output::to(&mut out), None).unwrap();
    (String::from_utf8(out).unwrap(), view.outcome.unwrap())
}

#[test]
fn json_lines_have_the_documented_fields() {
    let (text, outcome) = printed(OutputFormat::Json, sample_events(Outcome::Stopped));
    assert_eq!(outcome, Outcome::Stopped);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["started", "epoch", "epoch", "epoch", "finished"]);
    assert!(text.starts_with("{\"event\":\"started\","), "{text}");
    let second = &lines[2];
    assert_eq!(second["epoch"], 1);
    assert!(second["train_cost"].is_null(), "not a number is null");
    for field in ["train_accuracy", "validation_accuracy", "test_accuracy", "train_seconds"] {
        assert!(second[field].is_number(), "{field}");
    }
    let last = &lines[4];
    assert_eq!(last["outcome"], "stopped");
    assert_eq!((&last["best_epoch"], &last["test_accuracy"]), (&1.into(), &0.94.into()));
    assert_eq!((&last["best_test_accuracy"], &last["train_seconds"]), (&0.96.into(), &1.5.into()));
}

#[test]
fn text_has_one_aligned_line_per_epoch() {
    let (text, _) =
        printed(OutputFormat::Text, sample_events(Outcome::Completed("every epoch".into())));
    let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let header = text.lines().filter(|line| line.starts_with('#')).nth(2).unwrap();
    let end_of = |line: &str, word: &str| line.find(word).unwrap() + word.len();
    assert_eq!(end_of(header, "images/s"), end_of(rows[1], "100000"), "{text}");
    assert!(rows[1].contains("95.00%") && rows[1].contains("1.3e-2"), "{text}");
    assert!(text.lines().last().unwrap().contains("best epoch 1: validation 95.00%, test 94.00%"));
}

#[test]
fn a_run_whose_channel_closes_has_failed() {
    let (_, outcome) = printed(OutputFormat::Text, vec![epoch(0, 0.1, 0.1)]);
    assert!(matches!(outcome, Outcome::Failed(_)));
}

/// A pipe whose reader closes it after the first line.
struct Closing(usize);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.0 -= usize::from(bytes.ends_with(b"\n"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn closing_the_pipe_stops_the_run() {
    let (sender, events) = unbounded();
    let (commands, received) = unbounded();
    for event in sample_events(Outcome::Stopped) {
        sender.send(event).unwrap();
    }
    let view =
        follow(&events, &commands, OutputFormat::Json, &mut Output::to(Closing(1)), None).unwrap();
    let outcome = view.outcome.unwrap();
    assert_eq!(outcome, Outcome::Stopped);
    assert_eq!(received.try_iter().collect::<Vec<_>>(), [Command::Stop]);
}

#[test]
fn the_bar_shows_progress_and_is_cleared() {
    let (sender, events) = unbounded();
    let (commands, _kept) = unbounded();
    let progress = crate::protocol::Progress { batch: 50, batches: 100, ..Default::default() };
    sender.send(Event::Progress(progress)).unwrap();
    sender.send(Event::Finished(Outcome::Stopped)).unwrap();
    let (mut out, mut bar) = (Vec::new(), Vec::new());
    {
        let (mut out, mut bar) = (Output::to(&mut out), Output::to(&mut bar));
        follow(&events, &commands, OutputFormat::Text, &mut out, Some(&mut bar)).unwrap();
    }
    let bar = String::from_utf8(bar).unwrap();
    assert!(bar.contains("[###############---------------]  50%"), "{bar}");
    assert!(bar.ends_with("\r\x1b[K"), "{bar:?}");
}
