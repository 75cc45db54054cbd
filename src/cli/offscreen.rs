//! A dashboard without a terminal: a run, drawn into memory.

use super::error::of_spawn;
use crate::protocol::{Command, Content, Event, Frame, Link, Probe, Update, What};
use crate::session::{Attachment, Hub};
use crate::spec::Spec;
use crate::train::{RunHandle, RunOptions};
use crate::ui::{App, Setup};
use anyhow::Context;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a run that trains no more may take to answer what the dashboard asks; then it is drawn
/// as it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Without news for so long after everything was answered, nothing more comes.
const QUIET: Duration = Duration::from_millis(300);

/// A run, and the dashboard that shows it.
#[derive(Debug)]
pub(super) struct Offscreen {
    app: App,
    link: Link,
    /// The training thread, where the run is this process's own.
    handle: Option<RunHandle>,
    pub(super) buffer: Buffer,
    /// What the dashboard watches, and which of all probes were ever answered.
    watched: Vec<Probe>,
    answered: BTreeSet<Probe>,
    /// An image or an explorable was asked about and the answer has not come.
    is_waiting: bool,
}

impl Offscreen {
    /// Trains to the end, watched as a dashboard of so many cells would.
    pub(super) fn train(
        spec: Spec,
        options: RunOptions,
        setup: Setup,
        area: Rect,
    ) -> anyhow::Result<Self> {
        Self::own(RunHandle::spawn(spec, options).map_err(of_spawn)?, setup, area)
    }

    /// Shows a run of this process once it has come to an end.
    pub(super) fn own(handle: RunHandle, setup: Setup, area: Rect) -> anyhow::Result<Self> {
        let hub = Hub::start(handle.commands.clone(), handle.events.clone())
            .context("cannot start a thread")?;
        Self::open(hub.attach(Attachment::Control), Some(handle), setup, area)
    }

    /// Shows somebody else's run as it is now.
    pub(super) fn attached(link: Link, setup: Setup, area: Rect) -> anyhow::Result<Self> {
        Self::open(link, None, setup, area)
    }

    fn open(
        link: Link,
        handle: Option<RunHandle>,
        setup: Setup,
        area: Rect,
    ) -> anyhow::Result<Self> {
        let mut offscreen = Self {
            app: App::new(setup),
            link,
            handle,
            buffer: Buffer::empty(area),
            watched: Vec::new(),
            answered: BTreeSet::new(),
            is_waiting: false,
        };
        // The first update says what there is; only then the views know what to ask for.
        if let Ok(update) = offscreen.link.updates.recv_timeout(PATIENCE) {
            offscreen.update(update)?;
        }
        offscreen.settle()?;
        Ok(offscreen)
    }

    /// Types keys as a person would, waiting for what each leads to.
    pub(super) fn type_keys(&mut self, keys: &str) -> anyhow::Result<()> {
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '→' => KeyCode::Right,
                '←' => KeyCode::Left,
                '↓' => KeyCode::Down,
                '↑' => KeyCode::Up,
                other => KeyCode::Char(other),
            };
            let commands = self.app.key(KeyEvent::from(code));
            self.tell(commands)?;
            self.draw();
            self.settle()?;
        }
        Ok(())
    }

    /// Draws a frame anew.
    pub(super) fn draw(&mut self) {
        self.buffer.reset();
        self.app.render(&mut self.buffer);
    }

    /// Takes news until everything that the dashboard asks is answered.
    fn settle(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let wishes = self.app.new_wishes().into_iter().chain(self.app.question());
            self.tell(wishes)?;
            let trains = self.handle.is_some() && self.app.run_is_going();
            let answered = self.watched.iter().all(|probe| self.answered.contains(probe));
            let is_answered = answered && !self.is_waiting;
            let patience = match (trains, is_answered) {
                (true, _) => Duration::MAX,
                (false, true) => QUIET,
                (false, false) => PATIENCE.saturating_sub(start.elapsed()),
            };
            // A run that goes on elsewhere never falls silent.
            if !trains && is_answered && start.elapsed() >= QUIET && self.app.run_is_going() {
                return Ok(());
            }
            let Ok(update) = self.link.updates.recv_timeout(patience) else { return Ok(()) };
            self.update(update)?;
        }
    }

    fn update(&mut self, update: Update) -> anyhow::Result<()> {
        match &update {
            Update::Snapshot(view) => {
                let known = view.frames.values().filter(|frame| is_answer(frame));
                self.answered.extend(known.map(|frame| frame.probe.clone()));
            }
            Update::Event(Event::Frame(frame)) if is_answer(frame) => {
                self.answered.insert(frame.probe.clone());
            }
            Update::Event(Event::Classified(_) | Event::Explored(_)) => self.is_waiting = false,
            _ => {}
        }
        let commands = self.app.update(update);
        self.tell(commands)?;
        self.app.settle();
        self.draw();
        Ok(())
    }

    fn tell(&mut self, commands: impl IntoIterator<Item = Command>) -> anyhow::Result<()> {
        for command in commands {
            match &command {
                Command::Watch(probes) => {
                    self.watched.clone_from(probes);
                    // No part of the picture.
                    self.watched.retain(|probe| probe.what != What::Snapshots);
                }
                Command::Classify { .. } | Command::Explore { .. } => self.is_waiting = true,
                _ => {}
            }
            self.link.commands.send(command).context("the run is gone")?;
        }
        Ok(())
    }

    /// Ends the run's thread, where the run is this process's own.
    pub(super) fn finish(self) {
        drop(self.link);
        if let Some(handle) = self.handle {
            drop(handle.join());
        }
    }
}

/// Whether a frame answers its probe, and does not only say how far the answer has come.
fn is_answer(frame: &Frame) -> bool {
    !matches!(frame.content, Content::Measuring { .. })
}
