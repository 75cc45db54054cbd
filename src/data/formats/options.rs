//! How a data set is to be read.

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;
use std::path::PathBuf;

/// What somebody who opens a data set may ask for.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Width and height that every image is brought to; the images' own, or their commonest, where
    /// absent.
    pub size: Option<(usize, usize)>,
    /// Whether rows and columns change places: EMNIST stores its pictures so.
    pub transpose: bool,
    /// The directory where a folder of pictures is kept as it was decoded, for later starts; nothing
    /// is kept where absent.
    pub cache: Option<PathBuf>,
    /// Told from any thread how many of how many pictures were decoded.
    pub progress: Option<fn(usize, usize)>,
}

impl OpenOptions {
    /// Nothing but a cache, where the user's programs have theirs: below `$XDG_CACHE_HOME`, or
    /// `~/.cache`.
    #[must_use]
    pub fn cached(progress: Option<fn(usize, usize)>) -> Self {
        let cache = Xdg::new().ok().map(|xdg| xdg.cache_dir().join("nntop"));
        Self { cache, progress, ..Self::default() }
    }
}
