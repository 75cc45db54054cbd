//! A dashboard drawn into memory, without a terminal.

use super::error::of_spawn;
use crate::protocol::{Command, Content, Event, Frame, Link, Probe, ProbeQuery, Update};
use crate::session::{Attachment, Hub};
use crate::spec::Spec;
use crate::train::{RunHandle, RunOptions};
use crate::ui::{App, DashboardSetup};
use anyhow::Context;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long to wait for a run that has ended to answer the dashboard's probes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// After all probes were answered, no updates for this long means that none will follow.
const IDLE_TIMEOUT: Duration = Duration::from_millis(300);

/// A run and its dashboard.
#[derive(Debug)]
pub(super) struct Offscreen {
    app: App,
    link: Link,
    /// The training thread, if the run is in this process.
    handle: Option<RunHandle>,
    pub(super) buffer: Buffer,
    /// The probes that the dashboard watches, and those that were ever answered.
    watched: Vec<Probe>,
    answered: BTreeSet<Probe>,
    /// An image to classify or an explorable has no answer yet.
    is_waiting: bool,
}

impl Offscreen {
    /// Trains to the end while a dashboard of this size watches.
    pub(super) fn train(
        spec: Spec,
        options: RunOptions,
        setup: DashboardSetup,
        area: Rect,
    ) -> anyhow::Result<Self> {
        Self::in_process(RunHandle::spawn(spec, options).map_err(of_spawn)?, setup, area)
    }

    /// Shows a run of this process after its end.
    pub(super) fn in_process(
        handle: RunHandle,
        setup: DashboardSetup,
        area: Rect,
    ) -> anyhow::Result<Self> {
        let hub = Hub::start(handle.commands.clone(), handle.events.clone())
            .context("cannot start a thread")?;
        Self::open(hub.attach(Attachment::Control), Some(handle), setup, area)
    }

    /// Shows the current state of a run in another process.
    pub(super) fn attached(link: Link, setup: DashboardSetup, area: Rect) -> anyhow::Result<Self> {
        Self::open(link, None, setup, area)
    }

    fn open(
        link: Link,
        handle: Option<RunHandle>,
        setup: DashboardSetup,
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
        // The first update contains the state of the run, which the views need to choose their
        // probes.
        if let Ok(update) = offscreen.link.updates.recv_timeout(ANSWER_TIMEOUT) {
            offscreen.update(update)?;
        }
        offscreen.settle()?;
        Ok(offscreen)
    }

    /// Presses keys one by one, waiting for the effect of each.
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
            self.send(commands)?;
            self.draw();
            self.settle()?;
        }
        Ok(())
    }

    /// Draws a frame.
    pub(super) fn draw(&mut self) {
        self.buffer.reset();
        self.app.render(&mut self.buffer);
    }

    /// Receives updates until all probes of the dashboard are answered.
    fn settle(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let requests = self.app.changed_probes().into_iter().chain(self.app.explore_request());
            self.send(requests)?;
            let trains = self.handle.is_some() && self.app.run_is_going();
            let answered = self.watched.iter().all(|probe| self.answered.contains(probe));
            let is_answered = answered && !self.is_waiting;
            let timeout = match (trains, is_answered) {
                (true, _) => Duration::MAX,
                (false, true) => IDLE_TIMEOUT,
                (false, false) => ANSWER_TIMEOUT.saturating_sub(start.elapsed()),
            };
            // A live run in another process keeps sending updates.
            if !trains && is_answered && start.elapsed() >= IDLE_TIMEOUT && self.app.run_is_going()
            {
                return Ok(());
            }
            let Ok(update) = self.link.updates.recv_timeout(timeout) else { return Ok(()) };
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
        self.send(commands)?;
        self.app.show_waiting_frames();
        self.draw();
        Ok(())
    }

    fn send(&mut self, commands: impl IntoIterator<Item = Command>) -> anyhow::Result<()> {
        for command in commands {
            match &command {
                Command::Watch(probes) => {
                    self.watched.clone_from(probes);
                    // Not visible in the picture.
                    self.watched.retain(|probe| probe.what != ProbeQuery::Snapshots);
                }
                Command::Classify { .. } | Command::Explore { .. } => self.is_waiting = true,
                _ => {}
            }
            self.link.commands.send(command).context("the run is gone")?;
        }
        Ok(())
    }

    /// Stops the training thread, if the run is in this process.
    pub(super) fn finish(self) {
        drop(self.link);
        if let Some(handle) = self.handle {
            drop(handle.join());
        }
    }
}

/// Whether a frame is the answer to its probe, and not only its progress.
fn is_answer(frame: &Frame) -> bool {
    !matches!(frame.content, Content::Measuring { .. })
}
