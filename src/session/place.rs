//! Errors of the directories of runs.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A directory to use instead of the state directory.
pub const STATE_DIR: &str = "NNTOP_STATE_DIR";

/// Why the directory of a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("there is no home directory to keep runs in; set {STATE_DIR} to a directory")]
    Homeless,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "`{0}` is not a valid run name: use up to 40 letters (a-z, A-Z), digits, `-`, `_` and `.`, \
         starting with a letter or digit"
    )]
    Name(String),
    #[error(
        "there is a run called `{0}` already: give another name, or remove it by `nntop rm {0}`"
    )]
    Taken(String),
    #[error("no run is called `{0}`; `nntop ls` lists them")]
    Unknown(String),
    #[error("`{prefix}` could mean {}; give more letters", names.join(", "))]
    Ambiguous { prefix: String, names: Vec<String> },
    #[error(
        "{}: belongs to user {owner}, and you are user {user}; run nntop as that user, or set \
         {STATE_DIR} to a directory of your own",
        path.display()
    )]
    Owner { path: PathBuf, owner: u32, user: u32 },
    #[error(
        "{}: is not a private directory of this user, so it cannot hold the socket; remove it",
        path.display()
    )]
    Foreign { path: PathBuf },
}

/// Refuses a directory of another user, who could place symbolic links in it that this user (root,
/// for example) would follow.
pub(super) fn check_owner(dir: &Path) -> Result<(), PlaceError> {
    let owner = std::fs::metadata(dir).map_err(at(dir))?.uid();
    let user = rustix::process::geteuid().as_raw();
    if owner == user { Ok(()) } else { Err(PlaceError::Owner { path: dir.into(), owner, user }) }
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> PlaceError + '_ {
    move |source| PlaceError::Io { path: path.into(), source }
}
