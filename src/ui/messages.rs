//! Messages about the events of a run, for the footer and the list of messages.

use super::theme::Theme;
use crate::protocol::{
    Activity, Command, Event, LogLevel, LogLine, Outcome, Pace, PauseLevel, RunView, StepAmount,
    Tune,
};
use std::fmt::Display;

/// Maximum number of messages.
const MAX_COUNT: usize = 1000;

/// The messages of a run, and the one in the footer.
#[derive(Debug, Default)]
pub struct Messages {
    /// The sentence in the footer until the next key.
    pub notice: Option<String>,
    /// The log line that was last shown in the footer.
    logged: Option<LogLine>,
    lines: Vec<LogLine>,
}

impl Messages {
    /// An empty list with a sentence in the footer.
    #[must_use]
    pub fn new(notice: Option<String>) -> Self {
        Self { notice, ..Self::default() }
    }

    /// All messages, the oldest first.
    #[must_use]
    pub fn lines(&self) -> &[LogLine] {
        &self.lines
    }

    /// Adds the message of an event, and shows important ones in the footer. `run` is the state
    /// before the event.
    pub fn announce(&mut self, event: &Event, run: &RunView, theme: &Theme) {
        let Some(line) = of_event(event, run, theme) else { return };
        let is_fact = matches!(event, Event::Saved(_) | Event::Tuned(_) | Event::Tunable(_));
        let important = is_fact || line.level != LogLevel::Info;
        let logged = self.logged.as_ref().filter(|line| self.notice.as_ref() == Some(&line.text));
        match (event, logged.map(|line| line.level)) {
            // A log line replaces the one shown. An informational one is removed when the run ends.
            (Event::Log(_), Some(_)) => self.log_in_footer(&line),
            (Event::Log(_), None) if important => self.log_in_footer(&line),
            (Event::Finished(_), Some(LogLevel::Info)) if !important => self.notice = None,
            _ if important => self.notice = Some(line.text.clone()),
            _ => {}
        }
        self.push(line);
    }

    /// Adds the messages of the events that a snapshot replaces. The footer shows none of them if
    /// the run has ended; on attaching, it shows only logged warnings and errors.
    pub fn announce_snapshot(&mut self, now: &RunView, run: &RunView, theme: &Theme) {
        let was_here = run.info.is_some();
        for fact in now.missed_events(run) {
            let notice = self.notice.clone();
            self.announce(&fact, run, theme);
            if now.outcome.is_some() || !(was_here || matches!(fact, Event::Log(_))) {
                self.notice = notice;
            }
        }
    }

    /// Adds a confirmation that a command was sent.
    pub fn confirm(&mut self, command: &Command, theme: &Theme) {
        if let Some(text) = of_command(command, theme) {
            self.push(LogLine { level: LogLevel::Info, text: text.clone() });
            self.notice = Some(text);
        }
    }

    fn log_in_footer(&mut self, line: &LogLine) {
        self.notice = Some(line.text.clone());
        self.logged = Some(line.clone());
    }

    fn push(&mut self, line: LogLine) {
        if self.lines.len() == MAX_COUNT {
            self.lines.remove(0);
        }
        self.lines.push(line);
    }
}

/// The message of an event, if it has one. `run` is the state before the event.
#[must_use]
fn of_event(event: &Event, run: &RunView, theme: &Theme) -> Option<LogLine> {
    let info = |text: String| Some(LogLine { level: LogLevel::Info, text });
    match event {
        Event::Log(line) => Some(LogLine { level: line.level, text: theme.say(&line.text).into() }),
        Event::Refused(reason) => {
            Some(LogLine { level: LogLevel::Warning, text: theme.say(reason).into() })
        }
        Event::Tunable(tunable) => {
            let previous = tunable.previous?;
            let values: [&dyn Display; 4] =
                [&tunable.name, &previous, &tunable.value, &tunable.step];
            let text = if tunable.in_force {
                "{} changed from {} to {}, in force since step {}"
            } else {
                "{} set from {} to {} at step {}"
            };
            info(theme.fill(text, &values))
        }
        Event::Saved(saved) => info(theme.fill("saved {}", &[&saved.path])),
        Event::Tuned(tuned) => {
            let (name, value) = name_and_value(tuned.change, theme);
            let text = "{} changed from {} to {} in epoch {}";
            info(
                theme.fill(text, &[&name, &tuned.previous, &value, &tuned.epoch.saturating_add(1)]),
            )
        }
        Event::StatusChanged(status) if status.activity != run.status.activity => {
            match (run.status.activity, status.activity) {
                (_, Activity::Paused) if status.pause != PauseLevel::Paused => {
                    let step = run.progress.as_ref().map_or(0, |progress| progress.batch);
                    let word = theme.say(status.pause.word());
                    info(theme.fill("{} at step {}", &[&word, &step]))
                }
                (_, Activity::Paused) => {
                    info(theme.fill("paused in epoch {}", &[&run.epoch().saturating_add(1)]))
                }
                (Activity::Paused, Activity::Training) => info(theme.say("resumed").into()),
                _ => None,
            }
        }
        Event::Finished(outcome) => Some(of_outcome(outcome, theme)),
        _ => None,
    }
}

fn of_outcome(outcome: &Outcome, theme: &Theme) -> LogLine {
    let (level, text) = match outcome {
        Outcome::Completed(why) => (LogLevel::Info, theme.fill("finished: {}", &[why])),
        Outcome::Stopped => (LogLevel::Info, theme.say("stopped").into()),
        Outcome::Checkpointed(path) => {
            (LogLevel::Info, theme.fill("checkpointed and ended: {}", &[path]))
        }
        Outcome::Diverged { epoch, hint } => {
            (LogLevel::Error, theme.fill("diverged in epoch {}: {}", &[epoch, hint]))
        }
        Outcome::Failed(why) => (LogLevel::Error, theme.fill("failed: {}", &[why])),
        Outcome::Exited { code, .. } => {
            (LogLevel::Error, theme.fill("failed: exit code {}", &[code]))
        }
    };
    LogLine { level, text }
}

/// The confirmation of a command; `None` for read-only requests.
#[must_use]
fn of_command(command: &Command, theme: &Theme) -> Option<String> {
    Some(match command {
        Command::Pause => theme.say("pause requested").into(),
        Command::Resume => theme.say("resume requested").into(),
        Command::Step(StepAmount::Batches(1)) => theme.say("one mini-batch, then a pause").into(),
        Command::Step(StepAmount::Batches(count)) => {
            theme.fill("{} mini-batches, then a pause", &[count])
        }
        Command::Step(StepAmount::Epochs(1)) => theme.say("one epoch, then a pause").into(),
        Command::Step(StepAmount::Epochs(count)) => theme.fill("{} epochs, then a pause", &[count]),
        Command::Stop => theme.say("stop requested").into(),
        Command::Save => theme.say("checkpoint requested").into(),
        Command::Set(change) => {
            let (name, value) = name_and_value(*change, theme);
            theme.fill("requested {} = {}", &[&name, &value])
        }
        Command::SetNamed { name, value } => theme.fill("requested {} = {}", &[name, value]),
        Command::Hold => theme.say("pause requested").into(),
        Command::Suspend => theme.say("suspension of every process requested").into(),
        Command::EndAtCheckpoint => theme.say("checkpoint and end requested").into(),
        Command::Pace(Pace::Full) => theme.say("requested full speed").into(),
        Command::Pace(Pace::SecondsPerEpoch(seconds)) => {
            theme.fill("requested {} s per epoch", &[seconds])
        }
        Command::Pace(Pace::BatchesPerSecond(rate)) => {
            theme.fill("requested {} mini-batches per second", &[rate])
        }
        _ => return None,
    })
}

/// The symbol and the new value of a hyper-parameter.
fn name_and_value(change: Tune, theme: &Theme) -> (&'static str, f64) {
    let (greek, latin, value) = match change {
        Tune::LearningRate(value) => ("η", "eta", value),
        Tune::Regularization(value) => ("λ", "lambda", value),
        Tune::Momentum(value) => ("μ", "momentum", value),
    };
    (if theme.unicode { greek } else { latin }, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Tuned;

    /// Epoch numbers come from a session, which is not trusted.
    #[test]
    fn the_largest_epoch_is_announced() {
        let mut messages = Messages::default();
        let change = Tune::LearningRate(0.1);
        let tuned = Tuned { change, previous: 0.2, epoch: u32::MAX, batch: 0 };
        messages.announce(&Event::Tuned(tuned), &RunView::default(), &Theme::default());
        let [line] = messages.lines() else { panic!("one message: {:?}", messages.lines()) };
        assert!(line.text.contains(&u32::MAX.to_string()), "{}", line.text);
    }

    #[test]
    fn a_warning_stays_in_the_footer_until_its_end_is_reported() {
        let log = |level, text: &str| Event::Log(LogLine { level, text: text.into() });
        let ended = Event::Finished(Outcome::Completed("all 30 epochs trained".into()));
        let mut messages = Messages::new(Some("saved model.safetensors".into()));
        let mut footer_after = |event: &Event| {
            messages.announce(event, &RunView::default(), &Theme::default());
            messages.notice.clone().unwrap_or_default()
        };
        let saved = footer_after(&log(LogLevel::Info, "nothing to act on"));
        assert_eq!(saved, "saved model.safetensors");
        let warning = "epoch 2: class 0 is never predicted";
        assert_eq!(footer_after(&log(LogLevel::Warning, warning)), warning);
        assert_eq!(footer_after(&ended), warning, "it explains the result");
        let recovery = "epoch 5: the network is learning now";
        assert_eq!(footer_after(&log(LogLevel::Info, recovery)), recovery);
        assert_eq!(footer_after(&ended), "", "the footer says how the run ended");
    }
}
