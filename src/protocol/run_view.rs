//! The state of a run, computed from its events.

use super::{
    Activity, Claim, Classified, Content, EpochStats, Event, Figure, Frame, LogLevel, LogLine,
    MAX_PROBES, Mark, Media, MetricSeries, MetricTable, Metrics, Outcome, OutputLines, Probe,
    Progress, RunInfo, SavedFile, Series, Status, SystemUse, Tunable, Tuned,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum size in bytes of all frames in a view; no screen shows as much.
const FRAME_BYTES: usize = 8 << 20;
/// Maximum number of output lines in a view; the whole output is in the run's directory.
const OUTPUT_LINES: usize = 2000;

/// The state of a run. The hub, the dashboard and the headless printer all use [`RunView::apply`],
/// so their states agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub info: Option<RunInfo>,
    pub status: Status,
    pub epochs: Series<EpochStats>,
    /// The epoch with the best accuracy on the validation images, or on the test images if there are
    /// no validation images.
    pub best: Option<EpochStats>,
    /// The best test accuracy of all epochs, including those that `epochs` no longer contains.
    #[serde(default)]
    pub best_test: Option<f64>,
    pub progress: Option<Progress>,
    pub tuned: Vec<Tuned>,
    pub saved: Vec<SavedFile>,
    pub figures: Vec<Figure>,
    pub claims: Vec<Claim>,
    pub log: Vec<LogLine>,
    pub outcome: Option<Outcome>,
    /// The newest answer to each probe.
    pub frames: BTreeMap<Probe, Frame>,
    pub classified: Option<Classified>,
    /// Metrics from sources other than nntop's own trainer.
    pub metrics: MetricTable,
    /// The newest lines of output of a command.
    pub output: OutputLines,
    /// Tunable parameters with their latest values.
    pub tunables: Vec<Tunable>,
    /// Marks on charts.
    pub marks: Vec<Mark>,
    /// The newest text, image or histogram of every tag.
    pub media: Vec<Media>,
    /// The exit code of a command that has ended.
    pub exit_code: Option<i32>,
    /// The system resources that the processes of a command use.
    pub system: Option<SystemUse>,
    /// The wall time, in seconds since 1970, at which each step was first reported.
    pub clock: MetricSeries,
}

impl RunView {
    /// Maximum number of log lines in a view; older ones are in the run's log file.
    pub const LOG_LINES: usize = 200;
    /// Maximum number of marks, of manual changes, and of saved files, in a view.
    pub const MARKS: usize = 1000;
    /// Maximum number of tunable parameters of a run.
    pub const TUNABLES: usize = 1000;
    /// Maximum number of tags of texts, images and histograms; the oldest are dropped.
    pub const MEDIA: usize = 32;

    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Started(info) => self.start(info),
            Event::EpochEnded(stats) => self.end_epoch(stats),
            Event::StatusChanged(status) => self.status = *status,
            Event::Tuned(tuned) => push_bounded(&mut self.tuned, tuned, Self::MARKS),
            Event::Saved(saved) => push_bounded(&mut self.saved, saved, Self::MARKS),
            Event::Figure(figure) => self.show(figure),
            Event::Claim(claim) => self.claims.push(claim.clone()),
            Event::Log(line) => push_bounded(&mut self.log, line, Self::LOG_LINES),
            Event::Finished(outcome) => {
                self.outcome = Some(outcome.clone());
                self.status.activity = Activity::Finished;
                self.status.pausing = false;
                self.status.stopping = false;
            }
            Event::Progress(progress) => self.progress = Some(progress.clone()),
            Event::Frame(frame) => self.keep_frame(frame),
            Event::Classified(classified) => self.classified = Some(classified.clone()),
            Event::Metrics(metrics) => self.measure(metrics),
            Event::Output(output) => self.print(output),
            Event::Described(info) => self.info = Some(info.clone().with_plausible_sizes()),
            Event::Tunable(tunable) => self.keep_tunable(tunable),
            Event::Mark(mark) => push_bounded(&mut self.marks, mark, Self::MARKS),
            Event::Refused(reason) => {
                let line = LogLine { level: LogLevel::Warning, text: reason.clone() };
                push_bounded(&mut self.log, &line, Self::LOG_LINES);
            }
            Event::ExitCode(code) => self.exit_code = Some(*code),
            Event::Media(media) => {
                self.media.retain(|kept| kept.tag != media.tag);
                push_bounded(&mut self.media, media, Self::MEDIA);
            }
            Event::System(system) => self.system = Some(system.clone()),
            // Explorables are not part of the run.
            Event::Explored(_) | Event::Explorables(_) => {}
        }
    }

    /// The same title continues an interrupted run; another title is the next run of an experiment,
    /// whose curves start empty.
    fn start(&mut self, info: &RunInfo) {
        if self.info.as_ref().is_some_and(|known| known.title != info.title) {
            self.epochs = Series::default();
            self.best = None;
            self.best_test = None;
            self.progress = None;
            self.tuned.clear();
            self.frames.clear();
            self.metrics = MetricTable::default();
            self.clock = MetricSeries::default();
        }
        self.info = Some(info.clone().with_plausible_sizes());
        self.outcome = None;
        self.exit_code = None;
    }

    fn end_epoch(&mut self, stats: &EpochStats) {
        let score = |s: &EpochStats| s.validation_accuracy.or(s.test_accuracy).unwrap_or(0.0);
        if self.best.as_ref().is_none_or(|best| score(stats) > score(best)) {
            self.best = Some(stats.clone());
        }
        self.best_test = match (self.best_test, stats.test_accuracy) {
            (Some(best), Some(new)) => Some(best.max(new)),
            (best, new) => best.or(new),
        };
        self.epochs.push(stats.clone());
    }

    fn show(&mut self, figure: &Figure) {
        match self.figures.iter_mut().find(|kept| kept.id == figure.id) {
            Some(kept) => kept.clone_from(figure),
            None => self.figures.push(figure.clone()),
        }
    }

    /// Appends lines of output; drops the oldest beyond the limit, and all lines before a gap.
    fn print(&mut self, output: &OutputLines) {
        let kept = &mut self.output;
        if kept.first + kept.lines.len() as u64 != output.first {
            kept.lines.clear();
            kept.first = output.first;
        }
        kept.lines.extend(output.lines.iter().cloned());
        let surplus = kept.lines.len().saturating_sub(OUTPUT_LINES);
        kept.lines.drain(..surplus);
        kept.first += surplus as u64;
        kept.current.clone_from(&output.current);
    }

    fn measure(&mut self, metrics: &Metrics) {
        self.metrics.apply(metrics);
        if self.clock.last().is_none_or(|(step, _)| metrics.step > step) {
            self.clock.push(metrics.step, metrics.wall_time);
        }
    }

    fn keep_tunable(&mut self, tunable: &Tunable) {
        match self.tunables.iter_mut().find(|kept| kept.name == tunable.name) {
            Some(kept) => kept.clone_from(tunable),
            None => push_bounded(&mut self.tunables, tunable, Self::TUNABLES),
        }
    }

    /// A snapshot that a session sent, without inconsistent frames and implausible sizes.
    /// [`RunView::apply`] checks events in the same way.
    #[must_use]
    pub fn checked(mut self) -> Self {
        self.info = self.info.map(RunInfo::with_plausible_sizes);
        self.frames.retain(|_, frame| frame.content.is_consistent());
        self
    }

    fn keep_frame(&mut self, frame: &Frame) {
        if !frame.content.is_consistent() {
            let text = "The session sent an answer whose sizes contradict its values.";
            let content = Content::Unavailable(text.into());
            let (probe, epoch, batch) = (frame.probe.clone(), frame.epoch, frame.batch);
            return self.keep_frame(&Frame { probe, epoch, batch, content });
        }
        self.frames.remove(&frame.probe);
        let bytes: usize = self.frames.values().map(Frame::bytes).sum();
        if self.frames.len() >= MAX_PROBES || bytes + frame.bytes() > FRAME_BYTES {
            // Frames of watched probes are sent again.
            self.frames.clear();
        }
        self.frames.insert(frame.probe.clone(), frame.clone());
    }

    /// The statistics of the newest epoch.
    #[must_use]
    pub fn latest(&self) -> Option<&EpochStats> {
        self.epochs.last()
    }

    /// Completed epochs.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.latest().map_or(0, |stats| stats.epoch)
    }

    /// The best accuracy on the test set so far.
    #[must_use]
    pub fn best_test_accuracy(&self) -> Option<f64> {
        self.best_test
    }
}

fn push_bounded<T: Clone>(list: &mut Vec<T>, value: &T, limit: usize) {
    if list.len() == limit {
        list.remove(0);
    }
    list.push(value.clone());
}
