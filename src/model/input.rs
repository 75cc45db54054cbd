//! Reads model files and recognises their format.

use super::{ModelError, safetensors};
use crate::data;
use crate::files;
use std::io::Read;
use std::path::Path;

/// Maximum size of a model file in bytes, and of a JSON file.
const MAX_BYTES: u64 = 2 << 30;
const MAX_JSON_BYTES: u64 = 256 << 20;

pub(super) fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// Whether these are the first bytes of JSON rather than safetensors, which starts with a length,
/// whose high bytes are 0, and a brace.
pub(super) fn begins_as_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_safetensors = bytes.get(8) == Some(&b'{') && bytes[4..8] == [0; 4];
    first == Some(&b'{') && !is_safetensors
}

/// Reads a file that starts like a model.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, ModelError> {
    let wrap = |source| ModelError::Read { file: file.into(), source };
    let foreign = |problem: String| ModelError::Foreign { file: file.into(), problem };
    let (mut opened, length) = files::read::open(file).map_err(wrap)?;
    let mut beginning = Vec::new();
    opened.by_ref().take(64).read_to_end(&mut beginning).map_err(wrap)?;
    let json = begins_as_json(&beginning);
    let most = if json { MAX_JSON_BYTES } else { MAX_BYTES };
    if length > most {
        return Err(ModelError::TooLarge { file: file.into(), most });
    }
    if !json {
        let checked = safetensors::check_beginning(&beginning, length);
        checked.map_err(|problem| {
            if let Some((what, advice)) = data::mistaken_for_model(file) {
                return ModelError::Mistaken { file: file.into(), what, advice };
            }
            let json = "it does not start with a JSON object".to_owned();
            foreign(if is_json(file) { json } else { problem })
        })?;
    }
    let rest = files::read::rest(opened, length - beginning.len() as u64, most).map_err(wrap)?;
    beginning.extend(rest);
    Ok(beginning)
}
