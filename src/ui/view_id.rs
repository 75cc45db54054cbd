//! The ids and names of the views.

/// The id of a view.
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
    /// The metrics of a command.
    Metrics,
    /// The output of a command.
    Output,
    /// The resource usage of a command.
    System,
    /// Texts, images and histograms that a script reported.
    Media,
    /// A picture and its reading.
    Read,
    /// The table of runs.
    Runs,
    /// Charts of several runs.
    Compare,
    /// Histograms of tensors over time.
    Histograms,
    /// Images in the logs of runs.
    Images,
    /// Texts in the logs of runs, and their output.
    Texts,
}

impl ViewId {
    /// The English name, for tabs and the command `view`.
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

    /// A name of at most five letters, for narrow tabs.
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
