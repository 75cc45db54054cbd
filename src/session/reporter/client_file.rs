//! The embedded Python client.

use crate::files::atomic;
use crate::session::run_dir::RunDir;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;

/// The module `nntop` for Python 3.8 and newer.
pub const PYTHON_CLIENT: &str = include_str!("../../../assets/client/nntop.py");
/// The documentation of the lines that a script and its session exchange.
pub const PROTOCOL_TEXT: &str = include_str!("../../../assets/client/PROTOCOL.md");

/// Writes the client into a private directory of the run; returns the `PYTHONPATH` with which
/// scripts find it, followed by the previous directories.
///
/// # Errors
/// If the directory or the file cannot be written.
pub(in crate::session) fn install(run: &RunDir, before: Option<&OsStr>) -> io::Result<OsString> {
    let dir = run.client();
    DirBuilder::new().mode(0o700).recursive(true).create(&dir)?;
    atomic::write(&dir.join("nntop.py"), PYTHON_CLIENT.as_bytes())?;
    let mut path = dir.into_os_string();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        path.push(":");
        path.push(before);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Home;

    #[test]
    fn the_client_is_first_in_the_path() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        let alone = install(&run, None).unwrap();
        assert_eq!(alone, run.client().into_os_string());
        let path = install(&run, Some(OsStr::new("/a:/b"))).unwrap();
        assert_eq!(path.to_str().unwrap(), format!("{}:/a:/b", run.client().display()));
        let file = std::fs::read_to_string(run.client().join("nntop.py")).unwrap();
        assert_eq!(file, PYTHON_CLIENT);
    }
}
