//! The runs of logs for a dashboard: read in the background, with the user's notes and the states
//! of nntop's own runs.

use crate::catalog::{Catalog, Notes, OwnRuns, SharedCatalog, WatchedState};
use crate::protocol::{Event, Link, Metrics, Update};
use crate::session::{self, Home, RunDir, RunState};
use anyhow::Context;
use crossbeam_channel::{Sender, unbounded};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Minimum pause between two reads of the files. After a read without changes the pause is 100
/// times as long as that read took, at most [`MAX_POLL`]: a read of up to 20 ms uses at most 1% of
/// a core.
const POLL: Duration = Duration::from_millis(400);
/// Maximum pause between two reads of the files.
const MAX_POLL: Duration = Duration::from_secs(2);
/// Pause between two parts of a long read, in which the dashboard can read the catalog.
const TURN: Duration = Duration::from_millis(4);

/// Runs that are being followed.
pub(super) struct FollowedRuns {
    pub(super) source: Arc<SharedCatalog>,
    /// Receives a message when there is new data.
    pub(super) link: Link,
}

/// Follows the runs of a catalog in the background until the source is dropped.
pub(super) fn follow(catalog: Catalog) -> anyhow::Result<FollowedRuns> {
    let source = Arc::new(with_state(catalog)?);
    // Watched runs accept no commands.
    let (commands, _unused) = unbounded();
    let (news, updates) = unbounded();
    let reader = Arc::downgrade(&source);
    thread::Builder::new()
        .name("nntop-logs".into())
        .spawn(move || read(&reader, &news))
        .context("cannot start a thread")?;
    Ok(FollowedRuns { source, link: Link { commands, updates } })
}

/// A link without a run, for a dashboard of runs that are not followed.
pub(super) fn silent() -> Link {
    let (commands, _unused) = unbounded();
    let (_unused, updates) = unbounded();
    Link { commands, updates }
}

/// The runs of a catalog that was already read.
pub(super) fn loaded(catalog: Catalog) -> anyhow::Result<Arc<SharedCatalog>> {
    let source = with_state(catalog)?;
    source.make_table();
    Ok(Arc::new(source))
}

fn with_state(catalog: Catalog) -> anyhow::Result<SharedCatalog> {
    let source = SharedCatalog::new(catalog);
    // Without a home directory there are no notes.
    let Ok(home) = Home::of_user() else { return Ok(source) };
    let file = home.notes();
    let notes = Notes::open(&file)
        .with_context(|| format!("{}: the notes about runs cannot be read", file.display()))?;
    Ok(source.with_notes(notes).with_own(own(&home)))
}

fn own(home: &Home) -> OwnRuns {
    OwnRuns {
        directory: home.path().to_path_buf(),
        state_of: Box::new(|path| state_of(&RunDir::at(path.to_path_buf()))),
        delete: Box::new(delete),
    }
}

/// The state of a run of nntop. `None` if it has ended, because its events contain that.
fn state_of(run: &RunDir) -> Option<WatchedState> {
    if !run.is_live() {
        // It has ended, or its process was killed.
        let is_over = session::replay(run).outcome.is_some();
        return (!is_over).then_some(WatchedState::Interrupted);
    }
    match session::summarize(run).state {
        RunState::Paused => Some(WatchedState::Held),
        RunState::Starting | RunState::Training => Some(WatchedState::Running),
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
        let idle = (100 * start.elapsed()).clamp(POLL, MAX_POLL);
        let changed = source.revision() != before;
        drop(source);
        // The values are in the source; this only signals that there are new ones.
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
