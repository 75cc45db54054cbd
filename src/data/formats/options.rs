//! Options for reading a data set.

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;
use std::path::PathBuf;

/// Options for opening a data set.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Width and height to which every image is resized; the default is the original or commonest
    /// size.
    pub size: Option<(usize, usize)>,
    /// Whether to transpose the images, for EMNIST, which stores them column by column.
    pub transpose: bool,
    /// Directory for the cache of decoded folders of pictures; `None` disables the cache.
    pub cache: Option<PathBuf>,
    /// Called from any thread with the numbers of decoded and of all pictures.
    pub progress: Option<fn(usize, usize)>,
}

impl OpenOptions {
    /// The defaults, with a cache below `$XDG_CACHE_HOME` or `~/.cache`.
    #[must_use]
    pub fn cached(progress: Option<fn(usize, usize)>) -> Self {
        let cache = Xdg::new().ok().map(|xdg| xdg.cache_dir().join("nntop"));
        Self { cache, progress, ..Self::default() }
    }
}
