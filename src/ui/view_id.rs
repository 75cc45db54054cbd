//! The names of the views.

/// Which view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ViewId {
    #[default]
    Overview,
    Curves,
    Weights,
    Digits,
    Confusion,
    Gradients,
    Network,
    Features,
    Book,
    Draw,
    Explore,
    /// The metrics of a command; not a view of a training.
    Metrics,
    /// What a command prints; not a view of a training.
    Output,
    /// What a command uses of the machine; not a view of a training.
    System,
    /// Texts, images and distributions that a script reports; not a view of a training.
    Media,
    /// A picture and how it was read; not a view of a run.
    Read,
    /// A table of runs, read from their logs.
    Runs,
    /// Charts of runs side by side.
    Compare,
    /// How the values of a tensor are distributed, over time.
    Histograms,
    /// Pictures in the logs of runs.
    Images,
    /// Texts in the logs of runs, and what they print.
    Texts,
}

impl ViewId {
    /// Its name in English, as its tab and the command `view` have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Curves => "Curves",
            Self::Weights => "Weights",
            Self::Digits => "Digits",
            Self::Confusion => "Confusion",
            Self::Gradients => "Gradients",
            Self::Network => "Network",
            Self::Features => "Features",
            Self::Book => "Book",
            Self::Draw => "Draw",
            Self::Explore => "Explore",
            Self::Metrics => "Metrics",
            Self::Output => "Output",
            Self::System => "System",
            Self::Media => "Media",
            Self::Read => "Read",
            Self::Runs => "Runs",
            Self::Compare => "Compare",
            Self::Histograms => "Histograms",
            Self::Images => "Images",
            Self::Texts => "Texts",
        }
    }

    /// Its name in at most five letters, for tabs without room.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Curves => "Curv",
            Self::Weights => "Wgts",
            Self::Digits => "Digit",
            Self::Confusion => "Conf",
            Self::Gradients => "Grad",
            Self::Network => "Net",
            Self::Features => "Feat",
            Self::Book => "Book",
            Self::Draw => "Draw",
            Self::Explore => "Expl",
            Self::Read => "Read",
            Self::Runs => "Runs",
            Self::Compare => "Comp",
            Self::Histograms => "Hist",
            Self::Images => "Imgs",
            Self::Texts => "Text",
            Self::Metrics => "Metr",
            Self::Output => "Out",
            Self::System => "Sys",
            Self::Media => "Media",
        }
    }
}
