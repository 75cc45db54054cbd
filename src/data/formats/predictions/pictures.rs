//! The pictures of a table of predictions, decoded to one size; one image per row.

use super::super::arrays::{interleave, size_of_row};
use super::super::options::OpenOptions;
use super::super::pictures::{PictureDimensions, SAMPLE, resized_note};
use super::super::source::SourceFile;
use super::columns::{Columns, UndecodedPictures};
use crate::data::decode::{DecodeError, DecodedRaster, decode_bytes, decode_file};
use crate::data::{DataError, Images};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The note for a table without pictures.
pub(super) const NONE: &str = "the table has no pictures: the Digits view shows labels only; give \
                               the test images with --data";
/// Maximum number of unreadable pictures that are listed by name.
const MAX_LISTED: usize = 3;

pub(super) fn decode(
    source: &SourceFile,
    columns: &mut Columns,
    rows: usize,
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<Images, DataError> {
    let mut images = match std::mem::take(&mut columns.pictures) {
        UndecodedPictures::Nothing => {
            notes.push(NONE.into());
            return Ok(Images::default());
        }
        UndecodedPictures::Images(images) => images,
        UndecodedPictures::Rows(shades) => {
            let (width, height, channels) = size_of_row(shades.len() / rows, options);
            let advice = "every row needs the same number of numeric pixels";
            let (mut pixels, note) =
                shades.finish().map_err(|problem| source.unsuitable(problem, advice))?;
            notes.extend(note);
            if channels == 3 {
                interleave(&mut pixels, 3, width * height);
            }
            Images { width, height, channels, pixels, labels: Vec::new() }
        }
        UndecodedPictures::Paths(paths) => {
            let dir = source.path.parent().unwrap_or(Path::new("."));
            let files: Vec<PathBuf> = paths.iter().map(|path| dir.join(path.trim())).collect();
            let packed = files.iter().map(|file| fs::metadata(file).map_or(0, |data| data.len()));
            let packed = packed.sum();
            let name = |row: usize| files[row].display().to_string();
            decode_rows(source, &files, packed, |file| decode_file(file), name, options, notes)?
        }
        UndecodedPictures::Encoded(pictures) => {
            let read =
                |bytes: &Option<Arc<[u8]>>| decode_bytes(bytes.as_deref().unwrap_or_default());
            let name = |row: usize| format!("that of row {}", row + 1);
            decode_rows(source, &pictures, source.len, read, name, options, notes)?
        }
    };
    let found = images.pixels.len() / images.pixels_per_image().max(1);
    if found != rows {
        return Err(source.unsuitable(
            format!("has {found} pictures for {rows} true labels"),
            "the numbers must be equal",
        ));
    }
    if let Some(size) = options.size {
        crate::data::orient::resize(&mut images, size);
    }
    if options.transpose {
        crate::data::orient::transpose(&mut images);
    }
    Ok(images)
}

/// Decodes the picture of every row; pictures that cannot be decoded are blank, with a note.
fn decode_rows<T: Sync>(
    source: &SourceFile,
    items: &[T],
    packed: u64,
    read: impl Fn(&T) -> Result<DecodedRaster, DecodeError> + Sync,
    name: impl Fn(usize) -> String,
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<Images, DataError> {
    let step = items.len().div_ceil(SAMPLE).max(1);
    let first = || items.first().map(|first| read(first).map(drop));
    let Some(mut plan) = PictureDimensions::of(items.iter().step_by(step).map(&read), options)
    else {
        let why = match first() {
            Some(Err(error)) => format!(": the first, {}, {error}", name(0)),
            _ => String::new(),
        };
        return Err(source.unsuitable(
            format!("none of its pictures can be decoded{why}"),
            "paths are taken from the table's own directory",
        ));
    };
    plan.check(&source.path, items.len(), packed)?;
    let mut decoded = plan.decode(items, &read, options);
    if decoded.is_none() {
        plan.channels = 3;
        plan.check(&source.path, items.len(), packed)?;
        decoded = plan.decode(items, &read, options);
    }
    let decoded = decoded.unwrap_or_default();
    notes.extend(resized_note(decoded.resized, decoded.whole.len(), plan, options));
    let size = plan.bytes();
    let pixels = if decoded.broken.is_empty() {
        decoded.pixels
    } else {
        let mut pixels = vec![0; items.len() * size];
        for (&row, picture) in decoded.whole.iter().zip(decoded.pixels.chunks_exact(size)) {
            pixels[row * size..(row + 1) * size].copy_from_slice(picture);
        }
        let (row, why) = &decoded.broken[0];
        let more = if decoded.broken.len() > MAX_LISTED { ", …" } else { "" };
        let names: Vec<String> =
            decoded.broken.iter().take(MAX_LISTED).map(|(row, _)| name(*row)).collect();
        notes.push(format!(
            "{} pictures are blank because they cannot be decoded: {}{more} ({} {why})",
            decoded.broken.len(),
            names.join(", "),
            name(*row)
        ));
        pixels
    };
    let (width, height) = plan.size;
    Ok(Images { width, height, channels: plan.channels, pixels, labels: Vec::new() })
}
