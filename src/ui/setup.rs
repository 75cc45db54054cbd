//! The setup of a dashboard.

use super::experiment_name::ExperimentName;
use super::keymap::Scope;
use super::theme::Theme;
use super::view::View;
use super::view_id::ViewId;
use super::views;
use crate::picture::Drawing;
use crate::protocol::{Command, Link, Reading, RunKind, RunSource};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Optional escape sequences that are sent in addition to frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalExtras {
    /// Query the background colour.
    pub ask_background: bool,
    /// Show the state of the run in the window's title.
    pub title: bool,
    /// Ring the bell and show a notification when the run ends.
    pub notify: bool,
}

/// The setup of a dashboard.
#[derive(Clone, Debug, Default)]
pub struct DashboardSetup {
    pub theme: Theme,
    /// Optional escape sequences that are sent in addition to frames.
    pub extras: TerminalExtras,
    /// The name of the run, if it has one.
    pub name: String,
    /// The directory of the run, if it has one.
    pub run_directory: String,
    /// A description of the machine.
    pub machine: String,
    /// The run continues without this dashboard.
    pub detachable: bool,
    /// The dashboard sends no commands that change the run.
    pub read_only: bool,
    /// The run has a directory, from which it can be continued after its end.
    pub can_be_continued: bool,
    /// Relative file names are relative to this directory.
    pub directory: PathBuf,
    /// A sentence in the footer until the first key.
    pub notice: Option<String>,
    /// Writes a drawing to a file, if that is possible.
    pub save_picture: Option<SavePicture>,
    /// The view to open on.
    pub view: ViewId,
    /// Show this explorable and the others instead of a run.
    pub explorable: Option<String>,
    /// The kind of the run, which determines its views.
    pub kind: RunKind,
    /// Number of networks that vote, for a saved model, which has no history.
    pub model: Option<u32>,
    /// The experiments of the Book view.
    pub experiments: Vec<ExperimentName>,
    /// Show the picture with this name and its reading instead of a run.
    pub reading: Option<(String, Reading)>,
    /// Show the runs of this source instead of a single run.
    pub runs: Option<Arc<dyn RunSource>>,
    /// Opens the table of runs and the runs in it, if possible.
    pub opener: Option<Arc<dyn Opener>>,
    /// Whether it was opened on top of another dashboard, which Esc returns to.
    pub layer: StackPosition,
}

impl DashboardSetup {
    /// The command that saves the model to a file.
    pub(super) fn save_as(&self, file: &str) -> Command {
        Command::SaveAs(self.directory.join(file).display().to_string())
    }

    /// Whether it was opened on top of another dashboard.
    pub(super) fn is_over(&self) -> bool {
        self.layer == StackPosition::OverAnother
    }

    /// Whether there is no run.
    pub(super) fn is_without_run(&self) -> bool {
        self.explorable.is_some() || self.reading.is_some() || self.runs.is_some()
    }

    /// Determines which global keys the help lists, and which commands the command line lists.
    pub(super) fn scope(&self) -> Scope {
        match self.kind {
            _ if self.is_without_run() => Scope::NoRun,
            _ if self.model.is_some() => Scope::Saved,
            RunKind::Predictions => Scope::Saved,
            RunKind::Command => Scope::Command,
            RunKind::Training | RunKind::Job | RunKind::JobTraining(_) => Scope::Training,
        }
    }

    /// Writes a drawing to a file; returns a translated message.
    pub(super) fn save(&self, picture: &Drawing) -> String {
        let theme = &self.theme;
        let Drawing { width, height, .. } = picture;
        match self.save_picture.map(|save| save(picture)) {
            None => theme.say("no files are written here").into(),
            Some(Ok(file)) => theme.fill("saved {} ({}×{} pixels)", &[&file, width, height]),
            Some(Err(error)) => error.text(theme),
        }
    }

    pub(super) fn views(&self) -> Vec<Box<dyn View>> {
        if let Some(source) = &self.runs {
            return views::watching(source);
        }
        match (&self.explorable, &self.reading) {
            (Some(id), _) => views::exploring(id),
            (None, Some((name, reading))) => views::reading(name, reading),
            (None, None) => match self.kind {
                RunKind::Command => views::of_command(),
                RunKind::Predictions => views::of_predictions(),
                _ if self.model.is_some() => views::of_model(),
                RunKind::Training | RunKind::Job | RunKind::JobTraining(_) => {
                    views::of_training(&self.experiments)
                }
            },
        }
    }
}

/// The position of a dashboard in the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackPosition {
    #[default]
    First,
    OverAnother,
}

/// A dashboard to open.
#[derive(Debug)]
pub struct OpenedDashboard {
    pub link: Link,
    pub setup: DashboardSetup,
}

/// Opens dashboards on top of the current one.
pub trait Opener: fmt::Debug + Send + Sync {
    /// The table of runs.
    ///
    /// # Errors
    /// The reason why it cannot be shown.
    fn runs(&self) -> Result<OpenedDashboard, String>;

    /// A run of nntop, by its name.
    ///
    /// # Errors
    /// The reason why it cannot be shown.
    fn run(&self, name: &str) -> Result<OpenedDashboard, String>;
}

/// Writes a drawing to a file; returns the file's name.
pub type SavePicture = fn(&Drawing) -> Result<String, SavePictureError>;

/// Why a drawing was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavePictureError {
    #[error("{file} cannot be written: {reason}")]
    Write { file: String, reason: String },
    #[error("there are {0} drawings in this directory already; move them elsewhere")]
    TooMany(u32),
}

impl SavePictureError {
    /// The message, translated.
    pub(super) fn text(&self, theme: &Theme) -> String {
        match self {
            Self::Write { file, reason } => theme.fill("{} cannot be written: {}", &[file, reason]),
            Self::TooMany(count) => theme.fill(
                "there are {} drawings in this directory already; move them elsewhere",
                &[count],
            ),
        }
    }
}
