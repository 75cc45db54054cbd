//! A dashboard without a terminal: a real run, drawn into memory.

use super::error::of_spawn;
use crate::protocol::{Command, Link};
use crate::session::{Attachment, Hub};
use crate::spec::Spec;
use crate::train::{RunHandle, RunOptions};
use crate::ui::{App, Setup};
use anyhow::Context;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

/// Without news for so long, a run that is over has answered everything.
const QUIET: Duration = Duration::from_millis(1500);

/// A run that is over, and the dashboard that shows it.
#[derive(Debug)]
pub(super) struct Offscreen {
    app: App,
    link: Link,
    handle: RunHandle,
    pub(super) buffer: Buffer,
}

impl Offscreen {
    /// Trains to the end, watched as a dashboard of so many cells would.
    pub(super) fn train(
        spec: Spec,
        options: RunOptions,
        setup: Setup,
        area: Rect,
    ) -> anyhow::Result<Self> {
        let handle = RunHandle::spawn(spec, options).map_err(of_spawn)?;
        let hub = Hub::start(handle.commands.clone(), handle.events.clone())
            .context("cannot start a thread")?;
        let link = hub.attach(Attachment::Control);
        let app = App::new(setup);
        let mut offscreen = Self { app, link, handle, buffer: Buffer::empty(area) };
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

    /// Takes news until none comes any more.
    fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let wishes = self.app.new_wishes().into_iter().chain(self.app.question());
            self.tell(wishes)?;
            let patience = if self.app.run_is_going() { Duration::MAX } else { QUIET };
            let Ok(update) = self.link.updates.recv_timeout(patience) else { return Ok(()) };
            let commands = self.app.update(update);
            self.tell(commands)?;
            self.app.settle();
            self.draw();
        }
    }

    fn tell(&self, commands: impl IntoIterator<Item = Command>) -> anyhow::Result<()> {
        for command in commands {
            self.link.commands.send(command).context("the run is gone")?;
        }
        Ok(())
    }

    /// Ends the run's thread.
    pub(super) fn finish(self) {
        drop(self.link);
        drop(self.handle.join());
    }
}
