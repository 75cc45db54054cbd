//! Runs by their logs for a dashboard: read in the background, with what the user keeps about them
//! and what sessions say of those that are nntop's own.

use crate::catalog::{Catalog, Notes, OwnRuns, SharedCatalog, Standing};
use crate::protocol::{Event, Link, Metrics, Update};
use crate::session::{self, Home, RunDir, State};
use anyhow::Context;
use crossbeam_channel::{Sender, unbounded};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The pause between two looks at the files, and the longest one: it is a hundred times as long as
/// the last look took that found nothing, so that looking takes under a hundredth of a processor.
const POLL: Duration = Duration::from_millis(400);
const LONGEST_POLL: Duration = Duration::from_secs(2);
/// Between two slices of reading the dashboard gets its turn.
const TURN: Duration = Duration::from_millis(4);

/// Runs that are followed.
pub(super) struct Followed {
    pub(super) source: Arc<SharedCatalog>,
    /// Says when there is something new.
    pub(super) link: Link,
}

/// Follows the runs of a catalog in the background, for as long as anybody holds the source.
pub(super) fn follow(catalog: Catalog) -> anyhow::Result<Followed> {
    let source = Arc::new(with_state(catalog)?);
    // Watched runs take no commands.
    let (commands, _nobody) = unbounded();
    let (news, updates) = unbounded();
    let reader = Arc::downgrade(&source);
    thread::Builder::new()
        .name("nntop-logs".into())
        .spawn(move || read(&reader, &news))
        .context("cannot start a thread")?;
    Ok(Followed { source, link: Link { commands, updates } })
}

/// A link that says nothing, of runs that are not followed.
pub(super) fn silent() -> Link {
    let (commands, _nobody) = unbounded();
    let (_nobody, updates) = unbounded();
    Link { commands, updates }
}

/// The runs of a catalog that was read already.
pub(super) fn loaded(catalog: Catalog) -> anyhow::Result<Arc<SharedCatalog>> {
    let source = with_state(catalog)?;
    source.make_table();
    Ok(Arc::new(source))
}

fn with_state(catalog: Catalog) -> anyhow::Result<SharedCatalog> {
    let source = SharedCatalog::new(catalog);
    // Without a home directory nothing is kept.
    let Ok(home) = Home::of_user() else { return Ok(source) };
    let file = home.notes();
    let notes = Notes::open(&file)
        .with_context(|| format!("{}: the notes about runs cannot be read", file.display()))?;
    Ok(source.with_notes(notes).with_own(own(&home)))
}

fn own(home: &Home) -> OwnRuns {
    OwnRuns {
        directory: home.path().to_path_buf(),
        standing: Box::new(|path| standing(&RunDir::at(path.to_path_buf()))),
        delete: Box::new(delete),
    }
}

/// How a run of nntop stands. The logs of one that is over say that themselves.
fn standing(run: &RunDir) -> Option<Standing> {
    if !run.is_live() {
        // It has ended, or its process ended before it did.
        let is_over = session::replay(run).outcome.is_some();
        return (!is_over).then_some(Standing::Interrupted);
    }
    match session::summarize(run).state {
        State::Paused => Some(Standing::Held),
        State::Starting | State::Training => Some(Standing::Running),
        _ => None,
    }
}

fn delete(path: &Path) -> Result<(), String> {
    match RunDir::at(path.to_path_buf()).remove() {
        Ok(true) => Ok(()),
        Ok(false) => Err("it is live; stop it first".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads new data until the source is dropped.
fn read(source: &Weak<SharedCatalog>, news: &Sender<Update>) {
    while let Some(source) = source.upgrade() {
        let before = source.revision();
        let start = Instant::now();
        let more = source.poll();
        let idle = (100 * start.elapsed()).clamp(POLL, LONGEST_POLL);
        let changed = source.revision() != before;
        drop(source);
        // The values are in the source; this only says that there are new ones.
        if changed && news.send(Update::Event(Event::Metrics(Metrics::default()))).is_err() {
            return;
        }
        thread::sleep(match (more, changed) {
            (true, _) => TURN,
            (false, true) => POLL,
            (false, false) => idle,
        });
    }
}
