//! Drawings of the dashboard, kept as files.

use crate::picture::Picture;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Drawings in one directory at most.
const MOST: u32 = 10_000;

/// Writes a drawing into the working directory under the first name that is free.
///
/// # Errors
/// A sentence that says what could not be written and why.
pub(super) fn save(picture: &Picture) -> Result<String, String> {
    for number in 1..=MOST {
        let file = PathBuf::from(format!("nntop-drawing-{number}.png"));
        match picture.save_new_png(&file) {
            Ok(()) => {
                let Picture { width, height, .. } = picture;
                return Ok(format!("saved {} ({width}×{height} pixels)", file.display()));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("{} cannot be written: {error}", file.display())),
        }
    }
    Err(format!("there are {MOST} drawings in this directory already; move them elsewhere"))
}
