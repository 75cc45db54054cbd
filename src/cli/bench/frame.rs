//! What a frame of the dashboard costs.

use super::Line;
use super::networks::median;
use crate::engine::{Engine, Options, Spec};
use crate::protocol::Command;
use crate::session::{Attachment, Hub};
use crate::ui::{App, Setup};
use anyhow::Context;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::{Duration, Instant};

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// Frames that are timed.
const FRAMES: usize = 200;

/// Composes the overview of a real run that is over, with every probe answered.
pub(super) fn measure() -> anyhow::Result<Line> {
    let spec = Spec { epochs: 3, ..Spec::default() };
    let engine = Engine::spawn(spec, Options::default())?;
    let hub = Hub::start(engine.commands.clone(), engine.events.clone())?;
    let link = hub.attach(Attachment::Control);
    let mut app = App::new(Setup::default());
    let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS, ROWS));
    let mut tell = |command: Command| link.commands.send(command).context("the run is gone");
    // Quiet for so long, the run is over and has answered.
    while let Ok(update) = link.updates.recv_timeout(Duration::from_millis(1500)) {
        for command in app.update(update) {
            tell(command)?;
        }
        app.settle();
        app.render(&mut buffer);
        app.new_wishes().map(&mut tell).transpose()?;
    }
    let once = |_| {
        let start = Instant::now();
        buffer.reset();
        app.render(&mut buffer);
        start.elapsed().as_secs_f64()
    };
    let seconds = median((0..FRAMES).map(once).collect()).context("no frame was drawn")?;
    drop((link, hub));
    drop(engine.join());
    Ok(Line::Frame { columns: COLUMNS, rows: ROWS, milliseconds: 1e3 * seconds })
}
