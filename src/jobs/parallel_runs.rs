//! Training runs of an experiment, as many side by side as there are cores.
//!
//! Front ends see one run at a time, in order: the events of the others are kept until it is their
//! turn. So what is told does not depend on which run was faster.

use super::ExperimentError;
use super::channels::JobChannels;
use super::run::{Record, Run, Trained};
use crate::data::Dataset;
use crate::nn::Network;
use crate::protocol::{Activity, Command, Event, Figure, Level, Outcome};
use crate::spec::Spec;
use crate::train::{CheckpointPolicy, RunHandle, RunOptions};
use crossbeam_channel::{Receiver, Select};
use std::sync::Arc;

/// A run that was started.
struct ParallelRun {
    record: Record,
    /// `None` when it was over and shown, and so was let go.
    handle: Option<RunHandle>,
    /// What the handle left.
    network: Option<Network>,
    /// Facts that wait for the run's turn to be shown.
    kept: Vec<Event>,
    /// Whether it keeps checkpoints.
    keeps: bool,
    over: bool,
}

impl ParallelRun {
    fn send(&self, command: Command) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.commands.send(command).is_ok())
    }

    /// Waits until a run that was told to stop has kept what it keeps.
    fn wait(&self) {
        if let Some(handle) = self.handle.as_ref().filter(|_| !self.over) {
            handle.events.iter().find(|event| matches!(event, Event::Finished(_)));
        }
    }

    /// Keeps the network and lets everything else go: many runs do not fit into memory.
    fn dismiss(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.network = handle.join();
        }
    }
}

/// What happened next.
enum RunUpdate {
    Command(Option<Command>),
    Event(usize, Option<Event>),
}

/// Worker threads of a run by its place among `total`: runs go side by side in rounds, and those of
/// a last round that is not full share all cores.
fn threads(cores: usize, total: usize, place: usize) -> u32 {
    let round = place - place % cores;
    (cores / cores.min(total - round)) as u32
}

pub(super) struct ParallelRuns<'a> {
    id: &'static str,
    channels: &'a mut JobChannels,
    /// Runs at once.
    cores: usize,
    started: Vec<ParallelRun>,
    /// The run that front ends see.
    shown: usize,
}

impl<'a> ParallelRuns<'a> {
    pub(super) fn new(id: &'static str, channels: &'a mut JobChannels, cores: usize) -> Self {
        Self { id, channels, cores, started: Vec::new(), shown: 0 }
    }

    /// Trains all runs, on `data` where they have none of their own.
    pub(super) fn train(
        mut self,
        runs: Vec<Run>,
        data: Option<Arc<Dataset>>,
        draw: impl FnMut(&[Record]) -> Option<Figure>,
    ) -> Result<Vec<Trained>, ExperimentError> {
        let result = self.follow(runs, data, draw);
        let runs = std::mem::take(&mut self.started);
        if result.is_err() {
            for run in &runs {
                // A run that is over needs no stopping.
                run.send(Command::Stop);
            }
            runs.iter().for_each(ParallelRun::wait);
        }
        let mut trained = Vec::with_capacity(runs.len());
        for run in runs {
            let left = run.handle.as_ref().and_then(|handle| handle.network().cloned());
            if let Some(network) = run.network.or(left) {
                trained.push(Trained { record: run.record, network });
            }
            if run.handle.is_some() {
                // The last one is left to answer probes, so its threads are not yet waited for.
                self.channels.parked = run.handle;
            }
        }
        result.map(|()| trained)
    }

    fn follow(
        &mut self,
        runs: Vec<Run>,
        data: Option<Arc<Dataset>>,
        mut draw: impl FnMut(&[Record]) -> Option<Figure>,
    ) -> Result<(), ExperimentError> {
        let at_once = self.cores.clamp(1, runs.len().max(1));
        let total = runs.len();
        let mut runs = runs.into_iter();
        let mut records: Vec<Record> = Vec::with_capacity(total);
        while self.shown < total {
            while self.started.iter().filter(|run| !run.over).count() < at_once
                && let Some(run) = runs.next()
            {
                let threads = threads(self.cores, total, self.started.len());
                self.start(run, data.as_ref(), threads)?;
            }
            match self.wait() {
                RunUpdate::Command(Some(command)) => self.obey(command),
                RunUpdate::Command(None) => return Err(ExperimentError::Stopped),
                RunUpdate::Event(index, event) => {
                    let measured = matches!(event, Some(Event::EpochEnded(_)));
                    self.hear(index, event)?;
                    if measured {
                        records.clear();
                        records.extend(self.started.iter().map(|run| run.record.clone()));
                        if let Some(figure) = draw(&records) {
                            self.channels.tell(Event::Figure(figure));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        run: Run,
        data: Option<&Arc<Dataset>>,
        threads: u32,
    ) -> Result<(), ExperimentError> {
        let Run { name, spec, data: own, checkpoints } = run;
        let spec = Spec { threads: spec.threads.or(Some(threads)), ..spec };
        let failed = |reason: String| ExperimentError::Run { run: name.clone(), reason };
        let found = checkpoints.map(CheckpointPolicy::of_run).transpose();
        let (policy, resume) = found.map_err(|error| failed(error.to_string()))?.unzip();
        let keeps = policy.is_some();
        let options = RunOptions {
            pace: self.channels.pace,
            dataset: own.or_else(|| data.cloned()),
            start_paused: self.channels.paused,
            checkpoints: policy.into_iter().collect(),
            resume: resume.flatten().map(Box::new),
            ..RunOptions::default()
        };
        let handle = RunHandle::spawn(spec.clone(), options)
            .map_err(|source| ExperimentError::Spec { run: name.clone(), source })?;
        let record = Record { name, spec, epochs: Vec::new() };
        let (handle, kept) = (Some(handle), Vec::new());
        self.started.push(ParallelRun { record, handle, network: None, kept, keeps, over: false });
        if self.started.len() - 1 == self.shown {
            self.show();
        }
        Ok(())
    }

    /// Blocks until something happens.
    fn wait(&self) -> RunUpdate {
        let mut select = Select::new();
        select.recv(&self.channels.commands);
        let events = |run: &ParallelRun| run.handle.as_ref().map(|handle| handle.events.clone());
        let going: Vec<(usize, Receiver<Event>)> = (self.started.iter().enumerate())
            .filter(|(_, run)| !run.over)
            .filter_map(|(index, run)| Some((index, events(run)?)))
            .collect();
        for (_, events) in &going {
            select.recv(events);
        }
        // The run that is shown goes on being heard when it is over: it answers probes.
        let operation = select.select();
        match operation.index() {
            0 => RunUpdate::Command(operation.recv(&self.channels.commands).ok()),
            place => {
                let (index, events) = &going[place - 1];
                RunUpdate::Event(*index, operation.recv(events).ok())
            }
        }
    }

    /// Questions go to the run that is shown, orders to all, and what is to be saved to those that
    /// have a place for it.
    fn obey(&mut self, command: Command) {
        self.channels.obey(&command);
        let (question, save) = (command.is_question(), command == Command::Save);
        for (index, run) in self.started.iter().enumerate() {
            if index == self.shown || !question && (!save || run.keeps) {
                // A run that is over needs no orders.
                run.send(command.clone());
            }
        }
    }

    /// Takes news of a run; `None` when its thread is gone without a word.
    fn hear(&mut self, index: usize, event: Option<Event>) -> Result<(), ExperimentError> {
        let run = &mut self.started[index];
        let name = || run.record.name.clone();
        match event {
            None => {
                let reason = "the training thread ended without a word".into();
                return Err(ExperimentError::Run { run: name(), reason });
            }
            Some(Event::Finished(outcome)) => {
                run.over = true;
                match outcome {
                    Outcome::Completed(_) => {}
                    Outcome::Stopped => return Err(ExperimentError::Stopped),
                    Outcome::Diverged { epoch, hint } => {
                        return Err(ExperimentError::Diverged { run: name(), epoch, hint });
                    }
                    Outcome::Failed(reason) => {
                        return Err(ExperimentError::Run { run: name(), reason });
                    }
                }
                self.next();
            }
            Some(event) => {
                if let Event::EpochEnded(stats) = &event {
                    run.record.epochs.push(stats.clone());
                }
                if index == self.shown {
                    self.tell(index, event);
                } else if !event.is_sample() {
                    run.kept.push(event);
                }
            }
        }
        Ok(())
    }

    /// Passes an event of a run on: the run is titled as part of the experiment, and its end is
    /// not the experiment's.
    fn tell(&mut self, index: usize, event: Event) {
        match event {
            Event::Started(mut info) => {
                info.title = format!("{} · {}", self.id, self.started[index].record.name);
                self.channels.tell(Event::Started(info));
            }
            Event::StatusChanged(status) if status.activity == Activity::Finished => {}
            Event::StatusChanged(status) => {
                // A run that paused by itself is at the end of a step.
                if status.activity == Activity::Paused && self.channels.stepping {
                    (self.channels.paused, self.channels.stepping) = (true, false);
                }
                self.channels.tell(event);
            }
            event => self.channels.tell(event),
        }
    }

    /// Shows the next run where the one that is shown is over.
    fn next(&mut self) {
        while self.started.get(self.shown).is_some_and(|run| run.over) {
            // A step that ends with its run still ends in a pause.
            self.channels.paused |= std::mem::take(&mut self.channels.stepping);
            self.shown += 1;
            if self.shown < self.started.len() {
                self.show();
            }
        }
    }

    /// Tells all that is known of the run that is shown from now on, and has it watched.
    fn show(&mut self) {
        self.started[..self.shown].iter_mut().for_each(ParallelRun::dismiss);
        let run = &mut self.started[self.shown];
        let kept = std::mem::take(&mut run.kept);
        let watch = Command::Watch(self.channels.watched.clone());
        // A run that is over answers too.
        let sent = run.send(watch);
        for event in kept {
            self.tell(self.shown, event);
        }
        if !sent {
            let text = format!("{}: cannot be looked at", self.started[self.shown].record.name);
            self.channels.log(Level::Warning, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::threads;

    #[test]
    fn no_core_is_idle_in_the_last_round() {
        let all = |cores, total| -> Vec<u32> {
            (0..total).map(|place| threads(cores, total, place)).collect()
        };
        assert_eq!(all(2, 5), [1, 1, 1, 1, 2]);
        assert_eq!(all(2, 4), [1; 4]);
        assert_eq!(all(8, 3), [2; 3]);
        assert_eq!(all(1, 2), [1; 2]);
    }
}
