//! Training runs of a job, as many in parallel as there are cores.
//!
//! Front ends see one run at a time, in order. The events of other runs are queued until their
//! turn, so the order of events does not depend on which run is faster.

use super::ExperimentError;
use super::channels::JobChannels;
use super::run::{PlannedRun, TrainedRun, TrainingRecord};
use crate::data::Dataset;
use crate::nn::Network;
use crate::protocol::{Activity, Command, Event, Figure, LogLevel, Outcome, RunKind};
use crate::spec::Spec;
use crate::train::{CheckpointPolicy, RunHandle, RunOptions};
use crossbeam_channel::{Receiver, Select};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Minimum interval between two figures of the runs so far. Each figure has a point for every
/// epoch, so one after each epoch would take time that grows with the square of their number.
const FIGURE_INTERVAL: Duration = Duration::from_millis(100);

/// A run that was started; after its end, its results.
struct ParallelRun {
    record: TrainingRecord,
    /// `None` once the run has ended and was shown.
    handle: Option<RunHandle>,
    /// The trained network, after the handle was dropped.
    network: Option<Network>,
    /// Events queued until the run is shown.
    queued: Vec<Event>,
    /// Whether it writes checkpoints.
    has_checkpoints: bool,
    ended: bool,
}

impl ParallelRun {
    fn send(&self, command: Command) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.commands.send(command).is_ok())
    }

    /// Waits until a run that is stopping has written its checkpoint.
    fn wait(&self) {
        if let Some(handle) = self.handle.as_ref().filter(|_| !self.ended) {
            handle.events.iter().find(|event| matches!(event, Event::Finished(_)));
        }
    }

    /// Drops everything except the network, because the data of many runs would not fit into
    /// memory.
    fn keep_network_only(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.network = handle.join();
        }
    }
}

/// An event that a job waits for.
enum RunUpdate {
    Command(Option<Command>),
    Event(usize, Option<Event>),
    Deadline,
}

/// Number of threads of run `index` of `total`. Runs are started in rounds of `cores`; the runs of
/// an incomplete last round share all cores.
fn threads(cores: usize, total: usize, index: usize) -> u32 {
    let round = index - index % cores;
    (cores / cores.min(total - round)) as u32
}

/// Trains several networks and forwards the events of the one that is shown.
pub(super) struct ParallelRuns<'a> {
    id: &'static str,
    channels: &'a mut JobChannels,
    /// Number of runs trained in parallel.
    cores: usize,
    started: Vec<ParallelRun>,
    /// The index of the run that front ends see.
    shown: usize,
}

impl<'a> ParallelRuns<'a> {
    pub(super) fn new(id: &'static str, channels: &'a mut JobChannels, cores: usize) -> Self {
        Self { id, channels, cores, started: Vec::new(), shown: 0 }
    }

    /// Trains all runs, on `data` unless a run has its own data set.
    pub(super) fn train(
        mut self,
        runs: Vec<PlannedRun>,
        data: Option<Arc<Dataset>>,
        draw: &mut dyn FnMut(&[TrainingRecord]) -> Option<Figure>,
    ) -> Result<Vec<TrainedRun>, ExperimentError> {
        let result = self.run_all(runs, data, draw);
        let runs = std::mem::take(&mut self.started);
        if result.is_err() {
            for run in &runs {
                // Fails if the run has ended.
                run.send(Command::Stop);
            }
            runs.iter().for_each(ParallelRun::wait);
        }
        let mut trained = Vec::with_capacity(runs.len());
        for run in runs {
            let left = run.handle.as_ref().and_then(|handle| handle.network().cloned());
            if let Some(network) = run.network.or(left) {
                trained.push(TrainedRun { record: run.record, network });
            }
            if run.handle.is_some() {
                // The last run continues to answer probes.
                self.channels.last_network = run.handle;
            }
        }
        result.map(|()| trained)
    }

    fn run_all(
        &mut self,
        runs: Vec<PlannedRun>,
        data: Option<Arc<Dataset>>,
        draw: &mut dyn FnMut(&[TrainingRecord]) -> Option<Figure>,
    ) -> Result<(), ExperimentError> {
        let at_once = self.cores.clamp(1, runs.len().max(1));
        let total = runs.len();
        let mut runs = runs.into_iter();
        let mut drawn_at: Option<Instant> = None;
        // When the next figure is due; `None` if nothing was measured since the last one.
        let mut due = None;
        while self.shown < total {
            while self.started.iter().filter(|run| !run.ended).count() < at_once
                && let Some(run) = runs.next()
            {
                // A stop has no effect on runs that complete before they receive it.
                if self.channels.control.is_stopped() {
                    return Err(ExperimentError::Stopped);
                }
                let threads = threads(self.cores, total, self.started.len());
                self.start(run, data.as_ref(), threads)?;
            }
            let mut ended = Ok(());
            match self.wait(due) {
                RunUpdate::Command(Some(command)) => self.apply(command),
                RunUpdate::Command(None) => return Err(ExperimentError::Stopped),
                RunUpdate::Event(index, event) => {
                    if matches!(event, Some(Event::EpochEnded(_))) && due.is_none() {
                        let now = Instant::now();
                        due = Some(drawn_at.map_or(now, |at| (at + FIGURE_INTERVAL).max(now)));
                    }
                    ended = self.handle_event(index, event);
                }
                RunUpdate::Deadline => {}
            }
            let over = ended.is_err() || self.shown == total;
            if due.is_some_and(|due| over || due <= Instant::now()) {
                let records: Vec<_> = self.started.iter().map(|run| run.record.clone()).collect();
                if let Some(figure) = draw(&records) {
                    self.channels.send(Event::Figure(figure));
                }
                (drawn_at, due) = (Some(Instant::now()), None);
            }
            ended?;
        }
        Ok(())
    }

    fn start(
        &mut self,
        run: PlannedRun,
        data: Option<&Arc<Dataset>>,
        threads: u32,
    ) -> Result<(), ExperimentError> {
        let PlannedRun { name, spec, data: own, checkpoints } = run;
        let spec = Spec { threads: spec.threads.or(Some(threads)), ..spec };
        let failed = |reason: String| ExperimentError::Run { run: name.clone(), reason };
        let found = checkpoints.map(CheckpointPolicy::of_run).transpose();
        let (policy, resume) = found.map_err(|error| failed(error.to_string()))?.unzip();
        let has_checkpoints = policy.is_some();
        let options = RunOptions {
            pace: self.channels.control.pace(),
            dataset: own.or_else(|| data.cloned()),
            start_paused: self.channels.control.is_paused(),
            checkpoints: policy.into_iter().collect(),
            skip_learning_check: self.id != super::ensemble::ID,
            resume: resume.flatten().map(Box::new),
            ..RunOptions::default()
        };
        let handle = RunHandle::spawn(spec.clone(), options)
            .map_err(|source| ExperimentError::Spec { run: name.clone(), source })?;
        let record = TrainingRecord { name, spec, epochs: Vec::new() };
        let (handle, queued) = (Some(handle), Vec::new());
        self.started.push(ParallelRun {
            record,
            handle,
            network: None,
            queued,
            has_checkpoints,
            ended: false,
        });
        if self.started.len() - 1 == self.shown {
            self.show();
        }
        Ok(())
    }

    /// Blocks until a command or an event of a run arrives, or until the deadline.
    fn wait(&self, deadline: Option<Instant>) -> RunUpdate {
        let mut select = Select::new();
        select.recv(&self.channels.commands);
        let events = |run: &ParallelRun| run.handle.as_ref().map(|handle| handle.events.clone());
        let going: Vec<(usize, Receiver<Event>)> = (self.started.iter().enumerate())
            .filter(|(_, run)| !run.ended)
            .filter_map(|(index, run)| Some((index, events(run)?)))
            .collect();
        for (_, events) in &going {
            select.recv(events);
        }
        let operation = match deadline.map(|deadline| select.select_deadline(deadline)) {
            None => select.select(),
            Some(Ok(operation)) => operation,
            Some(Err(_)) => return RunUpdate::Deadline,
        };
        match operation.index() {
            0 => RunUpdate::Command(operation.recv(&self.channels.commands).ok()),
            selected => {
                let (index, events) = &going[selected - 1];
                RunUpdate::Event(*index, operation.recv(events).ok())
            }
        }
    }

    /// Sends probes, and the file to save a model to, to the run that is shown; `Save` to the runs
    /// with checkpoints; and every other command to all runs.
    fn apply(&mut self, command: Command) {
        self.channels.apply(&command);
        let question = command.is_read_only() || matches!(command, Command::SaveAs(_));
        let save = command == Command::Save;
        for (index, run) in self.started.iter().enumerate() {
            if index == self.shown || !question && (!save || run.has_checkpoints) {
                // Fails if the run has ended.
                run.send(command.clone());
            }
        }
    }

    /// Handles an event of a run; `None` when its thread ended without sending `Finished`.
    fn handle_event(&mut self, index: usize, event: Option<Event>) -> Result<(), ExperimentError> {
        let run = &mut self.started[index];
        let name = || run.record.name.clone();
        match event {
            None => {
                let reason = "the training thread ended unexpectedly".into();
                return Err(ExperimentError::Run { run: name(), reason });
            }
            Some(Event::Finished(outcome)) => {
                run.ended = true;
                match outcome {
                    Outcome::Completed(_) => {}
                    Outcome::Stopped | Outcome::Checkpointed(_) => {
                        return Err(ExperimentError::Stopped);
                    }
                    Outcome::Diverged { epoch, hint } => {
                        return Err(ExperimentError::Diverged { run: name(), epoch, hint });
                    }
                    Outcome::Failed(reason) => {
                        return Err(ExperimentError::Run { run: name(), reason });
                    }
                    Outcome::Exited { code, .. } => {
                        let reason = format!("exit code {code}");
                        return Err(ExperimentError::Run { run: name(), reason });
                    }
                }
                self.show_next();
            }
            Some(event) => {
                if let Event::EpochEnded(stats) = &event {
                    run.record.epochs.push(stats.clone());
                }
                if index == self.shown {
                    self.forward(index, event);
                } else if !event.is_sample() {
                    run.queued.push(event);
                }
            }
        }
        Ok(())
    }

    /// Forwards an event of the run that is shown, with the job's title and without its end, which
    /// is not the end of the job.
    fn forward(&mut self, index: usize, event: Event) {
        match event {
            Event::Started(mut info) => {
                let name = self.started[index].record.name.clone();
                info.title = format!("{} · {name}", self.id);
                info.kind = RunKind::JobTraining(name);
                self.channels.send(Event::Started(info));
            }
            Event::StatusChanged(status) if status.activity == Activity::Finished => {}
            Event::StatusChanged(status) => {
                if status.activity == Activity::Paused {
                    self.channels.control.finish_step();
                }
                self.channels.send(event);
            }
            event => self.channels.send(event),
        }
    }

    /// Shows the next run if the current one has ended.
    fn show_next(&mut self) {
        while self.started.get(self.shown).is_some_and(|run| run.ended) {
            // The end of a run ends a step.
            self.channels.control.finish_step();
            self.shown += 1;
            if self.shown < self.started.len() {
                self.show();
            }
        }
    }

    /// Sends the watched probes to the run that is shown from now on, and forwards its queued
    /// events.
    fn show(&mut self) {
        self.started[..self.shown].iter_mut().for_each(ParallelRun::keep_network_only);
        let run = &mut self.started[self.shown];
        let queued = std::mem::take(&mut run.queued);
        let watch = Command::Watch(self.channels.watched.clone());
        // A run that has ended still answers probes.
        let sent = run.send(watch);
        for event in queued {
            self.forward(self.shown, event);
        }
        if !sent {
            let text = format!("{}: cannot be displayed", self.started[self.shown].record.name);
            self.channels.log(LogLevel::Warning, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::threads;

    #[test]
    fn all_cores_are_used_in_the_last_round() {
        let all = |cores, total| -> Vec<u32> {
            (0..total).map(|index| threads(cores, total, index)).collect()
        };
        assert_eq!(all(2, 5), [1, 1, 1, 1, 2]);
        assert_eq!(all(2, 4), [1; 4]);
        assert_eq!(all(8, 3), [2; 3]);
        assert_eq!(all(1, 2), [1; 2]);
    }
}
