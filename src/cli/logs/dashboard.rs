//! Runs in the dashboard: their charts and their table, read in the background.

use crate::catalog::{Catalog, SharedCatalog};
use crate::cli::display::DisplayArgs;
use crate::protocol::{Event, Link, Metrics, RunSource, Update};
use crate::ui::{self, App, Setup, ViewId, text};
use anyhow::Context;
use crossbeam_channel::{Sender, unbounded};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How often files are looked at while something is written, and once nothing was for a while.
const POLL: Duration = Duration::from_millis(500);
const IDLE_POLL: Duration = Duration::from_secs(1);
const TURN: Duration = Duration::from_millis(4);
/// Looks in a row that found nothing before files are looked at less often.
const QUIET: u32 = 60;

/// Shows runs until the user leaves.
pub(super) fn show(
    catalog: Catalog,
    view: ViewId,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    let source = Arc::new(SharedCatalog::new(catalog));
    // Runs of others are watched: nobody takes commands.
    let (commands, _nobody) = unbounded();
    let (news, updates) = unbounded();
    let reader = Arc::clone(&source);
    thread::Builder::new()
        .name("nntop-logs".into())
        .spawn(move || read(&reader, &news))
        .context("cannot start a thread")?;
    let setup = Setup { besides: display.besides(), ..setup(source, view, display) };
    ui::run(&Link { commands, updates }, setup, display.limits())?;
    Ok(ExitCode::SUCCESS)
}

fn setup(source: Arc<dyn RunSource>, view: ViewId, display: &DisplayArgs) -> Setup {
    Setup { theme: display.theme(), runs: Some(source), view, ..Setup::default() }
}

/// Reads what is new, for as long as somebody looks.
fn read(source: &SharedCatalog, news: &Sender<Update>) {
    let mut quiet = 0_u32;
    loop {
        let before = source.table().revision;
        let more = source.poll();
        let changed = source.table().revision != before;
        // The values are in the source; this only says that there are new ones.
        if changed && news.send(Update::Event(Event::Metrics(Metrics::default()))).is_err() {
            return;
        }
        quiet = if changed { 0 } else { quiet.saturating_add(1) };
        // Between two slices the dashboard gets its turn.
        let idle = if quiet > QUIET { IDLE_POLL } else { POLL };
        thread::sleep(if more { TURN } else { idle });
    }
}

/// The dashboard as text, once everything was read.
pub(super) fn once(
    catalog: Catalog,
    view: ViewId,
    size: (u16, u16),
    display: &DisplayArgs,
) -> String {
    let setup = setup(Arc::new(SharedCatalog::loaded(catalog)), view, display);
    let mut app = App::new(Setup { theme: display.text_theme(), ..setup });
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    app.render(&mut buffer);
    text(&buffer)
}
