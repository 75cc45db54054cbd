//! An experiment's channels: commands come in, events go out, pauses and stops are kept in mind.

use crate::protocol::{Activity, Command, EpochStats, Event, Level, LogLine, Pace, Probe, Status};
use crate::train::RunHandle;
use crossbeam_channel::{Receiver, Sender, select};
use std::time::{Duration, Instant};

/// What was asked for, and whom to tell what happens.
#[derive(Debug)]
pub(super) struct JobChannels {
    pub commands: Receiver<Command>,
    events: Sender<Event>,
    pub paused: bool,
    pub stopped: bool,
    /// A step is under way: the next occasion to pause is taken.
    pub stepping: bool,
    pub pace: Pace,
    pub watched: Vec<Probe>,
    told: Status,
    clock: Stopwatch,
    /// The last network that was trained; it still answers probes.
    pub parked: Option<RunHandle>,
}

impl JobChannels {
    pub(super) fn new(commands: Receiver<Command>, events: Sender<Event>, pace: Pace) -> Self {
        Self {
            commands,
            events,
            paused: false,
            stopped: false,
            stepping: false,
            pace,
            watched: Vec::new(),
            told: Status { pace, ..Status::default() },
            clock: Stopwatch::start(),
            parked: None,
        }
    }

    /// Sends an event; the clock stands while the experiment does.
    pub(super) fn tell(&mut self, event: Event) {
        if let Event::StatusChanged(status) = event {
            self.clock.run(status.activity != Activity::Paused);
            self.told = status;
        }
        // The receiver may be gone; the experiment goes on without an audience.
        let _ = self.events.send(event);
    }

    pub(super) fn log(&mut self, level: Level, text: String) {
        self.tell(Event::Log(LogLine { level, text }));
    }

    /// Says what is being done where no training run says it.
    pub(super) fn enter(&mut self, activity: Activity) {
        let status =
            Status { activity, stopping: self.stopped, pace: self.pace, ..Status::default() };
        if self.told != status {
            self.tell(Event::StatusChanged(status));
        }
    }

    /// Seconds since the start, pauses left out.
    pub(super) fn seconds(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }

    /// Keeps in mind what a command asks for.
    pub(super) fn obey(&mut self, command: &Command) {
        match command {
            Command::Pause => (self.paused, self.stepping) = (true, false),
            Command::Resume => (self.paused, self.stepping) = (false, false),
            Command::Step(_) => (self.paused, self.stepping) = (false, true),
            Command::Stop => self.stopped = true,
            Command::Pace(pace) => self.pace = *pace,
            Command::Watch(probes) => self.watched.clone_from(probes),
            _ => {}
        }
    }

    /// Obeys the commands that have arrived, blocks while paused; false when told to stop.
    pub(super) fn attend(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            self.take(command);
        }
        while self.paused && !self.stopped {
            self.enter(Activity::Paused);
            if !self.wait() {
                self.stopped = true;
            }
        }
        // A step was for the work up to here.
        self.paused |= std::mem::take(&mut self.stepping);
        !self.stopped
    }

    /// Blocks until a command or news of the parked network has come; false when nobody is left
    /// to command.
    pub(super) fn wait(&mut self) -> bool {
        let never = crossbeam_channel::never();
        let events = self.parked.as_ref().map_or(&never, |handle| &handle.events).clone();
        select! {
            recv(self.commands) -> command => match command {
                Ok(command) => self.take(command),
                Err(_) => return false,
            },
            recv(events) -> event => match event {
                Ok(event) => self.pass_on(event),
                // Its thread is gone: nobody is left to ask.
                Err(_) => self.parked = None,
            },
        }
        true
    }

    /// Waits until a model that was just opened has said how it does, and parks it; `None` when a
    /// stop was asked for meanwhile.
    pub(super) fn exhibit(&mut self, handle: RunHandle) -> Option<EpochStats> {
        self.parked = None;
        let mut measured = None;
        loop {
            select! {
                recv(self.commands) -> command => match command {
                    Ok(command) => self.obey(&command),
                    Err(_) => return None,
                },
                recv(handle.events) -> event => match event {
                    // Its end is not the experiment's.
                    Ok(Event::Finished(_)) | Err(_) => break,
                    Ok(Event::StatusChanged(_)) => {}
                    Ok(event) => {
                        if let Event::EpochEnded(stats) = &event {
                            measured = Some(stats.clone());
                        }
                        self.tell(event);
                    }
                },
            }
            if self.stopped {
                return None;
            }
        }
        // An handle that is gone shows nothing more.
        let _ = handle.commands.send(Command::Watch(self.watched.clone()));
        self.parked = Some(handle);
        measured
    }

    fn take(&mut self, command: Command) {
        self.obey(&command);
        if let (Some(handle), Command::Watch(_) | Command::Classify { .. }) =
            (&self.parked, &command)
        {
            // An handle that is gone shows nothing more.
            let _ = handle.commands.send(command);
        }
    }

    /// Of a run that is over only answers matter.
    fn pass_on(&mut self, event: Event) {
        if event.is_sample() || matches!(event, Event::Log(_)) {
            self.tell(event);
        }
    }
}

/// Measures time, but for pauses.
#[derive(Debug)]
struct Stopwatch {
    counted: Duration,
    since: Option<Instant>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { counted: Duration::ZERO, since: Some(Instant::now()) }
    }

    fn run(&mut self, run: bool) {
        if !run {
            self.counted = self.elapsed();
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    fn elapsed(&self) -> Duration {
        self.counted + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
