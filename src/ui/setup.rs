//! What a dashboard is opened with.

use super::experiment_name::ExperimentName;
use super::theme::Theme;
use super::view::View;
use super::view_id::ViewId;
use super::views;
use crate::picture::Drawing;
use crate::protocol::{Command, Link, Reading, RunKind, RunSource};
use std::fmt;
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
    /// The directory of the run, where it has one.
    pub run_directory: String,
    /// The machine, in words.
    pub machine: String,
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
    /// What the run is of, which decides about its views.
    pub kind: RunKind,
    /// How many networks vote, where it is a saved model, which has no history.
    pub model: Option<u32>,
    /// The experiments that the Book view lists and names.
    pub experiments: Vec<ExperimentName>,
    /// There is no run, only this picture, by its name, and how it was read.
    pub reading: Option<(String, Reading)>,
    /// There is no run of one's own, only those of this source.
    pub runs: Option<Arc<dyn RunSource>>,
    /// Opens the table of runs and the runs in it, where there can be one.
    pub opener: Option<Arc<dyn Opener>>,
    /// Whether it was opened over another dashboard, which Esc goes back to.
    pub layer: Layer,
}

impl Setup {
    /// The command that saves the model to a file named from here.
    pub(super) fn save_as(&self, file: &str) -> Command {
        Command::SaveAs(self.directory.join(file).display().to_string())
    }

    /// Whether it was opened over another dashboard.
    pub(super) fn is_over(&self) -> bool {
        self.layer == Layer::OverAnother
    }

    /// Whether there is no run.
    pub(super) fn is_without_run(&self) -> bool {
        self.explorable.is_some() || self.reading.is_some() || self.runs.is_some()
    }

    /// Writes a picture to a file; returns what became of it, in the reader's language.
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

/// Where a dashboard stands among those that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    #[default]
    First,
    OverAnother,
}

/// What a dashboard is shown of.
#[derive(Debug)]
pub struct Opened {
    pub link: Link,
    pub setup: Setup,
}

/// Opens what a dashboard can show over itself.
pub trait Opener: fmt::Debug + Send + Sync {
    /// The table of runs.
    ///
    /// # Errors
    /// Says why it cannot be shown.
    fn runs(&self) -> Result<Opened, String>;

    /// A run of nntop, by its name.
    ///
    /// # Errors
    /// Says why it cannot be shown.
    fn run(&self, name: &str) -> Result<Opened, String>;
}

/// Writes a picture to a file; returns the file's name.
pub type SavePicture = fn(&Drawing) -> Result<String, SavePictureError>;

/// Why a picture was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavePictureError {
    #[error("{file} cannot be written: {reason}")]
    Write { file: String, reason: String },
    #[error("there are {0} drawings in this directory already; move them elsewhere")]
    TooMany(u32),
}

impl SavePictureError {
    /// The same in the reader's language.
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
