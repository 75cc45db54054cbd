//! One picture of a run's dashboard, as plain text.

use super::super::display::DisplayArgs;
use super::super::{output, picture};
use super::attached::{notice, setup};
use crate::protocol::{Command, Content, Event, Frame, Link, Probe, Update, What};
use crate::session::{self, Attachment, ConnectError, RunDir};
use crate::ui::{App, Setup, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the run has to answer what the picture shows, an evaluation included; then it is taken
/// as it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints the picture.
pub(super) fn print(run: &RunDir, size: &str, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let (columns, rows) = picture::size(size)?;
    let (link, notice) = match session::attach(run, Attachment::ReadOnly) {
        Ok(connection) => (connection.link, None),
        Err(ConnectError::NotLive(_)) => {
            (session::browse(run, Attachment::ReadOnly)?, notice(&session::summarize(run)))
        }
        Err(error) => return Err(error.into()),
    };
    let setup = Setup { notice, ..setup(run, display) };
    let picture = draw(&link, setup, Rect::new(0, 0, columns, rows));
    output::out().lines(&picture)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a frame answers its probe, and does not only say how far the answer has come.
fn is_answer(frame: &Frame) -> bool {
    !matches!(frame.content, Content::Measuring { .. })
}

/// Draws until everything that the picture asks for is answered.
fn draw(link: &Link, setup: Setup, area: Rect) -> String {
    let mut app = App::new(setup);
    let mut buffer = Buffer::empty(area);
    let mut answered: BTreeSet<Probe> = BTreeSet::new();
    let mut wanted = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while let Ok(update) = link.updates.recv_deadline(deadline) {
        match &update {
            Update::Snapshot(view) => {
                let known = view.frames.values().filter(|frame| is_answer(frame));
                answered.extend(known.map(|frame| frame.probe.clone()));
            }
            Update::Event(Event::Frame(frame)) if is_answer(frame) => {
                answered.insert(frame.probe.clone());
            }
            _ => {}
        }
        if let Some(command) = app.update(update) {
            // A run that is gone ends the updates.
            let _ = link.commands.send(command);
        }
        app.settle();
        buffer.reset();
        app.render(&mut buffer);
        if let Some(Command::Watch(probes)) = app.new_wishes() {
            wanted.clone_from(&probes);
            // No part of the picture; an older session does not know it.
            wanted.retain(|probe| probe.what != What::Snapshots);
            let _ = link.commands.send(Command::Watch(probes));
        }
        if wanted.iter().all(|probe| answered.contains(probe)) {
            break;
        }
    }
    text(&buffer)
}
