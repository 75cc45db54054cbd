//! Options for reading a data set.

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;
use std::path::PathBuf;

/// Options for opening a data set.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Width and height to which every image is resized; by default their own, or the commonest.
    pub size: Option<(usize, usize)>,
    /// Whether to transpose the images: EMNIST stores them column by column.
    pub transpose: bool,
    /// Directory of the cache of decoded folders of pictures; without it there is no cache.
    pub cache: Option<PathBuf>,
    /// Called from any thread with the number of decoded pictures and of all pictures.
    pub progress: Option<fn(usize, usize)>,
}

impl OpenOptions {
    /// The defaults with a cache in the user's cache directory: below `$XDG_CACHE_HOME`, or `~/.cache`.
    #[must_use]
    pub fn cached(progress: Option<fn(usize, usize)>) -> Self {
        let cache = Xdg::new().ok().map(|xdg| xdg.cache_dir().join("nntop"));
        Self { cache, progress, ..Self::default() }
    }
}
