//! What a dashboard is opened with.

use super::theme::Theme;
use super::view::View;
use super::view_id::ViewId;
use super::views;
use crate::picture::Picture;
use crate::protocol::{Command, Reading, RunSource};
use std::path::PathBuf;
use std::sync::Arc;

/// What a terminal is asked and told besides frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Besides {
    /// Ask whether its background is light.
    pub ask_background: bool,
    /// Show how the run stands as the window's title.
    pub title: bool,
    /// Ring the bell and show a notification when the run ends.
    pub notify: bool,
}

/// How a dashboard is set up.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub theme: Theme,
    /// What the terminal is asked and told besides frames.
    pub besides: Besides,
    /// The name of the run, where it has one.
    pub name: String,
    /// The run goes on without this dashboard.
    pub detachable: bool,
    /// Look only.
    pub read_only: bool,
    /// The run has a directory: once it is over it can go on from there.
    pub can_go_on: bool,
    /// What names of files are relative to.
    pub directory: PathBuf,
    /// A sentence in the footer until the first key.
    pub notice: Option<String>,
    /// Writes a picture that was drawn, where files may be written.
    pub save_picture: Option<SavePicture>,
    /// The view to open on.
    pub view: ViewId,
    /// There is no run, only this explorable and the others.
    pub explorable: Option<String>,
    /// There is no run, only this picture, by its name, and how it was read.
    pub reading: Option<(String, Reading)>,
    /// There is no run of one's own, only those of this source.
    pub runs: Option<Arc<dyn RunSource>>,
}

impl Setup {
    /// The command that saves the model to a file named from here.
    pub(super) fn save_as(&self, file: &str) -> Command {
        Command::SaveAs(self.directory.join(file).display().to_string())
    }

    /// Whether there is no run.
    pub(super) fn is_without_run(&self) -> bool {
        self.explorable.is_some() || self.reading.is_some() || self.runs.is_some()
    }

    pub(super) fn views(&self) -> Vec<Box<dyn View>> {
        if let Some(source) = &self.runs {
            return views::watching(source);
        }
        match (&self.explorable, &self.reading) {
            (Some(id), _) => views::exploring(id),
            (None, Some((name, reading))) => views::reading(name, reading),
            (None, None) => views::all(),
        }
    }
}

/// Writes a picture and says where, or why not.
pub type SavePicture = fn(&Picture) -> Result<String, String>;
