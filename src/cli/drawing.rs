//! Saves drawings of the Draw view as files.

use crate::picture::Drawing;
use crate::ui::SavePictureError;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Maximum number of drawings in one directory.
const MAX_COUNT: u32 = 10_000;

/// Writes a drawing into the working directory under the first free name.
///
/// # Errors
/// If the file cannot be written, or every name is taken.
pub(super) fn save(picture: &Drawing) -> Result<String, SavePictureError> {
    for number in 1..=MAX_COUNT {
        let file = PathBuf::from(format!("nntop-drawing-{number}.png"));
        match picture.save_new_png(&file) {
            Ok(()) => return Ok(file.display().to_string()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let (file, reason) = (file.display().to_string(), error.to_string());
                return Err(SavePictureError::Write { file, reason });
            }
        }
    }
    Err(SavePictureError::TooMany(MAX_COUNT))
}
